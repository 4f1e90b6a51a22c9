"""Peak allocated memory against a second computation: PyTorch traces the training of transformers' own models."""

import os
from typing import Any

import pytest

from benchmarks.fake_training import traced_peak_bytes
from planner.catalog.load import load_catalog
from planner.domain.run_config import RunConfig
from planner.estimator.estimate_run import estimate_run

INSTALL = "needs `pip install 'foretune[probe]'`"
if not os.environ.get("FORETUNE_REQUIRE_TORCH"):
    pytest.importorskip("torch", reason=INSTALL)
    pytest.importorskip("transformers", reason=INSTALL)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

SMALL = {
    "name": "small",
    "num_layers": 3,
    "hidden_dim": 896,
    "num_heads": 14,
    "num_kv_heads": 2,
    "head_dim": 64,
    "ffn_dim": 4864,
    "vocab_size": 8000,
}
RANK = 16


def run_of(model: Any, **given: Any) -> RunConfig:
    fields: dict[str, Any] = {
        "model": model,
        "method": "full",
        "precision": "bf16",
        "seq_len": 1024,
        "micro_batch_size": 2,
        "batching": "packed",
        "max_steps": 2,
        "activation_checkpointing": "none",
        "attention": "sdpa",
        "loss": "full_logits",
        "framework": "transformers",
        "cluster": {"accelerator": "a100-80gb"},
        **given,
    }
    if fields["method"] == "lora":
        fields.setdefault("lora", {"rank": RANK, "targets": "all_linear"})
    return RunConfig.model_validate(fields, context={"catalog": load_catalog()})


SHAPES = [
    {"micro_batch_size": 1, "seq_len": 512},
    {"micro_batch_size": 4, "seq_len": 2048},
    {"micro_batch_size": 4, "seq_len": 2048, "activation_checkpointing": "full"},
    {"micro_batch_size": 1, "seq_len": 1024, "optimizer": "adamw_fused"},
]
ATTENTION = {"method": "lora", "lora": {"rank": RANK, "targets": "attn_qv"}}
REAL = {
    "full": {"seq_len": 2048},
    "lora": {"seq_len": 2048, **ATTENTION},
    "lora-checkpointed": {"seq_len": 4096, "activation_checkpointing": "full", **ATTENTION},
}


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(map(str, shape.values())))
def test_small_models_agree_within_five_percent(method: str, shape: dict[str, Any]) -> None:
    config = run_of({**SMALL, "tied_embeddings": False}, method=method, **shape)
    assert estimate_run(config).memory.peak_allocated_bytes.p50 == pytest.approx(traced_peak_bytes(config), rel=0.05)


@pytest.mark.parametrize("given", REAL.values(), ids=REAL)
def test_a_real_architecture_agrees_within_five_percent(given: dict[str, Any]) -> None:
    config = run_of("llama-3.2-1b", **given)
    assert estimate_run(config).memory.peak_allocated_bytes.p50 == pytest.approx(traced_peak_bytes(config), rel=0.05)
