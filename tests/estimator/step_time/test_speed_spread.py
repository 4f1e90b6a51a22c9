from typing import Any, get_args

import pytest

from planner.estimator.step_time.spread import (
    Novelty,
    SpeedKind,
    familiarity,
    novelty,
    speed_kind,
    speed_log_sd,
    spreads,
)

FP8 = {"weights_dtype": "bf16", "compute_dtype": "fp8", "amp": True}
SEEN = {("nemo", "h100"), ("transformers", "a100")}


def test_every_kind_has_a_spread_that_grows_with_novelty() -> None:
    table = spreads()
    assert set(table) == {(kind, level) for kind in get_args(SpeedKind) for level in get_args(Novelty)}
    for kind in get_args(SpeedKind):
        widths = [table[kind, level] for level in get_args(Novelty)]
        assert widths[0] > 0
        assert widths == sorted(widths)


@pytest.mark.parametrize(
    ("framework", "accelerator", "found"),
    [
        ("transformers", "a100-sxm-40gb", "known"),
        ("nemo", "h200-141gb", "known"),
        ("nemo", "a100-80gb", "known"),
        ("nemo", "mi300x-192gb", "new"),
        (None, "a100-80gb", "new"),
    ],
)
def test_novelty_follows_software_and_family(
    framework: str | None, accelerator: str, found: str, make_workload: Any
) -> None:
    assert novelty(make_workload(framework=framework, accelerator=accelerator), SEEN) == found


def test_the_kind_says_what_formulas_know_least(make_workload: Any) -> None:
    assert speed_kind(make_workload()) == "dense"
    assert speed_kind(make_workload(model="mixtral-8x7b")) == "experts"
    assert speed_kind(make_workload(method="adapter", adapter="ia3")) == "adapter"
    assert speed_kind(make_workload(accelerator="h100-sxm-80gb", precision=FP8)) == "low_precision"
    assert speed_kind(make_workload(accelerator="cpu-1core", precision="fp32")) == "cpu"


def test_the_name_of_the_software_counts_in_any_spelling(make_workload: Any) -> None:
    assert familiarity(make_workload(framework="NeMo")) == familiarity(make_workload(framework="nemo"))
    assert speed_log_sd(make_workload(framework="never heard of")) > speed_log_sd(make_workload(framework="hf-trl"))
