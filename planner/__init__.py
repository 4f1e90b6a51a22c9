"""Foretune's planner, from the bottom up: each folder imports only from those above it in this list.

units, errors      physical units and the error tree
domain/            the nouns: ModelSpec, RunConfig, Accelerator, Price, Estimate, TrainingRun, Programme ...
catalog/           accelerators, open models and dated prices as CSV, and the loader that turns them into base units
dialects/          what the training frameworks log -> RunConfig + Actual, with the origin of every field
estimator/         physics without history: memory, FLOPs, time, storage, network, cost
calibration/       what past runs say about the physics: residuals, fit, apply, backtest
forecast/ gate/ drift/   the coming weeks, one run's verdict, estimate against actual over time
report/            charts and the weekly HTML page, from values
settings, warehouse, sources/   the doors to the outside: environment, DuckDB, MLflow

`flows` (Prefect) and `planner.cli` stand on top.
"""
