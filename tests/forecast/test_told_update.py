from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from planner.catalog.load import load_catalog
from planner.domain.estimate import Estimate
from planner.domain.programme import PlannedUpdate
from planner.domain.run_config import RunConfig
from planner.domain.training_run import Actual, TrainingRun
from planner.forecast.told_update import ToldUpdate, runs_told_of

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
MODELS = load_catalog().models


def planned(name: str, pattern: str, model: str = "llama-3.2-1b", method: str = "lora") -> PlannedUpdate:
    config = RunConfig.model_validate({"model": MODELS[model], "method": method, "max_steps": 5})
    return PlannedUpdate(name=name, run=config, cadence="0 6 * * MON", experiment=pattern)


def run(experiment: str, days: float, config: RunConfig | None = None) -> TrainingRun:
    return TrainingRun(
        run_id=f"{experiment}-{days}", source="s", experiment=experiment, name="r", status="FINISHED",
        started_at=MONDAY + timedelta(days=days), ended_at=MONDAY + timedelta(days=days + 1), dialect="unknown",
        config=config or RunConfig(), actual=Actual(), origins={},
    )  # fmt: skip


def told(
    update: PlannedUpdate, make_estimate: Callable[..., Estimate], week: int, config_hash: str = "0"
) -> ToldUpdate:
    as_of = MONDAY + timedelta(weeks=week)
    return ToldUpdate.of(update, make_estimate(config_hash=config_hash), as_of, as_of + timedelta(weeks=12))


def test_a_run_is_held_against_the_last_forecast_before_it_started(make_estimate: Callable[..., Estimate]) -> None:
    given = [told(planned("bot", "support-*"), make_estimate, week) for week in (0, 1, 2)]
    (found,) = runs_told_of(given, [run("support-eu", 10)])
    assert found == ("support-eu-10", given[1].estimate)


def test_runs_before_the_forecast_after_its_weeks_or_of_others_are_not_told_of(
    make_estimate: Callable[..., Estimate],
) -> None:
    given = [told(planned("bot", "support-*"), make_estimate, 0)]
    assert not list(runs_told_of(given, [run("support-eu", -1), run("support-eu", 85), run("other", 1)]))


def test_another_model_in_the_same_experiment_is_not_the_planned_update(make_estimate: Callable[..., Estimate]) -> None:
    given = [told(planned("bot", "support-*"), make_estimate, 0)]
    other = RunConfig.model_validate({"model": MODELS["qwen2.5-7b"], "method": "lora"})
    assert not list(runs_told_of(given, [run("support-eu", 1, other)]))


def test_of_two_updates_that_may_be_meant_the_one_of_the_same_configuration_is(
    make_estimate: Callable[..., Estimate],
) -> None:
    wanted = run("tenant-a", 1)
    first = told(planned("a", "tenant-*"), make_estimate, 0)
    second = told(planned("b", "tenant-*"), make_estimate, 0, wanted.config.config_hash)
    assert list(runs_told_of([first, second], [wanted])) == [(wanted.run_id, second.estimate)]
    assert not list(runs_told_of([first, told(planned("b", "tenant-*"), make_estimate, 0)], [wanted]))
