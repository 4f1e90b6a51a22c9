import numpy as np
import pytest

from planner.domain.estimate import Z_P90, Quantiles
from planner.forecast.normal_score import at_normal_score, log_spreads


@pytest.mark.parametrize(
    "quantiles",
    [
        Quantiles.exact(5.0),
        Quantiles.exact(0.0),
        Quantiles.lognormal(5.0, 0.7),
        Quantiles(p10=4.0, p50=5.0, p90=50.0),
        Quantiles(p10=0.0, p50=5.0, p90=50.0),
        Quantiles(p10=0.0, p50=0.0, p90=3.0),
    ],
)
def test_the_quantiles_come_back(quantiles: Quantiles) -> None:
    got = at_normal_score(quantiles, np.array([-Z_P90, 0.0, Z_P90]))
    assert got == pytest.approx([quantiles.p10, quantiles.p50, quantiles.p90])


def test_a_lognormal_is_drawn_as_one() -> None:
    z = np.random.default_rng(1).standard_normal(200_000)
    logs = np.log(at_normal_score(Quantiles.lognormal(3.0, 0.5), z))
    assert (logs.mean(), logs.std()) == pytest.approx((np.log(3.0), 0.5), abs=0.005)


def test_no_quantity_is_negative() -> None:
    assert at_normal_score(Quantiles(p10=0.0, p50=5.0, p90=6.0), np.array([-9.0]))[0] == 0.0


def test_spreads_are_those_of_each_side() -> None:
    low, high = log_spreads(Quantiles(p10=1.0, p50=np.e, p90=np.e**3))
    assert (low * Z_P90, high * Z_P90) == pytest.approx((1.0, 2.0))
    assert log_spreads(Quantiles(p10=0.0, p50=1.0, p90=2.0)) == (0.0, 0.0)
