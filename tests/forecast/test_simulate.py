import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from planner.calibration.cadence import Cadence
from planner.calibration.posteriors import Normal
from planner.domain.estimate import Estimate, Quantiles
from planner.forecast.block import Block
from planner.forecast.demand import ExpectedUpdate
from planner.forecast.occupancy import Floats, Occupancy, book_on_weeks
from planner.forecast.simulate import shared_variance_ratio, simulate_update

AS_OF = datetime(2026, 1, 5, tzinfo=UTC)
DAY_S, WEEK_S = 86_400.0, 604_800.0
Make = Callable[..., Any]


def block(num_samples: int = 4000, num_weeks: int = 4) -> Block:
    return Block(AS_OF, np.arange(num_weeks + 1, dtype=np.float64) * WEEK_S, "test", 0, num_samples)


@pytest.fixture
def make_update(make_estimate: Callable[..., Estimate], make_cadence: Callable[..., Cadence]) -> Make:
    def make(
        num_slots: int = 1, *, estimate: Any = None, cadence: Any = None, growth: float = 0.0, **fields: Any
    ) -> ExpectedUpdate:
        return ExpectedUpdate(
            name=fields.pop("name", "x"),
            slots=tuple(AS_OF + timedelta(weeks=week) for week in range(num_slots)),
            cadence=make_cadence(**(cadence or {})),
            estimate=make_estimate(**(estimate or {})),
            growth_log_per_slot=Normal(mean=math.log1p(growth), sd=fields.pop("growth_log_sd", 0.0)),
            **fields,
        )

    return make


def total_hours(occupancy: Occupancy) -> Floats:
    return np.asarray(((occupancy.end_s - occupancy.start_s) * occupancy.runs).sum(axis=1) / 3600)


def test_durations_keep_the_quantiles_of_the_estimate(make_update: Make) -> None:
    wanted = Quantiles(p10=3000.0, p50=3600.0, p90=9000.0)
    simulated = simulate_update(make_update(estimate={"duration_s": wanted, "own_runs": 10}), block(40_000))
    got = np.quantile(simulated.end_s - simulated.start_s, (0.1, 0.5, 0.9))
    assert got == pytest.approx([3000, 3600, 9000], rel=0.03)


def test_the_variance_of_a_total_is_that_of_its_shared_and_own_parts(make_update: Make) -> None:
    """With n equal runs of small log SD s: var(mean log) = s^2 x (shared + own / n)."""
    update = make_update(estimate={"duration_s": Quantiles.lognormal(3600.0, 0.01), "own_runs": 3}, runs_per_update=16)
    share = 0.05 + 0.95 * shared_variance_ratio(update.estimate)
    relative = np.log(total_hours(simulate_update(update, block(40_000))) / 16)
    assert relative.std() == pytest.approx(0.01 * np.sqrt(share + (1 - share) / 16), rel=0.02)


def test_two_updates_share_a_twentieth_of_the_variance(make_update: Make) -> None:
    spread = {"duration_s": Quantiles.lognormal(3600.0, 0.1)}
    one, other = (
        np.log(total_hours(simulate_update(make_update(name=name, estimate=spread), block(40_000)))) for name in "ab"
    )
    assert np.corrcoef(np.stack([one, other]))[0, 1] == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize(("own_runs", "share"), [(0, 7 / 8), (1, 7 / 15), (10, 0.1), (1000, 0.1)])
def test_the_more_own_runs_the_less_is_shared(
    own_runs: int, share: float, make_estimate: Callable[..., Estimate]
) -> None:
    """Against the textbook formula, from a precision of 1 / between + n / within."""
    between, within = 7.0, 1.0
    of_mean = 1 / (1 / between + own_runs / within)
    assert shared_variance_ratio(make_estimate(own_runs=own_runs)) == pytest.approx(
        max(0.1, of_mean / (of_mean + within))
    )
    assert shared_variance_ratio(make_estimate(own_runs=own_runs)) == pytest.approx(share)


def test_slots_are_skipped_as_often_as_they_were(make_update: Make) -> None:
    simulated = simulate_update(make_update(4, cadence={"happens_ratio": 0.7}), block())
    assert simulated.runs.sum(axis=1).mean() == pytest.approx(2.8, rel=0.02)


def test_a_slot_may_have_several_updates(make_update: Make) -> None:
    simulated = simulate_update(make_update(2, cadence={"happens_ratio": 2.5}), block())
    assert simulated.runs.sum(axis=1).mean() == pytest.approx(5.0, rel=0.02)
    three = simulated.runs[:, : simulated.runs.shape[1] // 2].sum(axis=1) == 3
    starts_days = simulated.start_s[three, :3] / DAY_S
    assert starts_days == pytest.approx(np.tile([0, 7 / 3, 14 / 3], (starts_days.shape[0], 1)))


def test_how_many_extra_updates_a_slot_has_is_poisson(make_update: Make) -> None:
    """Against the closed form: mean 1 + 1.5, variance 1.5."""
    runs = simulate_update(make_update(1, cadence={"happens_ratio": 2.5}), block(40_000)).runs.sum(axis=1)
    assert runs.mean() == pytest.approx(2.5, rel=0.02)
    assert runs.var() == pytest.approx(1.5, rel=0.04)
    assert runs.min() == 1


def test_an_unsure_growth_widens_later_runs_more(make_update: Make) -> None:
    simulated = simulate_update(make_update(4, growth=0.1, growth_log_sd=0.05), block(40_000))
    spread = np.log(simulated.end_s - simulated.start_s).std(axis=0)
    assert spread == pytest.approx([0.0, 0.05, 0.1, 0.15], rel=0.03, abs=1e-9)


def test_an_unsure_rate_moves_all_slots_together(make_update: Make) -> None:
    unsure = {"happens_ratio": 0.5, "slots_seen": 8.0}
    sure = {"happens_ratio": 0.5}
    spread = [simulate_update(make_update(12, cadence=c), block()).runs.sum(axis=1).std() for c in (unsure, sure)]
    assert spread[0] > 1.3 * spread[1]


def test_failed_attempts_add_half_a_run_each(make_update: Make) -> None:
    """A geometric number of failures with p = .2 has mean .25, a uniform fraction mean .5."""
    simulated = simulate_update(make_update(4, cadence={"failure_probability": 0.2}), block())
    assert simulated.runs.mean() == pytest.approx(1.25, rel=0.01)
    assert (simulated.end_s - simulated.start_s).mean() == pytest.approx(3600 * 1.125, rel=0.01)


def test_slips_have_the_quantiles_that_were_seen(make_update: Make) -> None:
    simulated = simulate_update(make_update(cadence={"slip_s": (1800.0, 7200.0)}), block(40_000))
    assert np.quantile(simulated.start_s, (0.5, 0.9)) == pytest.approx([1800, 7200], rel=0.04)
    assert simulated.start_s.min() >= 0


def test_training_grows_with_the_dataset_and_start_up_does_not(make_update: Make) -> None:
    estimate = {"start_up_s": Quantiles.exact(600.0)}
    simulated = simulate_update(make_update(3, estimate=estimate, growth=0.1), block(2))
    lengths = simulated.end_s[0] - simulated.start_s[0]
    assert lengths == pytest.approx([3600, 600 + 3000 * 1.1, 600 + 3000 * 1.21])


def test_runs_of_fixed_length_do_not_grow(make_update: Make) -> None:
    update = make_update(3, growth=-0.2, length_follows_dataset=False)
    simulated = simulate_update(update, block(2))
    assert simulated.end_s[0] - simulated.start_s[0] == pytest.approx([3600] * 3)


def test_a_shrinking_dataset_shortens_runs(make_update: Make) -> None:
    simulated = simulate_update(make_update(3, growth=-0.5), block(2))
    assert simulated.end_s[0] - simulated.start_s[0] == pytest.approx([3600, 1800, 900])


def test_many_runs_are_bundled_without_loss(make_update: Make) -> None:
    simulated = simulate_update(make_update(runs_per_update=37), block(2))
    assert simulated.runs.shape == (2, 16)
    assert simulated.runs[0].sum() == 37
    assert simulated.accelerators is not None
    assert simulated.accelerators[0].sum() == 37 * 8


def test_checkpoints_of_old_updates_go_and_versions_of_the_dataset_stay(make_update: Make) -> None:
    """120 bytes: 20 of base model once, 40 of dataset an update (growing by half), 60 of checkpoint a run; keep two."""
    rows = {"base_model": 20.0, "dataset": 40.0, "checkpoints": 55.0, "logs": 5.0}
    update = make_update(
        4,
        estimate={"storage_bytes": Quantiles.exact(120.0), "storage_breakdown_bytes": rows},
        runs_per_update=3,
        growth=0.5,
        keep_checkpoints_of_last_updates=2,
    )
    stored = simulate_update(update, block(2)).stored_bytes
    assert stored is not None
    assert stored[0] == pytest.approx(
        [
            20 + 40 + 180,
            20 + 40 + 60 + 360,
            20 + 40 + 60 + 90 + 360,
            20 + 40 + 60 + 90 + 135 + 360,
        ]
    )


def test_each_attempt_fetches_again_and_only_the_data_grows(make_update: Make) -> None:
    rows = {"model_staging": 10.0, "dataset_staging": 20.0, "checkpoint_upload": 30.0}
    estimate = {"network_bytes": Quantiles.exact(60.0), "network_breakdown_bytes": rows}
    calm = simulate_update(make_update(2, estimate=estimate, growth=1.0), block(2))
    assert calm.network_bytes is not None
    assert calm.network_bytes[0] == pytest.approx([60, 10 + 40 + 30])
    failing = simulate_update(make_update(estimate=estimate, cadence={"failure_probability": 0.2}), block())
    assert failing.network_bytes is not None
    assert failing.network_bytes.mean() == pytest.approx(30 * 1.25 + 30 * 1.125, rel=0.01)


def test_cost_is_as_unsure_as_the_estimate_says_and_its_price_is_shared(make_update: Make) -> None:
    estimate = {
        "duration_s": Quantiles.lognormal(3600.0, 0.3),
        "cost_usd": Quantiles.lognormal(16.0, 0.5),
        "own_runs": 1000,
    }
    simulated = simulate_update(make_update(4, estimate=estimate), block(40_000))
    assert simulated.cost_usd is not None
    assert np.log(simulated.cost_usd[:, 0]).std() == pytest.approx(0.5, rel=0.02)
    prices = np.log(simulated.cost_usd / (simulated.end_s - simulated.start_s))
    assert np.ptp(prices, axis=1).max() < 1e-9
    assert prices[:, 0].std() == pytest.approx(0.4, rel=0.02)


def test_storage_and_egress_cost_the_same_for_long_and_short_runs(make_update: Make) -> None:
    rows = {"compute": 12.0, "storage": 3.0, "egress": 1.0}
    update = make_update(2, estimate={"cost_breakdown_usd": rows}, growth=1.0)
    simulated = simulate_update(update, block(2))
    assert simulated.cost_usd is not None
    assert simulated.cost_usd[0] == pytest.approx([12 + 4, 24 + 4])


def test_a_cost_that_is_not_known_stays_unknown(make_update: Make) -> None:
    assert simulate_update(make_update(estimate={"cost_usd": None}), block(2)).cost_usd is None


def test_an_update_without_slots_needs_nothing(make_update: Make) -> None:
    booked = book_on_weeks(simulate_update(make_update(0), block(3)), block(3).bounds_s)
    assert {resource: float(amount.sum()) for resource, amount in booked.items()} == dict.fromkeys(booked, 0.0)
