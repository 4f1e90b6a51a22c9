import pytest

from planner.calibration.table_predictions import TablePrediction
from planner.calibration.table_scores import FitsScore, TableScore, summarise
from planner.domain.estimate import Quantiles
from planner.units import GIB

ERRORS = (0.0, 0.1, -0.2, 0.3, 0.5)


def row(number: int, **cells: str) -> dict[str, str]:
    return {"id": str(number), "source": "a/b", "method": "lora", "peak_device_gib": "10", **cells}


def prediction(number: int, error: float, fits: float = 1.0) -> TablePrediction:
    p50 = 10 * GIB * (1 + error)
    quantiles = Quantiles(p10=p50 / 1.25, p50=p50, p90=p50 * 1.25)
    return TablePrediction(str(number), {"peak_device_bytes": quantiles}, fits_probability=fits)


def device(scores: tuple[TableScore, ...], by: str) -> list[TableScore]:
    return [score for score in scores if score.by == by and score.resource == "peak_device_bytes"]


def test_errors_are_medians_and_quantiles_of_what_was_predicted() -> None:
    rows = [row(number) for number in range(6)]
    predictions = [*(prediction(n, error) for n, error in enumerate(ERRORS)), TablePrediction("5", error="no model")]
    summary = summarise(rows, predictions)
    (score,) = device(summary.scores, "all")
    assert (score.num_measured, score.num_predicted) == (6, 5)
    assert score.median_ape == pytest.approx(0.2)
    assert score.p90_ape == pytest.approx(0.3 + 0.6 * 0.2)  # between the fourth and fifth of five
    assert score.coverage_80 == pytest.approx(3 / 5)  # 0.8 x 1.25 is 1.0: on the edge, and inside
    assert (summary.num_rows, summary.num_predicted, summary.errors) == (6, 5, {"no model": 1})


def test_groups_come_largest_first_and_name_what_is_not_stated() -> None:
    rows = [row(0), row(1, source="c/d"), row(2, source="c/d", method="")]
    summary = summarise(rows, [prediction(n, 0.0) for n in range(3)])
    assert [(s.group, s.num_measured) for s in device(summary.scores, "source")] == [("c/d", 2), ("a/b", 1)]
    assert {s.group for s in device(summary.scores, "method")} == {"lora", "(not stated)"}


def test_a_group_without_predictions_has_no_score() -> None:
    summary = summarise([row(0)], [TablePrediction("0", error="no model")])
    (score,) = device(summary.scores, "all")
    assert (score.num_predicted, score.median_ape, score.coverage_80) == (0, None, None)


def test_calls_of_fitting_are_held_against_runs_that_died_and_runs_that_went_well() -> None:
    outcomes = ("oom", "oom", "ok", "ok", "failed")
    rows = [row(n, outcome=outcome) for n, outcome in enumerate(outcomes)]
    chances = (0.1, 0.9, 0.2, 0.8, 0.1)
    predictions = [prediction(n, 0.0, fits=chance) for n, chance in enumerate(chances)]
    expected = FitsScore(num_called=4, num_out_of_memory=2, num_found=1, num_false_alarms=1)
    assert summarise(rows, predictions).fits == expected
