import pytest

from planner.calibration.residuals import measured
from planner.domain.training_run import Actual

ACTUAL = Actual(duration_s=100.0, start_up_s=20.0, tokens_per_s_per_accelerator=900.0, host_peak_bytes=7.0)


def test_the_steady_speed_counts_where_steps_were_timed() -> None:
    assert measured(ACTUAL, "tokens_per_s_per_accelerator") == 900.0
    timed = ACTUAL.model_copy(update={"steady_tokens_per_s_per_accelerator": 1000.0})
    assert measured(timed, "tokens_per_s_per_accelerator") == 1000.0


@pytest.mark.parametrize(("tail_s", "outside_s"), [(None, 20.0), (0.0, 20.0), (5.0, 25.0)])
def test_time_before_and_after_training_is_one_figure(tail_s: float | None, outside_s: float) -> None:
    assert measured(ACTUAL.model_copy(update={"tail_s": tail_s}), "start_up_s") == outside_s


def test_other_figures_are_those_of_the_run_and_what_is_unknown_stays_unknown() -> None:
    assert measured(ACTUAL, "host_peak_bytes") == 7.0
    assert measured(ACTUAL, "peak_device_bytes") is None
    assert measured(Actual(tail_s=3.0), "start_up_s") is None
