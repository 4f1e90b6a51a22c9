"""The range of an estimate at any level."""

import math
from datetime import UTC, datetime, timedelta
from statistics import NormalDist

import pytest

from planner.calibration.fit import learn
from planner.calibration.levels import range_at
from planner.calibration.observed import Observed
from planner.calibration.resolve import score_at
from planner.calibration.traits import Traits
from planner.domain.estimate import Quantiles

TOLD = Quantiles.lognormal(100.0, 0.2)


def test_without_runs_it_is_that_of_the_physics_lognormal() -> None:
    low, high = range_at(TOLD, 0.95, None)
    away = NormalDist().inv_cdf(0.975) * 0.2
    assert (low, high) == pytest.approx((100 * math.exp(-away), 100 * math.exp(away)))


def test_with_runs_it_is_as_much_wider_as_left_out_runs_show() -> None:
    who = Traits(groups=("all",))
    start = datetime(2026, 3, 2, tzinfo=UTC)
    rows = [
        Observed(f"r{n}", "duration_s", start + timedelta(hours=n), who, {}, 0.01 * (n % 9) ** 2, 0.3)
        for n in range(60)
    ]
    (learnt,) = learn(rows)
    ratio = score_at(learnt, 0.95) / score_at(learnt, 0.8)
    low, high = range_at(TOLD, 0.95, learnt)
    assert math.log(high / 100) == pytest.approx(ratio * math.log(TOLD.p90 / 100))
    assert math.log(100 / low) == pytest.approx(ratio * math.log(100 / TOLD.p10))


def test_at_eighty_percent_it_is_what_is_told_anyway_and_it_grows_with_the_level() -> None:
    assert range_at(TOLD, 0.8, None) == pytest.approx((TOLD.p10, TOLD.p90))
    widths = [high - low for low, high in (range_at(TOLD, level / 100, None) for level in range(1, 100))]
    assert widths == sorted(widths)


def test_a_figure_that_may_be_0_keeps_its_0_and_an_exact_one_has_no_range() -> None:
    low, high = range_at(Quantiles(p10=0.0, p50=1.0, p90=2.0), 0.95, None)
    assert low == 0
    assert high > 2
    assert range_at(Quantiles.exact(0.0), 0.95, None) == (0.0, 0.0)
    assert range_at(Quantiles.exact(7.0), 0.95, None) == (7.0, 7.0)
