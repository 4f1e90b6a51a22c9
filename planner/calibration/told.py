"""Estimates that users were really given, held against what their runs then used."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from planner.calibration.backtest import Prediction, predicted
from planner.calibration.compare import Case
from planner.domain.told_estimate import ToldEstimate

Origin = Literal["gate", "callback", "forecast"]
WINDOW = timedelta(days=7)
"""A run that starts within so long after its estimate, with the same configuration, is the one that was meant."""


class Told(NamedTuple):
    """An estimate as it was given."""

    origin: Origin
    estimate: ToldEstimate
    run_id: str | None = None
    """The run it was made for, where that is known; otherwise it is told by configuration and time."""


class ToldPrediction(Prediction):
    """One resource of a run as it was told before the run started."""

    origin: Origin
    told_at: datetime
    calibration_id: str | None
    """None: physics alone."""


def told_predictions(cases: Iterable[Case], given: Sequence[Told]) -> tuple[ToldPrediction, ...]:
    """For each run and origin the last estimate that was given before it started."""
    by_config: dict[str, list[Told]] = {}
    by_run: dict[str, list[Told]] = {}
    for told in given:
        if told.run_id is None:
            by_config.setdefault(told.estimate.config_hash, []).append(told)
        else:
            by_run.setdefault(told.run_id, []).append(told)
    found: list[ToldPrediction] = []
    for case in cases:
        last: dict[Origin, Told] = {}
        for told in sorted(by_config.get(case.estimate.config_hash, ()), key=lambda one: one.estimate.made_at):
            if case.started_at and told.estimate.made_at <= case.started_at <= told.estimate.made_at + WINDOW:
                last[told.origin] = told
        for told in by_run.get(case.residuals[0].run_id, ()):
            if told.estimate.made_at < case.residuals[0].ended_at:
                last[told.origin] = told
        for told in last.values():
            used = told.estimate.calibration_id
            found.extend(
                ToldPrediction(
                    **row.model_dump(), origin=told.origin, told_at=told.estimate.made_at, calibration_id=used
                )
                for row in predicted(case, told.estimate)
            )
    return tuple(sorted(found, key=lambda row: (row.ended_at, row.run_id, row.resource, row.origin)))
