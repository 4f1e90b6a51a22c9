from datetime import UTC, datetime

import numpy as np
import pytest

from planner.calibration.fit import learn
from planner.calibration.observed import Observed
from planner.calibration.resolve import Asked, resolve
from planner.calibration.resolve_many import resolve_many
from planner.calibration.traits import Traits
from planner.domain.calibration import ResourceCalibration

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def traits(accelerator: int, framework: int, length: float, switch: str) -> Traits:
    names = f"accelerator=a{accelerator}", f"framework=f{framework}"
    return Traits(
        groups=("all", names[0], f"{names[0]}, experiment=e{framework}"),
        labels=(("accelerator", names[0]), ("framework", names[1]), ("accelerator, framework", ", ".join(names))),
        position=(length, 3.0),
        flags=(switch, "same"),
    )


def drawn(dice: np.random.Generator) -> Asked:
    one = traits(
        int(dice.integers(4)), int(dice.integers(3)), float(dice.integers(8, 14)), str(dice.choice(["on", "off"]))
    )
    return Asked(one, {"matmul": -float(dice.uniform(0.3, 0.7)), "launch": -0.1}, float(dice.choice([0.05, 0.3])))


@pytest.fixture(scope="module")
def learnt() -> ResourceCalibration:
    dice = np.random.default_rng(3)
    rows = []
    for number in range(150):
        asked = drawn(dice)
        if asked.traits.groups[1] == "accelerator=a3" and number > 20:
            continue
        ratio = float(0.3 + 0.05 * asked.traits.position[0] + dice.normal(0, 0.1))
        rows.append(
            Observed(
                f"r{number}", "tokens_per_s_per_accelerator", NOW, asked.traits, asked.terms, ratio, asked.stated_log_sd
            )
        )
    (found,) = learn(rows, {"tokens_per_s_per_accelerator": {"all": 1.1, "accelerator=a1": 0.9}})
    return found


def test_many_runs_at_once_are_told_what_each_is_told_alone(learnt: ResourceCalibration) -> None:
    dice = np.random.default_rng(4)
    unseen = Asked(traits(9, 9, 12.0, "on"), {}, 0.2)
    nested = Asked(Traits(groups=("all", "accelerator=a1")), {}, 0.1)
    asked = [*(drawn(dice) for _ in range(60)), unseen, nested]
    for one, together in zip(asked, resolve_many(learnt, asked), strict=True):
        alone = resolve(learnt, one.traits, one.terms, one.stated_log_sd)
        assert together.log_bias == pytest.approx(alone.log_bias, abs=1e-12)
        assert together.log_sd == pytest.approx(alone.log_sd, abs=1e-12)
        assert [(step.name, step.num_runs) for step in together.steps] == [
            (step.name, step.num_runs) for step in alone.steps
        ]
        assert together[3:] == alone[3:]


def test_nothing_is_asked_of_no_runs(learnt: ResourceCalibration) -> None:
    assert resolve_many(learnt, []) == []
