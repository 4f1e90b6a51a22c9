"""Estimates that users were really given, held against what their runs then used."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from planner.calibration.backtest import Prediction, predicted
from planner.calibration.compare import Case
from planner.domain.estimate import Estimate

Origin = Literal["gate", "callback", "forecast"]
WINDOW = timedelta(days=7)
"""A run that starts within so long after its estimate, with the same configuration, is the one that was meant."""


class Told(NamedTuple):
    """An estimate as it was given."""

    origin: Origin
    at: datetime
    estimate: Estimate


class ToldPrediction(Prediction):
    """One resource of a run as it was told before the run started."""

    origin: Origin
    told_at: datetime
    calibration_id: str | None
    """None: physics alone."""


def told_predictions(cases: Iterable[Case], given: Sequence[Told]) -> tuple[ToldPrediction, ...]:
    """For each run and origin the last estimate that was given before it started."""
    by_config: dict[str, list[Told]] = {}
    for told in given:
        by_config.setdefault(told.estimate.config_hash, []).append(told)
    found: list[ToldPrediction] = []
    for case in cases:
        last: dict[Origin, Told] = {}
        for told in sorted(by_config.get(case.estimate.config_hash, ()), key=lambda one: one.at):
            if case.started_at and told.at <= case.started_at <= told.at + WINDOW:
                last[told.origin] = told
        for told in last.values():
            provenance = told.estimate.provenance
            found.extend(
                ToldPrediction(
                    **row.model_dump(), origin=told.origin, told_at=told.at, calibration_id=provenance.calibration_id
                )
                for row in predicted(case, told.estimate)
            )
    return tuple(sorted(found, key=lambda row: (row.ended_at, row.run_id, row.resource, row.origin)))
