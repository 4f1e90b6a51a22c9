import pytest

from planner.dialects.run_table_actuals import evidence_problem, ran_out_of_memory, read_evidence, read_figures
from planner.domain.training_run import Actual
from planner.units import GIB

ROW = {
    "outcome": "ok", "evidence": "measured", "memory_tier": "A", "throughput_tier": "B", "peak_allocated_gib": "2",
    "peak_reserved_gib": "3", "peak_device_gib": "4", "tokens_per_s_per_accel": "1e3", "step_time_s": "0.5",
    "total_time_s": "60", "total_steps": "120", "checkpoint_bytes": "1000",
}  # fmt: skip


def test_figures_arrive_in_base_units() -> None:
    assert read_figures(ROW) == Actual(
        peak_allocated_bytes=2 * GIB,
        peak_reserved_bytes=3 * GIB,
        peak_device_bytes=4 * GIB,
        tokens_per_s_per_accelerator=1000.0,
        step_time_s=0.5,
        train_s=60.0,
        steps=120,
        checkpoint_bytes=1000.0,
    )


@pytest.mark.parametrize("cell", ["", "-1", "0", "nan", "inf", "1e40", "=1+1", "three"])
def test_a_cell_that_is_no_positive_finite_number_is_no_figure(cell: str) -> None:
    columns = ("peak_allocated_gib", "tokens_per_s_per_accel", "step_time_s", "total_steps", "checkpoint_bytes")
    found = read_figures({**ROW, **dict.fromkeys(columns, cell)})
    assert (found.peak_allocated_bytes, found.tokens_per_s_per_accelerator) == (None, None)
    assert (found.step_time_s, found.steps, found.checkpoint_bytes) == (None, None, None)


def test_a_checkpoint_size_that_was_computed_is_no_figure() -> None:
    assert read_figures({**ROW, "derived_fields": "checkpoint_bytes<-params"}).checkpoint_bytes is None
    assert read_figures({**ROW, "derived_fields": "step_time_s<-total_time_s"}).checkpoint_bytes == 1000


def test_evidence_is_peaks_and_speed_each_by_its_own_tier() -> None:
    assert read_evidence({**ROW, "memory_tier": "C"}) == Actual(tokens_per_s_per_accelerator=1000.0)
    without_speed = read_evidence({**ROW, "throughput_tier": "c"})
    assert without_speed.tokens_per_s_per_accelerator is None
    assert without_speed.peak_device_bytes == 4 * GIB


@pytest.mark.parametrize("cells", [{"outcome": "oom"}, {"outcome": "failed"}, {"evidence": "claimed"}])
def test_failures_and_claims_are_no_evidence(cells: dict[str, str]) -> None:
    assert read_evidence({**ROW, **cells}) == Actual()


def test_a_table_without_these_columns_holds_measurements() -> None:
    assert read_evidence({"peak_device_gib": "4"}) == Actual(peak_device_bytes=4 * GIB)
    assert evidence_problem({}) is None


def test_whether_it_ran_out_of_memory_is_said_or_unknown() -> None:
    said = [ran_out_of_memory({"outcome": word}) for word in ("oom", "OK", "failed", "")]
    assert said == [True, False, None, None]
    assert ran_out_of_memory({}) is None
