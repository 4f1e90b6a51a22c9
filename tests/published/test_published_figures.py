"""Figures that papers and projects state about themselves, against the estimator."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from planner.catalog.load import load_catalog
from planner.domain.estimate import Estimate
from planner.domain.run_config import RunConfig
from planner.estimator.estimate_run import estimate_run
from planner.estimator.params import count_params

FIGURES = list(csv.DictReader((Path(__file__).parent / "figures.csv").read_text(encoding="utf-8").splitlines()))

DEFAULTS: dict[str, Any] = {
    "method": "lora",
    "precision": "bf16",
    "seq_len": 2048,
    "micro_batch_size": 1,
    "batching": "packed",
    "max_steps": 10,
    "activation_checkpointing": "full",
    "attention": "flash",
    "loss": "full_logits",
    "framework": "transformers",
    "cluster": {"accelerator": "a100-80gb"},
}


def quantity(name: str, config: RunConfig, estimate: Estimate) -> float:
    moments = {moment.name: moment.tenants_bytes for moment in estimate.memory.timeline}
    if name == "params":
        return estimate.params
    if name == "trainable_params":
        return estimate.trainable_params
    if name == "peak_allocated_bytes_per_param":
        return estimate.memory.peak_allocated_bytes.p50 / estimate.params
    if name == "resting_bytes_per_param":
        held = moments["optimizer"]
        return sum(held[tenant] for tenant in ("weights", "gradients", "optimizer_states")) / estimate.params
    if name == "flop_per_token_and_param":
        assert config.model is not None
        return estimate.flop / estimate.train_tokens / count_params(config.model).non_embedding
    if name == "nf4_constants_bits":
        assert config.model is not None
        counts = count_params(config.model)
        linear = counts.linear_per_layer * counts.num_layers
        packed = moments["load"]["weights"] - 2 * (counts.total - linear)
        return 8 * packed / linear - 4
    raise AssertionError(f"figures.csv: no such quantity {name!r}")


@pytest.mark.parametrize("figure", FIGURES, ids=[f"{row['source']}: {row['quantity']}" for row in FIGURES])
def test_the_estimator_gives_the_published_figure(figure: dict[str, str]) -> None:
    fields = {**DEFAULTS, **json.loads(figure["config"])}
    config = RunConfig.model_validate(fields, context={"catalog": load_catalog()})
    found = quantity(figure["quantity"], config, estimate_run(config))
    assert found == pytest.approx(float(figure["expected"]), rel=max(float(figure["tolerance_ratio"]), 1e-12))


def test_every_figure_says_where_it_stands() -> None:
    for figure in FIGURES:
        assert figure["url"].startswith("https://")
        assert figure["place"]
