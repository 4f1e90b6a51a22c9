import math
from typing import get_args

import pytest

from planner.domain.estimate import Resource
from planner.report.page import ForecastResource
from planner.report.quantities import (
    QUANTITIES,
    axis_unit,
    format_factor,
    format_log_factor,
    format_ratio,
    format_value,
    in_page_order,
)
from planner.units import DAY_S, GIB, HOUR_S, MIB


def test_every_resource_has_a_name_for_people() -> None:
    assert set(QUANTITIES) == {*get_args(Resource), *get_args(ForecastResource), "energy_j", "co2e_g"}


@pytest.mark.parametrize(
    ("resource", "largest", "unit", "scale"),
    [
        ("storage_bytes", 3 * 1024 * GIB, "TiB", 1024 * GIB),
        ("peak_device_bytes", 70 * GIB, "GiB", GIB),
        ("peak_device_bytes", 5 * MIB, "MiB", MIB),
        ("peak_device_bytes", 10.0, "MiB", MIB),
        ("duration_s", 2 * DAY_S, "hours", HOUR_S),
        ("duration_s", 5 * DAY_S, "days", DAY_S),
        ("duration_s", 12.0, "seconds", 1.0),
        ("cost_usd", 5000.0, "USD", 1.0),
        ("cost_usd", 50_000.0, "thousand USD", 1000.0),
        ("runs", 12.0, "count", 1.0),
        ("energy_j", 7.2e6, "kWh", 3.6e6),
        ("co2e_g", 500.0, "kg", 1000.0),
    ],
)
def test_an_axis_has_the_unit_in_which_its_largest_value_is_easy_to_read(
    resource: str, largest: float, unit: str, scale: float
) -> None:
    found = axis_unit(resource, [0.0, largest])
    assert (found.name, found.scale) == (unit, scale)
    assert axis_unit(resource, []).scale <= scale


@pytest.mark.parametrize(
    ("resource", "value", "text"),
    [
        ("peak_device_bytes", 1.5 * GIB, "1.5 GiB"),
        ("duration_s", 5400.0, "1.5 h"),
        ("cost_usd", 1234.4, "1,234 USD"),
        ("accelerator_hours", 12.34, "12.3 h"),
        ("tokens_per_s_per_accelerator", 3210.4, "3,210 tokens/s"),
        ("runs", 14.0, "14"),
        ("cost_usd", None, "unknown"),
    ],
)
def test_a_value_carries_its_unit(resource: str, value: float | None, text: str) -> None:
    assert format_value(resource, value) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0.0, "0.0 %"),
        (0.0844, "8.4 %"),
        (0.5, "50 %"),
        (0.999, "> 99 %"),
        (1.0, "100 %"),
        (1.7, "170 %"),
        (None, "unknown"),
    ],
)
def test_a_ratio_is_a_percentage_never_rounded_up_to_certainty(ratio: float | None, text: str) -> None:
    assert format_ratio(ratio) == text


def test_a_logarithm_is_shown_as_the_factor_it_stands_for() -> None:
    assert format_log_factor(math.log(1.2)) == format_factor(1.2) == "x 1.20"
    assert format_log_factor(None) == format_factor(None) == "unknown"


def test_resources_come_in_one_order_everywhere() -> None:
    assert in_page_order(["duration_s", "cost_usd", "duration_s"]) == ["cost_usd", "duration_s"]
