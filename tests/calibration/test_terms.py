"""Shares of the physics' terms, and that what one accelerator shows of a term improves another model's estimate."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from planner.calibration.fit import learn
from planner.calibration.observed import Observed
from planner.calibration.resolve import resolve
from planner.calibration.terms import MIN_SHARE, terms_of
from planner.calibration.traits import Traits
from planner.catalog.load import load_catalog
from planner.domain.estimate import Estimate, Resource
from planner.domain.run_config import RunConfig
from planner.estimator.estimate_run import estimate_run

START = datetime(2026, 3, 2, tzinfo=UTC)
CATALOG = load_catalog()
SPEED: Resource = "tokens_per_s_per_accelerator"


def estimate() -> Estimate:
    fields = {
        "model": "llama-3.2-1b", "method": "full", "precision": "bf16", "seq_len": 512, "batching": "packed",
        "micro_batch_size": 4, "max_steps": 100, "activation_checkpointing": "none", "attention": "flash",
        "loss": "full_logits", "optimizer": "adamw", "cluster": {"accelerator": "a100-80gb", "count": 1},
    }  # fmt: skip
    return estimate_run(RunConfig.model_validate(fields, context={"catalog": CATALOG}))


def test_a_share_is_the_change_of_the_figure_when_its_term_changes() -> None:
    told = estimate()
    parts = told.step_time_breakdown_s
    slower = sum(parts.values()) + 0.01 * parts["matmul"]
    by_hand = math.log(sum(parts.values()) / slower) / math.log(1.01)
    assert terms_of(told, SPEED)["matmul"] == pytest.approx(by_hand, abs=0.01)


@pytest.mark.parametrize("resource", ["peak_allocated_bytes", "peak_reserved_bytes", "peak_device_bytes"])
def test_shares_of_memory_add_up_to_all_but_what_is_small(resource: Resource) -> None:
    shares = terms_of(estimate(), resource)
    assert min(shares.values()) >= MIN_SHARE
    assert 0.85 < sum(shares.values()) <= 1 + 1e-9
    assert ("allocator reserve" in shares) == (resource != "peak_allocated_bytes")


def test_a_figure_of_one_term_has_no_shares() -> None:
    assert terms_of(estimate(), "checkpoint_bytes") == {}


def test_a_slow_term_that_one_accelerator_shows_improves_another_models_estimate() -> None:
    """Matrix multiplies take 1.5 times as long: the more of the step they are, the slower the run."""
    rng = np.random.default_rng(1)

    def traits(model: str) -> Traits:
        names = "accelerator=a", f"model={model}"
        return Traits(
            groups=("all", names[0], ", ".join(names)),
            labels=(("accelerator", names[0]), ("model", names[1]), ("accelerator, model", ", ".join(names))),
        )

    shares = np.linspace(0.1, 0.9, 40)
    rows = [
        Observed(f"r{number}-{place}", SPEED, START + timedelta(hours=number), traits(f"m{place}"),
                 {"matmul": -share}, -share * math.log(1.5) + rng.normal(0, 0.01), 0.3)
        for place, share in enumerate(shares) for number in range(6)
    ]  # fmt: skip
    (learnt,) = learn(rows)
    (blind,) = learn([row._replace(terms={}) for row in rows])
    for share in (0.1, 0.9):
        true = -share * math.log(1.5)
        told = resolve(learnt, traits("never seen"), {"matmul": -share}).log_bias
        without = resolve(blind, traits("never seen"), {}).log_bias
        assert abs(told - true) < 0.3 * abs(without - true)
