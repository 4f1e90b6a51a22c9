"""Predicts rows of a run table from their configuration alone, or corrected by another table's measurements."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from planner.calibration.apply import apply
from planner.calibration.compare import Case, compare
from planner.calibration.fit import fit
from planner.calibration.observed import Facts
from planner.calibration.table_unstated import is_complete, possible_readings, possible_runs
from planner.calibration.traits import traits_of
from planner.catalog.load import Catalog
from planner.dialects.run_table import FigureFamily, TableRun, read_row
from planner.dialects.run_table_actuals import read_evidence
from planner.domain.calibration import Calibration
from planner.domain.estimate import Estimate, Quantiles, Resource
from planner.domain.run_config import RunConfig
from planner.domain.training_run import Actual, TrainingRun
from planner.errors import InputError
from planner.estimator.constants import PRIOR
from planner.estimator.estimate_run import estimate_run
from planner.estimator.quantile_mixture import mix

PREDICTED: dict[Resource, FigureFamily] = {
    "peak_allocated_bytes": "memory",
    "peak_reserved_bytes": "memory",
    "peak_device_bytes": "memory",
    "tokens_per_s_per_accelerator": "throughput",
}
EXPERIMENT = ""
"""Rows belong to none."""
LEARNT_AT = datetime(2000, 1, 1, tzinfo=UTC)
"""Rows have no dates: one stands for all, so that the same tables give the same calibration."""
FITTED_AT = datetime(2000, 1, 2, tzinfo=UTC)


@dataclass(frozen=True)
class TablePrediction:
    """What one row was predicted to need."""

    id: str
    quantiles: Mapping[Resource, Quantiles] = field(default_factory=dict)
    fits_probability: float | None = None
    error: str | None = None
    """Why a figure is missing; None where none is."""


def predict(readings: Sequence[tuple[float, TableRun]], calibration: Calibration | None) -> TablePrediction:
    """The figures of one row, from the runs it may mean and their weights.

    Never an error: where the estimator refuses the row, ``error`` says why.
    """
    run = readings[0][1]
    if run.config is None:
        return TablePrediction(run.id, error=_joined(run.unpredictable))
    try:
        options = [
            (weight * share, config)
            for weight, reading in readings
            if reading.config is not None
            for share, config in possible_runs(reading.config)
        ]
        estimates = [_estimate(config, calibration) for _, config in options]
        return _figures(run, [weight for weight, _ in options], estimates)
    except InputError as error:
        return TablePrediction(run.id, error=str(error))
    except Exception as error:  # one strange row must not stop the others
        reason = " ".join(str(error).split())[:200]
        return TablePrediction(run.id, error=f"cannot be estimated: {type(error).__name__}: {reason}")


def predict_all(
    rows: Iterable[Mapping[str, str]], catalog: Catalog, calibration: Calibration | None
) -> Iterator[TablePrediction]:
    """The figures of every row, in order; rows that ask for the same run are estimated once."""
    known: dict[tuple[str, ...], TablePrediction] = {}
    for row in rows:
        readings = possible_readings(row, catalog)
        run = readings[0][1]
        hashes = (reading.config.config_hash for _, reading in readings if reading.config is not None)
        key = (repr(run.unpredictable), *hashes)
        if key not in known:
            known[key] = predict(readings, calibration)
        yield replace(known[key], id=run.id)


def learn_from_rows(
    rows: Iterable[Mapping[str, str]],
    catalog: Catalog,
    *,
    without_ids: frozenset[str] = frozenset(),
    progress: Callable[[], None] = lambda: None,
) -> Calibration:
    """What the measured rows of another table say about the physics; rows that are to be predicted are left out."""
    cases: list[Case] = []
    for number, row in enumerate(rows):
        progress()
        evidence = read_evidence(row)
        if evidence == Actual():
            continue
        run = read_row(row, catalog)
        if run.config is None or not is_complete(run.config) or (run.id and run.id in without_ids):
            continue
        measured = {
            resource: getattr(evidence, resource)
            for resource, family in PREDICTED.items()
            if family not in run.unpredictable
        }
        past = TrainingRun(
            run_id=run.id or f"row {number}",
            source="table",
            experiment=EXPERIMENT,
            name=run.config.name,
            status="FINISHED",
            started_at=None,
            ended_at=LEARNT_AT,
            dialect="run_table",
            config=run.config,
            actual=Actual(**measured),
            origins={},
        )
        cases.extend(_cases(past, catalog))
    facts = {case.residuals[0].run_id: Facts(case.who, case.estimate) for case in cases}
    residuals = [residual for case in cases for residual in case.residuals]
    return fit(residuals, as_of=FITTED_AT, prior=PRIOR, facts=facts)


def _cases(run: TrainingRun, catalog: Catalog) -> tuple[Case, ...]:
    """How far off the physics was; nothing where it refuses the run."""
    try:
        return compare([run], catalog.prices).cases
    except Exception:  # one strange row must not stop the others
        return ()


def _estimate(config: RunConfig, calibration: Calibration | None) -> Estimate:
    return apply(calibration, estimate_run(config), traits_of(config, EXPERIMENT))


def _figures(run: TableRun, weights: list[float], estimates: list[Estimate]) -> TablePrediction:
    found: dict[Resource, Quantiles] = {}
    for resource, family in PREDICTED.items():
        each = [estimate.quantiles(resource) for estimate in estimates]
        if family not in run.unpredictable:
            found[resource] = mix(weights, [(one.p10, one.p50, one.p90) for one in each if one is not None])
    fits = sum(w * e.memory.fits_probability for w, e in zip(weights, estimates, strict=True))
    return TablePrediction(
        id=run.id,
        quantiles=found,
        fits_probability=None if "fits" in run.unpredictable else min(fits, 1.0),
        error=_joined(run.unpredictable) if run.unpredictable else None,
    )


def _joined(reasons: Mapping[FigureFamily, str]) -> str:
    """One text for the reasons: one that holds for all figures stands alone."""
    texts = set(reasons.values())
    if len(texts) == 1 and len(reasons) == len(set(PREDICTED.values()) | {"fits"}):
        return texts.pop()
    return "; ".join(f"{family}: {reason}" for family, reason in reasons.items())
