import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from planner.calibration.fit import fit
from planner.calibration.residuals import Residual
from planner.calibration.resolve import as_group, resolve
from planner.calibration.traits import Traits
from planner.domain.calibration import Calibration, GroupCalibration
from planner.domain.estimate import Z_P90, Resource

START = datetime(2026, 1, 5, tzinfo=UTC)
LATER = START + timedelta(days=3650)


def residual(
    number: int,
    log_ratio: float,
    *,
    accelerator: str = "a100",
    method: str = "lora",
    model: str = "m",
    resource: Resource = "duration_s",
    log_sd: float = 0.3,
) -> Residual:
    names = [f"accelerator={accelerator}", f"method={method}", f"model={model}", "experiment=e"]
    return Residual(
        run_id=f"run-{number:06d}",
        experiment="e",
        resource=resource,
        ended_at=START + timedelta(hours=number),
        groups=("all", *(", ".join(names[: depth + 1]) for depth in range(4))),
        actual=100 * math.exp(log_ratio),
        estimate_p10=100 * math.exp(-1.2815515655446004 * log_sd),
        estimate_p50=100,
        estimate_p90=100 * math.exp(1.2815515655446004 * log_sd),
        log_ratio=log_ratio,
    )


def group(calibration: Calibration, name: str, resource: Resource = "duration_s") -> GroupCalibration:
    """What is told of a run in this group whose finer groups were never seen."""
    names = [] if name == "all" else name.split(", ")
    names += [f"{level}=never seen" for level in ("accelerator", "method", "model", "experiment")[len(names) :]]
    path = ("all", *(", ".join(names[: depth + 1]) for depth in range(4)))
    (learnt,) = (one for one in calibration.resources if one.resource == resource)
    return as_group(learnt, resolve(learnt, Traits(groups=path), {}))


def simulated(num_runs: int, seed: int = 0) -> tuple[list[Residual], dict[tuple[str, str, str], float]]:
    rng = np.random.default_rng(seed)
    accelerators, methods, models = ("a100", "h100", "l40s"), ("full", "lora"), ("m1", "m2", "m3")
    effects = {name: rng.normal(0, 0.25) for name in (*accelerators, *methods, *models)}
    biases = {
        (a, b, c): 0.3 + effects[a] + effects[b] + effects[c] for a in accelerators for b in methods for c in models
    }
    keys = list(biases)
    found = []
    for number in range(num_runs):
        key = keys[int(rng.integers(len(keys)))]
        y = biases[key] + rng.normal(0, 0.1)
        found.append(residual(number, y, accelerator=key[0], method=key[1], model=key[2]))
    return found, biases


def test_a_simulated_history_gives_back_the_biases_of_its_groups() -> None:
    residuals, biases = simulated(360)
    calibration = fit(residuals, as_of=LATER, prior="physics-1")
    errors = [
        group(calibration, f"accelerator={a}, method={b}, model={c}, experiment=e").log_bias - bias
        for (a, b, c), bias in biases.items()
    ]
    assert max(abs(error) for error in errors) < 0.08
    assert math.sqrt(np.mean(np.square(errors))) < 0.03


def test_shrinkage_beats_the_mean_of_each_group_where_runs_are_few() -> None:
    shrunken, plain = [], []
    for seed in range(30):
        residuals, biases = simulated(40, seed)
        calibration = fit(residuals, as_of=LATER, prior="physics-1")
        for (a, b, c), bias in biases.items():
            name = f"accelerator={a}, method={b}, model={c}, experiment=e"
            own = [r.log_ratio for r in residuals if r.groups[4] == name]
            if own:
                shrunken.append(group(calibration, name).log_bias - bias)
                plain.append(float(np.mean(own)) - bias)
    assert np.mean(np.square(shrunken)) < np.mean(np.square(plain))


def test_no_runs_give_a_valid_calibration_without_groups() -> None:
    calibration = fit([], as_of=START, prior="physics-1")
    assert calibration.groups == ()
    assert calibration.resources == ()
    assert calibration.num_runs == 0
    assert calibration.fitted_through is None


def test_only_runs_that_ended_strictly_before_as_of_are_used() -> None:
    residuals = [residual(number, 0.5) for number in range(10)]
    as_of = residuals[4].ended_at
    calibration = fit(residuals, as_of=as_of, prior="physics-1")
    assert calibration.num_runs == 4
    assert calibration.fitted_through == residuals[3].ended_at
    assert calibration.resources == fit(residuals[:4], as_of=as_of, prior="physics-1").resources


def test_of_runs_that_differ_the_newer_ones_count_more() -> None:
    """A run a year older than the newest one counts half."""

    def told(old: float, new: float) -> float:
        first = [residual(number, old) for number in range(20)]
        later = [residual(24 * 2 * 365 + number, new) for number in range(20)]
        known = fit([*first, *later], as_of=LATER, prior="physics-1")
        return group(known, "accelerator=a100, method=lora, model=m, experiment=e").log_bias

    assert told(0.0, 0.2) == pytest.approx(0.16, abs=0.01), "weights of 1 and 1/4 two years apart"
    assert told(0.2, 0.0) == pytest.approx(0.04, abs=0.01)
    assert told(0.1, 0.1) == pytest.approx(0.1, abs=0.01)


def test_the_order_of_arrival_leaves_no_trace() -> None:
    residuals, _ = simulated(200)
    shuffled = [residuals[index] for index in np.random.default_rng(1).permutation(200)]
    assert fit(residuals, as_of=LATER, prior="p") == fit(shuffled, as_of=LATER, prior="p")


def test_data_day_and_prior_each_change_the_id_and_only_data_the_fingerprint() -> None:
    residuals, _ = simulated(20)
    base = fit(residuals, as_of=LATER, prior="p")
    other_day = fit(residuals, as_of=LATER + timedelta(days=1), prior="p")
    other_prior = fit(residuals, as_of=LATER, prior="q")
    other_data = fit(residuals[:-1], as_of=LATER, prior="p")
    assert len({c.calibration_id for c in (base, other_day, other_prior, other_data)}) == 4
    assert base.data_fingerprint == other_day.data_fingerprint == other_prior.data_fingerprint
    assert base.data_fingerprint != other_data.data_fingerprint


def test_a_run_1024_times_off_moves_no_groups_bias_by_more_than_three_percent() -> None:
    residuals, _ = simulated(360)
    clean = fit(residuals, as_of=LATER, prior="p")
    broken = [*residuals, residual(9999, math.log(1024), model="m1")]
    dirty = fit(broken, as_of=LATER, prior="p")
    names = sorted({name for r in residuals for name in r.groups})
    moved = {name: abs(group(clean, name).log_bias - group(dirty, name).log_bias) for name in names}
    assert max(moved.values()) < 0.03


def test_a_lonely_run_1024_times_off_does_not_move_the_groups_around_it() -> None:
    residuals, _ = simulated(360)
    clean = fit(residuals, as_of=LATER, prior="p")
    dirty = fit([*residuals, residual(9999, math.log(1024), model="m-new")], as_of=LATER, prior="p")
    assert abs(group(clean, "all").log_bias - group(dirty, "all").log_bias) < 0.05
    known = "accelerator=h100, method=full, model=m2, experiment=e"
    assert group(dirty, known).log_bias == pytest.approx(group(clean, known).log_bias, abs=0.01)


def test_a_group_that_is_really_ten_times_off_is_believed() -> None:
    rng = np.random.default_rng(0)
    residuals = [residual(n, rng.normal(0, 0.1)) for n in range(100)]
    residuals += [residual(1000 + n, math.log(10) + rng.normal(0, 0.1), accelerator="mi300x") for n in range(15)]
    calibration = fit(residuals, as_of=LATER, prior="p")
    finest = "accelerator=mi300x, method=lora, model=m, experiment=e"
    assert group(calibration, finest).log_bias == pytest.approx(math.log(10), abs=0.05)


def test_runs_without_any_variance_give_a_narrow_defined_interval() -> None:
    calibration = fit([residual(number, 0.4) for number in range(50)], as_of=LATER, prior="p")
    finest = group(calibration, "accelerator=a100, method=lora, model=m, experiment=e")
    assert finest.log_bias == pytest.approx(0.4, abs=0.005)
    assert 0 < finest.log_sd < 0.1
    assert finest.log_p10 < finest.log_bias < finest.log_p90


def test_a_single_run_moves_the_estimate_only_part_of_the_way() -> None:
    calibration = fit([residual(0, 0.4)], as_of=LATER, prior="p")
    finest = group(calibration, "accelerator=a100, method=lora, model=m, experiment=e")
    assert 0 < group(calibration, "all").log_bias < finest.log_bias < 0.4
    assert group(calibration, "all").log_sd > finest.log_sd


def test_a_coarse_group_predicts_a_run_of_a_new_finer_group_and_is_wider() -> None:
    residuals, _ = simulated(360)
    calibration = fit(residuals, as_of=LATER, prior="p")
    finest = group(calibration, "accelerator=a100, method=lora, model=m1, experiment=e")
    assert group(calibration, "all").log_sd > group(calibration, "accelerator=a100").log_sd > finest.log_sd


def test_the_spread_that_nine_in_ten_of_the_accelerators_runs_had_is_kept_for_all_its_groups() -> None:
    sds = [0.2] * 15 + [0.3] * 4 + [0.9]
    residuals = [residual(n, 0.1, log_sd=sd, model=f"m{n % 4}") for n, sd in enumerate(sds)]
    residuals += [residual(100 + n, 0.1, log_sd=0.5, accelerator="h100") for n in range(2)]
    calibration = fit(residuals, as_of=LATER, prior="p")
    a100, h100 = group(calibration, "accelerator=a100, method=lora, model=m1"), group(calibration, "accelerator=h100")
    assert a100.estimate_log_sd == pytest.approx(0.3)
    assert a100.spread_runs == 20
    assert h100.estimate_log_sd == pytest.approx(0.5)
    assert h100.spread_runs == 2
    assert group(calibration, "all").spread_runs == 22
    assert group(calibration, "all").estimate_log_sd == pytest.approx(0.5)


def test_an_estimate_that_may_be_0_has_the_spread_of_its_upper_side() -> None:
    zero_below = residual(0, 0.1, log_sd=0.3).model_copy(update={"estimate_p10": 0.0})
    calibration = fit([zero_below], as_of=LATER, prior="p")
    assert group(calibration, "all").estimate_log_sd == pytest.approx(0.3)


def test_resources_do_not_mix() -> None:
    speeds = [residual(n, -0.3, resource="tokens_per_s_per_accelerator") for n in range(30)]
    durations = [residual(n, 0.5) for n in range(30)]
    both = fit([*speeds, *durations], as_of=LATER, prior="p")
    alone = fit(durations, as_of=LATER, prior="p")
    assert tuple(one for one in both.resources if one.resource == "duration_s") == alone.resources
    assert both.num_runs == 30


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
def test_intervals_hold_the_share_of_further_runs_that_was_asked_for(level: float) -> None:
    residuals, biases = simulated(600)
    (learnt,) = fit(residuals, as_of=LATER, prior="physics-1").resources
    rng = np.random.default_rng(5)
    inside = []
    for (a, b, c), bias in biases.items():
        names = (f"accelerator={a}", f"method={b}", f"model={c}", "experiment=e")
        who = Traits(groups=("all", *(", ".join(names[: depth + 1]) for depth in range(4))))
        told = as_group(learnt, resolve(learnt, who, {}), level)
        further = bias + rng.normal(0, 0.1, 200)
        inside.append((further >= told.log_p10) & (further <= told.log_p90))
    assert np.mean(inside) == pytest.approx(level, abs=0.04)


def test_intervals_of_a_restless_group_are_as_much_wider_as_its_runs_vary() -> None:
    dice = np.random.default_rng(0)
    sds = {"a100": 0.05, "h100": 0.2}
    residuals = [
        residual(number, float(dice.normal(0, sds[accelerator])), accelerator=accelerator)
        for number, accelerator in enumerate(["a100", "h100"] * 250)
    ]
    calibration = fit(residuals, as_of=LATER, prior="p")
    for accelerator, sd in sds.items():
        found = group(calibration, f"accelerator={accelerator}, method=lora, model=m, experiment=e")
        assert found.log_p90 - found.log_bias == pytest.approx(Z_P90 * sd, rel=0.15)
