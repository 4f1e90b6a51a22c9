import numpy as np
import pytest

from planner.drift.factors import Factor
from planner.drift.verdict import Evidence, judge

NUM = 120
"""Runs; the change comes at half of them. Even ones belong to the series that drifts."""


def evidence(shifted: np.ndarray, seed: int = 0) -> Evidence:
    place = np.arange(NUM)
    z = np.random.default_rng(seed).normal(0, 1, NUM) + 1.5 * shifted
    return Evidence(
        run_ids=[f"r{number}" for number in range(NUM)],
        z=np.clip(z, -2.5, 2.5),
        is_after=place >= NUM // 2,
        is_own=place % 2 == 0,
        log_ratio=0.1 * z,
    )


def versions(kind: str, is_new: np.ndarray, name: str | None = None) -> Factor:
    levels = {f"r{number}": "new" if new else "old" for number, new in enumerate(is_new)}
    return Factor.model_validate({"kind": kind, "name": name or kind, "levels": levels})


AFTER = np.arange(NUM) >= NUM // 2
OWN = np.arange(NUM) % 2 == 0


def test_the_version_whose_runs_shifted_is_named_and_one_that_changed_elsewhen_is_not() -> None:
    new = AFTER & OWN
    driver = np.arange(NUM) >= 30
    verdict = judge(evidence(new), [versions("driver", driver), versions("software version", new, "torch_version")])
    assert verdict.kind == "software version"
    assert verdict.sentence == "what moved: software version (torch_version) from old to new"
    assert verdict.before.levels == {"old": 30}
    assert verdict.after.levels == {"new": 30}
    assert verdict.after.log_bias > verdict.before.log_bias + 0.1
    assert verdict.advantage is not None
    assert verdict.advantage > 2


def test_a_level_that_was_there_before_is_named_when_its_runs_alone_shifted() -> None:
    device = np.arange(NUM) % 4 == 0
    verdict = judge(evidence(AFTER & device), [versions("accelerator", device)])
    assert verdict.kind == "accelerator"
    assert verdict.level == "new"
    assert "whose runs alone shifted" in verdict.sentence


def test_two_things_that_moved_together_cannot_be_told_apart() -> None:
    new = AFTER & OWN
    verdict = judge(evidence(new), [versions("driver", new), versions("software version", new, "torch_version")])
    assert verdict.kind == "unknown"
    assert "torch_version" in verdict.sentence
    assert "driver" in verdict.sentence


def test_two_libraries_that_moved_together_are_one_software_version() -> None:
    new = AFTER & OWN
    both = [versions("software version", new, "torch_version"), versions("software version", new, "trl_version")]
    assert judge(evidence(new), both).kind == "software version"


@pytest.mark.parametrize("factors", [[], [versions("driver", np.zeros(NUM, dtype=bool))]])
def test_a_shift_of_all_runs_without_any_recorded_change_is_unknown(factors: list[Factor]) -> None:
    verdict = judge(evidence(AFTER), factors)
    assert verdict.kind == "unknown"
    assert verdict.sentence == "nothing that is recorded explains it"
    assert verdict.before.num_runs == verdict.after.num_runs == 30
