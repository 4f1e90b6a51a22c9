from typing import Any

import pytest
from pydantic import ValidationError

from planner.domain.owned_price import OwnedPrice, Power
from planner.estimator.energy import run_power
from planner.estimator.estimate_run import estimate_run


def test_an_accelerator_draws_most_of_its_limit_and_its_host_adds_to_it(make_config: Any) -> None:
    cluster = make_config(cluster={"accelerator": "a100-sxm-80gb", "count": 8}).cluster
    draw = run_power(cluster)
    assert draw.power_w is not None
    assert draw.power_w.p50 == pytest.approx(8 * 400 * 1.2)
    assert draw.power_w.p50 == sum(draw.breakdown_w.values())
    assert draw.power_w.p90 < 6500, "a DGX A100 draws at most 6.5 kW by its data sheet"
    assert "pue_ratio" in draw.note


def test_the_building_multiplies_what_the_computers_draw(make_config: Any) -> None:
    given = {"accelerator": "h100-sxm-80gb", "count": 4, "power": {"power_w": 1000, "pue_ratio": 1.3}}
    draw = run_power(make_config(cluster=given).cluster)
    assert draw.breakdown_w == pytest.approx({"computers": 4000.0, "building": 1200.0})
    assert draw.power_w is not None
    assert (draw.power_w.p10, draw.power_w.p50, draw.power_w.p90) == pytest.approx((5200, 5200, 5200))
    assert draw.note == ""


def test_power_that_is_not_published_is_unknown_and_asked_for(make_config: Any) -> None:
    draw = run_power(make_config(cluster={"accelerator": "tpu-v5e"}).cluster)
    assert (draw.power_w, draw.breakdown_w) == (None, {})
    assert "cluster.power.power_w" in draw.note


def test_energy_and_gases_are_power_times_time(make_config: Any) -> None:
    power = {"power_w": 500, "pue_ratio": 1.2, "co2e_g_per_kwh": 380}
    estimate = estimate_run(make_config(cluster={"count": 2, "power": power}))
    assert estimate.energy_j is not None
    assert estimate.co2e_g is not None
    kwh = 1.2 * estimate.duration_s.p50 / 3600
    assert estimate.energy_j.p50 / 3.6e6 == pytest.approx(kwh)
    assert estimate.co2e_g.p50 == pytest.approx(380 * kwh)
    assert estimate.energy_j.p10 < estimate.energy_j.p50 < estimate.energy_j.p90
    slower = estimate.model_copy(update={"duration_s": estimate.duration_s.scale(2.0)})
    assert slower.energy_j is not None
    assert slower.energy_j.p50 == pytest.approx(2 * estimate.energy_j.p50)


def test_without_a_grid_there_are_no_gases_and_nobody_is_told_about_power(make_config: Any) -> None:
    estimate = estimate_run(make_config())
    assert estimate.energy_j is not None
    assert estimate.co2e_g is None
    assert not [note for note in estimate.notes if "energy" in note]


def test_a_machine_of_ones_own_costs_capital_and_space_by_the_hour_in_use() -> None:
    """Worked out by hand: 35,064 hours in four years, half of them used; 730.5 hours a month."""
    owned = OwnedPrice(
        capital_usd=35_064, amortisation_years=4, usd_per_kwh=0.2, space_usd_per_month=73.05, utilisation_ratio=0.5
    )
    assert owned.capital_usd_per_hour == pytest.approx(2.0)
    assert owned.space_usd_per_hour == pytest.approx(0.2)


@pytest.mark.parametrize("pue", [0.9, 5.0])
def test_a_building_cannot_draw_less_than_its_computers(pue: float) -> None:
    with pytest.raises(ValidationError):
        Power(pue_ratio=pue)
