"""Holds the predictions of a run table against its measured columns, after they were made."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np

from planner.calibration.table_predictions import PREDICTED, TablePrediction
from planner.dialects.run_table_actuals import ran_out_of_memory, read_evidence
from planner.domain import Frozen
from planner.domain.estimate import Quantiles, Resource

Grouping = Literal["all", "source", "method", "accelerator"]
GROUPINGS: tuple[Grouping, ...] = ("all", "source", "method", "accelerator")


class TableScore(Frozen):
    """How good the predictions of one resource are in one group of rows. Ratios."""

    resource: Resource
    by: Grouping
    group: str
    num_measured: int
    num_predicted: int
    median_ape: float | None
    """Median of |predicted / measured - 1|; None where nothing was predicted."""
    p90_ape: float | None
    coverage_80: float | None
    """Share of the measured figures within p10 and p90."""


class FitsScore(Frozen):
    """Rows called to fit or not, by a probability of one half, against whether they ran out of memory."""

    num_called: int
    num_out_of_memory: int
    num_found: int
    """Out of memory, and called so."""
    num_false_alarms: int


class TableSummary(Frozen):
    """A whole backtest."""

    num_rows: int
    num_predicted: int
    """Rows with at least one figure."""
    errors: dict[str, int]
    """Reason -> rows, the most frequent first."""
    scores: tuple[TableScore, ...]
    fits: FitsScore


def summarise(rows: Sequence[Mapping[str, str]], predictions: Sequence[TablePrediction]) -> TableSummary:
    """Scores by source, method and accelerator, of measured figures that are not of tier C."""
    pairs: dict[tuple[Resource, Grouping, str], list[tuple[float, Quantiles | None]]] = {}
    for row, prediction in zip(rows, predictions, strict=True):
        evidence = read_evidence(row)
        for resource in PREDICTED:
            actual: float | None = getattr(evidence, resource)
            if actual is None:
                continue
            for by in GROUPINGS:
                group = "all" if by == "all" else (str(row.get(by) or "").strip()[:100] or "(not stated)")
                pairs.setdefault((resource, by, group), []).append((actual, prediction.quantiles.get(resource)))
    errors: dict[str, int] = {}
    for prediction in predictions:
        if prediction.error is not None:
            errors[prediction.error] = errors.get(prediction.error, 0) + 1
    order = {name: place for place, name in enumerate(GROUPINGS)}
    return TableSummary(
        num_rows=len(rows),
        num_predicted=sum(bool(prediction.quantiles) for prediction in predictions),
        errors=dict(sorted(errors.items(), key=lambda item: (-item[1], item[0]))),
        scores=tuple(
            _score(key, found)
            for key, found in sorted(pairs.items(), key=lambda i: (i[0][0], order[i[0][1]], -len(i[1]), i[0][2]))
        ),
        fits=_fits(zip(rows, predictions, strict=True)),
    )


def _score(key: tuple[Resource, Grouping, str], pairs: list[tuple[float, Quantiles | None]]) -> TableScore:
    resource, by, group = key
    predicted = [(actual, quantiles) for actual, quantiles in pairs if quantiles is not None]
    errors = np.array([abs(quantiles.p50 / actual - 1) for actual, quantiles in predicted])
    within = [quantiles.p10 <= actual <= quantiles.p90 for actual, quantiles in predicted]
    return TableScore(
        resource=resource,
        by=by,
        group=group,
        num_measured=len(pairs),
        num_predicted=len(predicted),
        median_ape=float(np.median(errors)) if predicted else None,
        p90_ape=float(np.quantile(errors, 0.9)) if predicted else None,
        coverage_80=sum(within) / len(within) if predicted else None,
    )


def _fits(pairs: Iterable[tuple[Mapping[str, str], TablePrediction]]) -> FitsScore:
    called = [
        (died, prediction.fits_probability < 0.5)
        for row, prediction in pairs
        if prediction.fits_probability is not None and (died := ran_out_of_memory(row)) is not None
    ]
    return FitsScore(
        num_called=len(called),
        num_out_of_memory=sum(died for died, _ in called),
        num_found=sum(died and call for died, call in called),
        num_false_alarms=sum(call and not died for died, call in called),
    )
