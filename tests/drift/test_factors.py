from datetime import UTC, datetime, timedelta

import pytest

from planner.drift.factors import Factor, RunFactors, factors_before_and_after

START = datetime(2026, 1, 5, tzinfo=UTC)
CHANGE = START + timedelta(days=50)


def runs(**changed: object) -> list[RunFactors]:
    """Ten runs of one programme, ten days apart; ``changed`` holds from the sixth on."""
    usual: dict[str, object] = {"tokens_per_sample": 400.0, "usd_per_accelerator_hour": 2.0, "framework": "trl"}
    return [
        RunFactors.model_validate(
            {
                "run_id": f"r{number}",
                "experiment": "faq-bot",
                "started_at": START + timedelta(days=10 * number),
                **usual,
                **(changed if number >= 5 else {}),
            }
        )
        for number in range(10)
    ]


def factor(given: list[RunFactors], kind: str) -> Factor:
    return next(one for one in factors_before_and_after(given, CHANGE) if one.kind == kind)


@pytest.mark.parametrize(
    ("kind", "changed"),
    [("dataset length", {"tokens_per_sample": 900.0}), ("price", {"usd_per_accelerator_hour": 2.4})],
)
def test_a_number_is_higher_or_usual_against_the_programmes_own_past(kind: str, changed: dict[str, float]) -> None:
    found = factor(runs(**changed), kind)
    assert [found.levels[f"r{number}"] for number in range(10)] == ["usual"] * 5 + ["higher"] * 5
    assert found.numbers["r9"][1] in (400.0, 2.0)


def test_small_differences_are_usual() -> None:
    assert set(factor(runs(tokens_per_sample=430.0), "dataset length").levels.values()) == {"usual"}


def test_a_cadence_is_lower_when_runs_come_faster() -> None:
    given = runs()
    faster = [
        one.model_copy(update={"started_at": CHANGE + timedelta(days=2 * place)}) for place, one in enumerate(given[5:])
    ]
    found = factor([*given[:5], *faster], "cadence")
    assert found.levels["r9"] == "lower"
    assert found.levels["r3"] == "usual"
    assert "r0" not in found.levels


def test_logged_versions_are_software_and_those_of_drivers_are_drivers() -> None:
    given = runs(versions={"torch_version": "2.7", "nvidia.driver": "570.1"}, framework_version="1.2")
    kinds = {one.name: one.kind for one in factors_before_and_after(given, CHANGE)}
    assert kinds["torch_version"] == kinds["framework version"] == "software version"
    assert kinds["nvidia.driver"] == "driver"


def test_what_is_unknown_has_no_level() -> None:
    bare = [RunFactors(run_id="r", experiment="x")]
    levels = {one.kind: one.levels for one in factors_before_and_after(bare, CHANGE)}
    assert levels.pop("programme") == {"r": "x"}
    assert not any(levels.values())
