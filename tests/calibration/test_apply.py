import math
from datetime import UTC, datetime

import numpy as np
import pytest

from planner.calibration.apply import apply
from planner.calibration.intervals import calibrated, combined_half_width, excess_ratio
from planner.catalog.load import load_catalog
from planner.domain.calibration import Calibration, GroupCalibration
from planner.domain.estimate import Z_P90, Correction, Estimate, Quantiles, Resource
from planner.domain.run_config import RunConfig
from planner.estimator.estimate_run import estimate_run
from planner.estimator.wall_time import WORK_ROWS

GROUPS = ("all", "accelerator=a100", "accelerator=a100, method=lora")
PEAKS: tuple[Resource, ...] = ("peak_allocated_bytes", "peak_reserved_bytes", "peak_device_bytes")


@pytest.fixture(scope="module")
def estimate() -> Estimate:
    catalog = load_catalog()
    fields = {
        "model": "llama-3.1-8b",
        "method": "lora",
        "lora": {"rank": 16, "targets": "all_linear"},
        "precision": "bf16",
        "seq_len": 2048,
        "batching": "packed",
        "micro_batch_size": 2,
        "gradient_accumulation_steps": 8,
        "max_steps": 500,
        "activation_checkpointing": "full",
        "attention": "flash",
        "loss": "full_logits",
        "cluster": {"accelerator": "a100-sxm-80gb", "count": 1, "usd_per_accelerator_hour": 2.0},
    }
    return estimate_run(RunConfig.model_validate(fields, context={"catalog": catalog}), catalog.prices)


def learnt(
    resource: Resource, factor: float, *, group: str = "all", num_runs: int = 1000, sd: float = 0.05
) -> GroupCalibration:
    bias = math.log(factor)
    return GroupCalibration(
        resource=resource,
        group=group,
        num_runs=num_runs,
        log_bias=bias,
        log_sd=sd,
        log_p10=bias - Z_P90 * sd,
        log_p90=bias + Z_P90 * sd,
        spread_runs=num_runs,
        estimate_log_sd=1.0,
    )


def calibration(*groups: GroupCalibration) -> Calibration:
    day = datetime(2026, 6, 1, tzinfo=UTC)
    return Calibration(
        calibration_id="abc",
        as_of=day,
        fitted_through=day,
        num_runs=1000,
        data_fingerprint="f",
        prior="p",
        groups=groups,
    )


def test_without_a_calibration_the_estimate_comes_back_as_it_is(estimate: Estimate) -> None:
    assert apply(None, estimate, GROUPS) is estimate


def test_a_calibration_that_knows_nothing_of_the_groups_changes_only_the_provenance(estimate: Estimate) -> None:
    changed = apply(calibration(learnt("duration_s", 2, group="accelerator=h100")), estimate, GROUPS)
    assert changed.provenance.calibration_id == "abc"
    assert changed.model_copy(update={"provenance": estimate.provenance}) == estimate


def test_the_finest_group_with_runs_decides_and_is_recorded(estimate: Estimate) -> None:
    found = calibration(
        learnt("tokens_per_s_per_accelerator", 0.5, group=GROUPS[0]),
        learnt("tokens_per_s_per_accelerator", 0.8, group=GROUPS[2], num_runs=7),
        learnt("tokens_per_s_per_accelerator", 0.6, group=GROUPS[1]),
    )
    changed = apply(found, estimate, GROUPS)
    (correction,) = changed.provenance.corrections
    assert correction.factor == pytest.approx(0.8)
    assert correction == Correction(
        resource="tokens_per_s_per_accelerator", group=GROUPS[2], factor=correction.factor, num_runs=7
    )
    expected = 0.8 * estimate.tokens_per_s_per_accelerator.p50
    assert changed.tokens_per_s_per_accelerator.p50 == pytest.approx(expected)


def test_duration_and_cost_follow_from_speed_and_start_up(estimate: Estimate) -> None:
    changed = apply(calibration(learnt("tokens_per_s_per_accelerator", 0.5), learnt("start_up_s", 3)), estimate, GROUPS)
    old = estimate.duration_breakdown_s
    works = sum(old.get(row, 0.0) for row in WORK_ROWS)
    expected = 3 * old["start_up"] + 2 * works + old["checkpoints"]
    assert changed.duration_s.p50 == pytest.approx(expected)
    assert sum(changed.duration_breakdown_s.values()) == pytest.approx(expected)
    assert changed.cost_breakdown_usd["compute"] == pytest.approx(2.0 * expected / 3600)
    assert changed.mfu == pytest.approx(estimate.mfu / 2)


def test_the_durations_own_history_is_used_where_the_speed_has_none(estimate: Estimate) -> None:
    changed = apply(calibration(learnt("duration_s", 1.5)), estimate, GROUPS)
    assert changed.duration_s.p50 == pytest.approx(1.5 * estimate.duration_s.p50)
    assert sum(changed.duration_breakdown_s.values()) == pytest.approx(changed.duration_s.p50)
    assert changed.cost_breakdown_usd["compute"] == pytest.approx(1.5 * estimate.cost_breakdown_usd["compute"])
    assert changed.tokens_per_s_per_accelerator == estimate.tokens_per_s_per_accelerator


@pytest.mark.parametrize(("speed_group", "uses_duration"), [(GROUPS[0], True), (GROUPS[2], False), (GROUPS[1], False)])
def test_a_finer_history_of_the_duration_goes_before_a_coarser_one_of_the_speed(
    estimate: Estimate, speed_group: str, uses_duration: bool
) -> None:
    found = calibration(
        learnt("tokens_per_s_per_accelerator", 0.5, group=speed_group),
        learnt("start_up_s", 1.0, group=GROUPS[2]),
        learnt("duration_s", 1.5, group=GROUPS[1]),
    )
    changed = apply(found, estimate, GROUPS)
    assert (changed.duration_s.p50 == pytest.approx(1.5 * estimate.duration_s.p50)) is uses_duration
    assert ("duration_s" in {c.resource for c in changed.provenance.corrections}) is uses_duration


def test_the_durations_own_history_is_used_where_start_up_has_none(estimate: Estimate) -> None:
    found = calibration(learnt("tokens_per_s_per_accelerator", 0.5), learnt("duration_s", 1.5))
    changed = apply(found, estimate, GROUPS)
    assert changed.duration_s.p50 == pytest.approx(1.5 * estimate.duration_s.p50)
    assert changed.tokens_per_s_per_accelerator.p50 == pytest.approx(0.5 * estimate.tokens_per_s_per_accelerator.p50)


def test_the_costs_own_history_is_used_only_where_time_has_none(estimate: Estimate) -> None:
    assert estimate.cost_usd is not None
    alone = apply(calibration(learnt("cost_usd", 1.2)), estimate, GROUPS)
    assert alone.cost_usd is not None
    assert alone.cost_usd.p50 == pytest.approx(1.2 * estimate.cost_usd.p50)
    both = apply(calibration(learnt("cost_usd", 1.2), learnt("duration_s", 2)), estimate, GROUPS)
    assert both.cost_breakdown_usd["compute"] == pytest.approx(2 * estimate.cost_breakdown_usd["compute"])
    assert [c.resource for c in both.provenance.corrections] == ["duration_s"]


def test_an_unmeasured_peak_borrows_from_the_nearest_measured_one(estimate: Estimate) -> None:
    changed = apply(calibration(learnt("peak_reserved_bytes", 1.2, num_runs=9)), estimate, GROUPS)
    for peak in PEAKS:
        assert getattr(changed.memory, peak).p50 == pytest.approx(1.2 * getattr(estimate.memory, peak).p50)
    assert [(c.resource, c.num_runs) for c in changed.provenance.corrections] == [(peak, 9) for peak in PEAKS]


@pytest.mark.parametrize("factors", [(1.6, 1.0, 1.0), (1.0, 1.0, 0.5), (0.5, 2.0, 0.7)])
@pytest.mark.parametrize("runs", [(5, 50, 500), (500, 50, 5), (50, 500, 5)])
def test_each_peak_stays_within_the_next_and_the_best_known_one_stays_put(
    estimate: Estimate, factors: tuple[float, ...], runs: tuple[int, ...]
) -> None:
    groups = [learnt(peak, f, num_runs=n) for peak, f, n in zip(PEAKS, factors, runs, strict=True)]
    memory = apply(calibration(*groups), estimate, GROUPS).memory
    for level in ("p10", "p50", "p90"):
        values = [getattr(getattr(memory, peak), level) for peak in PEAKS]
        assert values == sorted(values)
    best = runs.index(max(runs))
    physics = getattr(estimate.memory, PEAKS[best]).p50
    assert getattr(memory, PEAKS[best]).p50 == pytest.approx(factors[best] * physics)


def test_the_probability_of_fitting_follows_the_corrected_peak(estimate: Estimate) -> None:
    room = estimate.memory.usable_bytes / estimate.memory.peak_allocated_bytes.p50
    tight = apply(calibration(learnt("peak_allocated_bytes", 1.2 * room)), estimate, GROUPS)
    loose = apply(calibration(learnt("peak_allocated_bytes", 0.5 * room)), estimate, GROUPS)
    assert tight.memory.fits_probability < 0.05
    assert loose.memory.fits_probability > 0.95


def test_checkpoints_move_the_rows_of_storage_and_network_that_hold_them(estimate: Estimate) -> None:
    changed = apply(calibration(learnt("checkpoint_bytes", 3)), estimate, GROUPS)
    more = 2 * estimate.storage_breakdown_bytes["checkpoints"]
    assert changed.checkpoint_bytes.p50 == pytest.approx(3 * estimate.checkpoint_bytes.p50)
    assert changed.storage_bytes.p50 == pytest.approx(estimate.storage_bytes.p50 + more)
    assert sum(changed.storage_breakdown_bytes.values()) == pytest.approx(changed.storage_bytes.p50)
    uploaded = 2 * estimate.network_breakdown_bytes["checkpoint_upload"]
    assert changed.network_bytes.p50 == pytest.approx(estimate.network_bytes.p50 + uploaded)


def test_without_runs_the_spread_is_the_physics_and_with_many_the_runs() -> None:
    assert combined_half_width(0.4, 0.1, spread_runs=0) == 0.4
    assert combined_half_width(0.4, 0.1, spread_runs=10**9) == pytest.approx(0.1)
    widths = [combined_half_width(0.4, 0.1, spread_runs=n) for n in range(30)]
    assert widths == sorted(widths, reverse=True)


def test_the_two_spreads_meet_in_the_precision_weighted_mean_of_their_logs() -> None:
    # Independent: two estimates of the log of an SD, the physics' off by a factor of four, that of n runs by 1/(2n).
    for n in (1, 2, 7):
        precisions = np.array([1 / math.log(4) ** 2, 2 * n])
        expected = math.exp(np.average(np.log([0.4, 0.1]), weights=precisions))
        assert combined_half_width(0.4, 0.1, spread_runs=n) == pytest.approx(expected, rel=0.02)


def test_a_figure_the_physics_calls_exact_spreads_once_runs_do() -> None:
    assert combined_half_width(0.0, 0.2, spread_runs=0) == 0.0
    assert 0.1 < combined_half_width(0.0, 0.2, spread_runs=2) < 0.2


def test_what_the_physics_is_less_certain_of_than_for_the_past_runs_stays() -> None:
    group = learnt("duration_s", 1.0, num_runs=10**9, sd=0.1 / Z_P90).model_copy(update={"estimate_log_sd": 0.25})
    width = math.log(calibrated(Quantiles.lognormal(100, 0.8), group).p90 / 100)
    ordinary = 1.2 * 0.25
    assert width == pytest.approx(math.sqrt(0.1**2 + Z_P90**2 * (0.8**2 - ordinary**2)))


def test_an_ordinary_difference_of_the_physics_spread_widens_nothing() -> None:
    group = learnt("duration_s", 1.0, num_runs=10**9, sd=0.1 / Z_P90).model_copy(update={"estimate_log_sd": 0.25})
    for log_sd in (0.1, 0.25, 0.3):
        assert math.log(calibrated(Quantiles.lognormal(100, log_sd), group).p90 / 100) == pytest.approx(0.1, rel=1e-6)
        assert excess_ratio(log_sd, 0.25) == pytest.approx(0, abs=1e-12)


def test_a_lopsided_spread_is_no_excess() -> None:
    lopsided = Quantiles(p10=100 * math.exp(-0.1), p50=100, p90=100 * math.exp(0.5))
    group = learnt("duration_s", 1.0, num_runs=10**9).model_copy(update={"estimate_log_sd": 0.3 / Z_P90})
    found = calibrated(lopsided, group)
    assert found.p90 / found.p50 == pytest.approx(found.p50 / found.p10, rel=1e-6)


def test_a_small_group_of_a_well_known_accelerator_owes_little_to_the_physics() -> None:
    physics = Quantiles.lognormal(100, 0.7)
    alone = learnt("start_up_s", 1.0, num_runs=2, sd=0.05)
    among_many = alone.model_copy(update={"spread_runs": 70})
    assert calibrated(physics, among_many).log_sd == pytest.approx(0.05, rel=0.02)
    assert calibrated(physics, alone).log_sd > calibrated(physics, among_many).log_sd


def test_a_copy_of_a_calibration_with_other_groups_is_applied_with_those(estimate: Estimate) -> None:
    first = calibration(learnt("duration_s", 1.5))
    apply(first, estimate, GROUPS)
    other = first.model_copy(update={"groups": (learnt("duration_s", 2.0),)})
    assert apply(other, estimate, GROUPS).duration_s.p50 == pytest.approx(2.0 * estimate.duration_s.p50)


def test_each_side_of_the_median_keeps_its_own_spread() -> None:
    group = learnt("duration_s", 1.0, num_runs=5, sd=0.01)
    wide_above = calibrated(Quantiles(p10=90, p50=100, p90=300), group)
    assert wide_above.p90 / wide_above.p50 > wide_above.p50 / wide_above.p10 > 1


def test_a_lower_quantile_of_zero_is_defined() -> None:
    found = calibrated(Quantiles(p10=0, p50=100, p90=200), learnt("network_bytes", 1.0))
    assert 0 < found.p10 < 100 < found.p90


def test_slower_checkpoints_lengthen_the_run_by_what_they_take_longer(estimate: Estimate) -> None:
    assert estimate.checkpoint_s is not None
    changed = apply(calibration(learnt("checkpoint_s", 3.0)), estimate, GROUPS)
    longer_s = 2 * estimate.checkpoint_s.p50
    assert changed.checkpoint_s is not None
    assert changed.checkpoint_s.p50 == pytest.approx(3 * estimate.checkpoint_s.p50)
    assert changed.duration_s.p50 == pytest.approx(estimate.duration_s.p50 + longer_s)
    assert sum(changed.duration_breakdown_s.values()) == pytest.approx(changed.duration_s.p50)
    assert changed.cost_breakdown_usd["compute"] == pytest.approx(2.0 * changed.duration_s.p50 / 3600)
    both = apply(calibration(learnt("checkpoint_s", 3.0), learnt("duration_s", 1.5)), estimate, GROUPS)
    assert both.duration_s.p50 == pytest.approx(1.5 * estimate.duration_s.p50)


def test_energy_corrects_the_power_beside_time(estimate: Estimate) -> None:
    drawing = estimate.model_copy(
        update={"power_w": Quantiles.lognormal(400.0, 0.2), "power_breakdown_w": {"all": 400}}
    )
    changed = apply(calibration(learnt("energy_j", 0.8), learnt("duration_s", 1.5)), drawing, GROUPS)
    assert changed.power_w is not None
    assert changed.energy_j is not None
    assert changed.power_w.p50 == pytest.approx(320.0)
    assert changed.power_breakdown_w == {"all": pytest.approx(320.0)}
    assert changed.energy_j.p50 == pytest.approx(320.0 * changed.duration_s.p50)
