import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from planner.calibration.cadence import Cadence
from planner.calibration.posteriors import Normal
from planner.domain.estimate import Estimate, Quantiles
from planner.errors import InputError
from planner.forecast.calendar import planned_slots
from planner.forecast.demand import ExpectedUpdate, ObservedProgramme, ObservedRun
from planner.forecast.weekly import RESOURCES, Forecast, ForecastTotal, ForecastWeek, forecast_weeks

BERLIN = ZoneInfo("Europe/Berlin")
AS_OF = datetime(2026, 3, 16, tzinfo=BERLIN)
"""A Monday; daylight saving begins on Sunday of the week after."""
Make = Callable[..., ExpectedUpdate]

UNPLANNED = ObservedProgramme(
    name="sweeps",
    runs_per_week_shape=20.0,
    runs_per_week_rate=5.0,
    runs=(
        ObservedRun(duration_s=3e4, num_accelerators=4, cost_usd=9.0, stored_bytes=5.0, network_bytes=2.0),
        ObservedRun(duration_s=9e3, num_accelerators=1, cost_usd=1.0, stored_bytes=5.0, network_bytes=2.0),
    ),
)
SPREAD: dict[str, Any] = {
    "duration_s": Quantiles.lognormal(2e5, 0.5),
    "cost_usd": Quantiles.lognormal(1e3, 0.6),
    "storage_bytes": Quantiles.lognormal(100.0, 0.3),
    "network_bytes": Quantiles.lognormal(7.0, 0.3),
}
UNSURE: dict[str, Any] = {
    "happens_ratio": 0.95,
    "slots_seen": 20.0,
    "failure_probability": 0.1,
    "attempts_seen": 20.0,
    "slip_s": (3600.0, 90_000.0),
}


@pytest.fixture
def make_update(make_estimate: Callable[..., Estimate], make_cadence: Callable[..., Cadence]) -> Make:
    def make(
        name: str = "bot",
        cron: str = "0 6 * * MON",
        *,
        estimate: dict[str, Any] | None = None,
        cadence: dict[str, Any] | None = None,
        **fields: Any,
    ) -> ExpectedUpdate:
        return ExpectedUpdate(
            name=name,
            slots=planned_slots(cron, BERLIN, AS_OF, AS_OF + timedelta(weeks=13)),
            cadence=make_cadence(**(cadence or {})),
            estimate=make_estimate(**(estimate or {})),
            **fields,
        )

    return make


def forecast(*expected: ExpectedUpdate, observed: tuple[ObservedProgramme, ...] = (), **changed: Any) -> Forecast:
    settings: dict[str, Any] = {
        "as_of": AS_OF,
        "zone": BERLIN,
        "num_weeks": 3,
        "seed_text": "team",
        "num_samples": 500,
        "calibration_id": "c1",
    }
    return forecast_weeks(expected, observed, **{**settings, **changed})


def medians(found: Forecast, programme: str, resource: str) -> list[float]:
    return [row.p50 for row in found.weeks if (row.programme, row.resource) == (programme, resource)]


def total(found: Forecast, programme: str, resource: str) -> float:
    (row,) = [row for row in found.totals if (row.programme, row.resource) == (programme, resource)]
    return row.p50


def all_quantiles(found: Forecast, programme: str = "all") -> dict[tuple[str, str], tuple[float, ...]]:
    rows = [("total", row) for row in found.totals] + [(str(row.week_start), row) for row in found.weeks]
    return {
        (when, row.resource): (row.p10, row.p50, row.p90, row.mean) for when, row in rows if row.programme == programme
    }


def test_without_uncertainty_the_forecast_is_the_schedule(make_update: Make) -> None:
    """Two runs of 60 hours on 8 every Monday 06:00, one of 30 hours on 8 every Sunday 12:00 that crosses midnight.

    Sunday's run leaves 12 of its 30 hours before midnight, in the week of daylight saving too: 00:00 comes 12 hours
    after 12:00. Its tail of 18 hours overlaps the 06:00 runs until 18:00: 24 accelerators.
    """
    bot = make_update(runs_per_update=2, estimate={"duration_s": Quantiles.exact(60 * 3600)})
    sunday = make_update("sunday", "0 12 * * SUN", estimate={"duration_s": Quantiles.exact(30 * 3600)})
    found = forecast(bot, sunday)
    assert medians(found, "bot", "runs") == [2, 2, 2]
    assert medians(found, "all", "runs") == [3, 3, 3]
    assert medians(found, "bot", "accelerator_hours") == pytest.approx([960] * 3)
    assert medians(found, "sunday", "accelerator_hours") == pytest.approx([96, 240, 240])
    assert medians(found, "all", "peak_accelerators") == [16, 24, 24]
    assert medians(found, "bot", "cost_usd") == pytest.approx([32] * 3)
    assert medians(found, "sunday", "cost_usd") == pytest.approx([16 * 0.4, 16, 16])
    assert medians(found, "bot", "storage_bytes") == pytest.approx([200, 400, 600])
    assert medians(found, "sunday", "storage_bytes") == pytest.approx([0, 100, 200])
    assert medians(found, "all", "network_bytes") == pytest.approx([14 + 2.8, 21, 21])
    assert all(row.p10 == pytest.approx(row.p90) for row in found.weeks)
    assert total(found, "all", "runs") == 9
    assert total(found, "all", "peak_accelerators") == 24
    assert total(found, "all", "storage_bytes") == pytest.approx(800)
    assert total(found, "all", "accelerator_hours") == pytest.approx(3 * 960 + 96 + 480)


def test_a_week_of_167_hours_holds_one_hour_less_of_a_run_that_never_stops(make_update: Make) -> None:
    always = make_update("always", "0 0 16 3 *", estimate={"duration_s": Quantiles.exact(1000 * 3600)})
    assert medians(forecast(always), "always", "accelerator_hours") == pytest.approx([8 * 168, 8 * 167, 8 * 168])


def test_retention_bounds_storage(make_update: Make) -> None:
    found = forecast(make_update(keep_checkpoints_of_last_updates=2, runs_per_update=3), num_weeks=4)
    assert medians(found, "bot", "storage_bytes") == pytest.approx([300, 600, 600, 600])


def test_runs_due_before_the_first_week_count_where_they_reach_into_it(make_update: Make) -> None:
    wednesday = AS_OF + timedelta(days=2)
    update = make_update("late", "0 18 * * SUN", estimate={"duration_s": Quantiles.exact(10 * 3600)})
    found = forecast(update, as_of=wednesday)
    assert found.weeks[0].week_start == date(2026, 3, 23)
    assert medians(found, "late", "accelerator_hours") == pytest.approx([80, 80, 80])
    assert medians(found, "late", "runs") == [1, 1, 1]


def test_the_same_question_has_the_same_answer(make_update: Make) -> None:
    update = make_update(estimate=SPREAD, cadence=UNSURE)
    first = forecast(update, observed=(UNPLANNED,))
    assert forecast(update, observed=(UNPLANNED,)) == first
    assert forecast(update, observed=(UNPLANNED,), as_of=AS_OF.astimezone(UTC)).weeks[0].p50 == first.weeks[0].p50
    assert forecast(update, observed=(UNPLANNED,), seed_text="other").weeks != first.weeks


def test_a_programme_keeps_its_forecast_when_another_joins(make_update: Make) -> None:
    update = make_update(estimate=SPREAD, cadence=UNSURE)
    other = make_update("other", estimate=SPREAD, cadence=UNSURE)
    alone, together = forecast(update), forecast(other, update, observed=(UNPLANNED,))
    assert all_quantiles(alone, "bot") == all_quantiles(together, "bot")


def test_more_demand_never_lowers_a_quantile(make_update: Make) -> None:
    few = make_update(estimate=SPREAD, cadence=UNSURE, runs_per_update=3, keep_checkpoints_of_last_updates=1)
    many = few.model_copy(update={"runs_per_update": 5})
    other = make_update("other", estimate=SPREAD, cadence=UNSURE)
    growing = [forecast(few), forecast(many), forecast(many, other), forecast(many, other, observed=(UNPLANNED,))]
    for less, more in pairwise(growing):
        for key, figures in all_quantiles(less).items():
            slack = [1e-9 * abs(figure) for figure in figures]
            assert all(m >= f - s for m, f, s in zip(all_quantiles(more)[key], figures, slack, strict=True)), key


def test_quantiles_are_in_order_and_every_row_is_there(make_update: Make) -> None:
    found = forecast(make_update(estimate=SPREAD, cadence=UNSURE), observed=(UNPLANNED,))
    assert len(found.weeks) == 3 * 3 * len(RESOURCES)
    assert len(found.totals) == 3 * len(RESOURCES)
    rows: list[ForecastWeek | ForecastTotal] = [*found.weeks, *found.totals]
    for row in rows:
        assert 0 <= row.p10 <= row.p50 <= row.p90
        assert row.calibration_id == "c1"


def test_the_quantile_of_a_total_is_not_the_total_of_quantiles(make_update: Make) -> None:
    found = forecast(make_update(estimate=SPREAD, cadence=UNSURE), num_weeks=12)
    weeks = [row for row in found.weeks if (row.programme, row.resource) == ("all", "cost_usd")]
    (whole,) = [row for row in found.totals if (row.programme, row.resource) == ("all", "cost_usd")]
    assert whole.p90 < sum(row.p90 for row in weeks)
    assert whole.mean == pytest.approx(sum(row.mean for row in weeks))


def test_nothing_to_do_is_a_forecast_of_zeros() -> None:
    found = forecast()
    assert found.notes == ("nothing is planned and no run was observed lately: the forecast is zero",)
    assert {row.p90 for row in found.weeks} == {0.0}
    assert len(found.weeks) == 3 * len(RESOURCES)


def test_what_is_unknown_has_no_rows_and_a_note(make_update: Make) -> None:
    found = forecast(make_update(estimate={"cost_usd": None}))
    assert "cost unknown for bot: no price; totals leave it out" in found.notes
    assert medians(found, "bot", "cost_usd") == medians(found, "all", "cost_usd") == []
    both = forecast(make_update(estimate={"cost_usd": None}), make_update("priced"))
    assert medians(both, "all", "cost_usd") == medians(both, "priced", "cost_usd")


def test_an_experiment_on_unknown_hardware_is_counted_in_runs_alone() -> None:
    blind = UNPLANNED.model_copy(update={"runs": (ObservedRun(duration_s=60.0),)})
    found = forecast(observed=(blind,))
    assert {row.resource for row in found.weeks} == {"runs"}
    assert "accelerators unknown for sweeps: totals leave it out" in found.notes


def test_notes_say_where_history_is_missing_and_what_is_mixed(make_update: Make) -> None:
    notes = forecast(
        make_update(cadence={"finished_updates": 0}),
        make_update("never", "0 6 1 1 *", estimate={"accelerator": "a100-80gb"}),
    ).notes
    assert any(note.startswith("bot: no past update was seen") for note in notes)
    assert "never: no slot of its cadence falls into these weeks" in notes
    assert any("different kinds together: a100-80gb, h100-sxm-80gb" in note for note in notes)


def test_names_must_tell_programmes_apart(make_update: Make) -> None:
    with pytest.raises(InputError, match="'bot' names two things"):
        forecast(make_update(), make_update())
    with pytest.raises(InputError, match="'all' names two things"):
        forecast(make_update("all"))


def test_a_cadence_of_every_minute_is_refused(make_update: Make) -> None:
    with pytest.raises(InputError, match=r"'bot' alone has 130,980 slots"):
        forecast(make_update(cron="* * * * *"))


def test_a_growth_beyond_sense_is_refused(make_update: Make) -> None:
    with pytest.raises(InputError, match=r"grow 1\.9-fold 91 times"):
        forecast(make_update(cron="0 6 * * *", growth_log_per_slot=Normal(mean=math.log(1.9), sd=0.0)))


@pytest.mark.parametrize("changed", [{"num_weeks": 0}, {"num_samples": 0}])
def test_a_forecast_needs_weeks_and_samples(changed: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="at least one of each"):
        forecast(**changed)
