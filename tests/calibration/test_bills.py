"""Costs learnt from bills: what a price is off by, beyond what time explains."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from planner.calibration.apply import apply
from planner.calibration.backtest import Prediction, rolling_origin
from planner.calibration.compare import Case
from planner.calibration.fit import METHOD, fit
from planner.calibration.intervals import calibrated, corrected_factor
from planner.calibration.observed import Facts
from planner.calibration.residuals import Residual
from planner.domain.calibration import GroupCalibration
from planner.domain.estimate import Z_P90, Quantiles, Resource
from planner.estimator.estimate_run import estimate_run
from tests.plain_run import plain_run

START = datetime(2026, 1, 5, tzinfo=UTC)
GROUPS = ("all", "accelerator=a100-80gb")
CONFIG = plain_run(max_steps=50000, cluster={"accelerator": "a100-80gb", "usd_per_accelerator_hour": 2.0})
PHYSICS = estimate_run(CONFIG)
TIME_SD, PRICE_SD = 0.05, 0.2


def residual(number: int, resource: Resource, log_ratio: float) -> Residual:
    told = PHYSICS.quantiles(resource)
    assert told is not None
    return Residual(
        run_id=f"r{number:03d}",
        experiment="e",
        resource=resource,
        ended_at=START + timedelta(hours=number),
        groups=GROUPS,
        actual=told.p50 * math.exp(log_ratio),
        estimate_p10=told.p10,
        estimate_p50=told.p50,
        estimate_p90=told.p90,
        log_ratio=log_ratio,
    )


def billed(num_runs: int) -> list[Case]:
    """Runs a third slower than the physics says, at prices a fifth above the list's, which vary more than time does."""
    dice = np.random.default_rng(5)
    cases = []
    for number in range(num_runs):
        time = 0.3 + float(dice.normal(0, TIME_SD))
        price = 0.2 + float(dice.normal(0, PRICE_SD))
        rows = (residual(number, "duration_s", time), residual(number, "cost_usd", time + price))
        cases.append(Case(PHYSICS, rows))
    return cases


@pytest.fixture(scope="module")
def costs() -> list[Prediction]:
    found = rolling_origin(billed(160), prior="p", max_refits=40)
    return [one for one in found if one.resource == "cost_usd"][40:]


def test_bills_correct_the_price_beside_time(costs: list[Prediction]) -> None:
    assert np.median([math.log(one.actual / one.p50) for one in costs]) == pytest.approx(0, abs=0.05)


def test_intervals_of_cost_are_as_wide_as_bills_vary(costs: list[Prediction]) -> None:
    assert 0.72 <= np.mean([one.within for one in costs]) <= 0.88


def test_time_and_price_are_each_shown_as_a_correction() -> None:
    cases = billed(60)
    facts = {case.residuals[0].run_id: Facts(case.who, case.estimate) for case in cases}
    rows = [row for case in cases for row in case.residuals]
    learnt = fit(rows, as_of=START + timedelta(days=999), prior="p", facts=facts)
    told = apply(learnt, PHYSICS, GROUPS)
    factors = {one.resource: one.factor for one in told.provenance.corrections}
    assert math.log(factors["duration_s"]) == pytest.approx(0.3, abs=0.03)
    assert math.log(factors["cost_usd"]) == pytest.approx(0.2, abs=0.08)
    assert told.cost_usd is not None
    assert PHYSICS.cost_usd is not None
    whole = told.cost_usd.p50 / PHYSICS.cost_usd.p50
    assert whole == pytest.approx(factors["duration_s"] * factors["cost_usd"], rel=0.01)
    assert sum(told.cost_breakdown_usd.values()) == pytest.approx(told.cost_usd.p50)


def test_versions_that_learnt_cost_as_a_whole_use_it_only_where_time_was_not_learnt() -> None:
    def group(resource: Resource, factor: float) -> GroupCalibration:
        bias = math.log(factor)
        return GroupCalibration(
            resource=resource,
            group="all",
            num_runs=9,
            log_bias=bias,
            log_sd=0.1,
            log_p10=bias - 0.1,
            log_p90=bias + 0.1,
        )

    version = fit([], as_of=START, prior="p").model_copy(
        update={"groups": (group("duration_s", 2.0), group("cost_usd", 3.0))}
    )
    assert version.method == METHOD
    old = apply(version.model_copy(update={"method": "nested-normal-2"}), PHYSICS, GROUPS)
    new = apply(version, PHYSICS, GROUPS)
    assert [one.resource for one in old.provenance.corrections] == ["duration_s"]
    assert new.cost_usd is not None
    assert old.cost_usd is not None
    assert new.cost_usd.p50 == pytest.approx(3.0 * old.cost_usd.p50)


def test_the_spread_of_a_product_is_that_of_its_factors() -> None:
    factor, product = Quantiles.lognormal(10.0, 0.3), Quantiles.lognormal(20.0, math.hypot(0.3, 0.4))
    group = GroupCalibration(
        resource="cost_usd", group="all", num_runs=10**6, log_bias=0.1, log_sd=0.2,
        log_p10=0.1 - 0.2 * Z_P90, log_p90=0.1 + 0.2 * Z_P90, estimate_log_sd=1.0,
    )  # fmt: skip
    found = corrected_factor(product, factor, group)
    assert found.log_sd == pytest.approx(math.hypot(0.3, 0.2), rel=1e-4)
    assert found.p50 == pytest.approx(20 * math.exp(0.1))
    alone = corrected_factor(product, Quantiles.exact(10.0), group)
    assert alone.p90 == pytest.approx(calibrated(product, group).p90)
