import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from planner.domain.estimate import Moment, Quantiles


def test_quantiles_that_fall_are_refused() -> None:
    with pytest.raises(ValidationError, match="must not fall"):
        Quantiles(p10=2.0, p50=1.0, p90=3.0)


def test_nan_is_no_quantity() -> None:
    with pytest.raises(ValidationError):
        Quantiles(p10=math.nan, p50=1.0, p90=3.0)


@given(st.floats(1e-6, 1e12), st.floats(0, 2))
def test_a_lognormal_gives_its_spread_back(p50: float, log_sd: float) -> None:
    assert Quantiles.lognormal(p50, log_sd).log_sd == pytest.approx(log_sd, abs=1e-9)


def test_scale_and_shift_keep_the_order() -> None:
    quantiles = Quantiles(p10=1.0, p50=2.0, p90=4.0)
    assert quantiles.scale(3.0) == Quantiles(p10=3.0, p50=6.0, p90=12.0)
    assert quantiles.shift(-1.0) == Quantiles(p10=0.0, p50=1.0, p90=3.0)
    assert Quantiles.exact(0.0).log_sd == 0.0


def test_a_moments_total_is_the_sum_of_its_tenants() -> None:
    assert Moment(name="load", tenants_bytes={"weights": 3.0, "adapter": 1.0}).total_bytes == 4.0
