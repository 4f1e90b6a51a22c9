"""Random runs for the laws of the estimator."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st

from planner.catalog.load import load_catalog
from planner.domain.accelerator import Accelerator
from planner.domain.estimate import Estimate
from planner.domain.model_spec import ModelSpec
from planner.domain.run_config import RunConfig
from planner.estimator.estimate_run import estimate_run

CATALOG = load_catalog()
MODELS = (
    "llama-3.1-8b",
    "qwen2-0.5b",
    "pythia-1b",
    "gpt2",
    "gemma-2-2b",
    "mixtral-8x7b",
    "llama-2-13b",
    "qwen3-30b-a3b",
)
ACCELERATORS = ("a100-80gb", "h100-sxm-80gb", "l40s-48gb", "t4-16gb", "mi300x-192gb", "b200-180gb", "cpu-1core")
FRAMEWORKS = ("transformers", "llm-foundry", "nemo", "torchtitan", None)

Fields = dict[str, Any]


@pytest.fixture(scope="session")
def draw_run() -> Callable[..., Fields]:
    """Draws the fields of a fully known run; keywords override what is drawn."""

    def draw(data: st.DataObject, **fixed: Any) -> Fields:
        return data.draw(run_fields(**fixed))

    return draw


@pytest.fixture(scope="session")
def estimated() -> Callable[..., Estimate]:
    """The estimate of a run given by its fields; keywords replace some of them."""

    def estimate(fields: Fields, **changed: Any) -> Estimate:
        config = RunConfig.model_validate({**fields, **changed}, context={"catalog": CATALOG})
        return estimate_run(config)

    return estimate


@st.composite
def run_fields(draw: st.DrawFn, /, **fixed: Any) -> Fields:
    """Fields of a fully known run; ``fixed`` overrides what is drawn."""
    accelerator = fixed.pop("accelerator", None) or draw(st.sampled_from(ACCELERATORS))
    is_cpu = accelerator.startswith("cpu")
    count = fixed.pop("count", None) or (1 if is_cpu else draw(st.sampled_from((1, 2, 4, 8, 16, 64))))
    method = fixed.pop("method", None) or draw(st.sampled_from(("full", "lora", "qlora")))
    fields: Fields = {
        "model": draw(st.sampled_from(MODELS)),
        "method": method,
        "precision": "fp32" if is_cpu else draw(st.sampled_from(("bf16", "bf16-mixed", "fp16"))),
        "optimizer": draw(st.sampled_from(("adamw", "adamw_fused", "adamw_8bit", "adafactor", "sgd", "lion"))),
        "seq_len": draw(st.integers(16, 8192)),
        "micro_batch_size": draw(st.integers(1, 16)),
        "gradient_accumulation_steps": draw(st.integers(1, 8)),
        "batching": draw(st.sampled_from(("packed", "padded"))),
        "max_steps": draw(st.integers(1, 1000)),
        "activation_checkpointing": draw(st.sampled_from(("none", "selective", "full", "offloaded"))),
        "attention": draw(st.sampled_from(("flash", "sdpa", "eager"))),
        "loss": draw(st.sampled_from(("full_logits", "fused_ce", "chunked_ce", "fused_linear_ce"))),
        "framework": draw(st.sampled_from(FRAMEWORKS)),
        "cluster": {"accelerator": accelerator, "count": count, "usd_per_accelerator_hour": 2.0},
        "parallelism": {"zero_stage": draw(st.sampled_from((0, 1, 2, 3)))},
    }
    if method != "full":
        targets = draw(st.sampled_from(("attn_qv", "attn_all", "all_linear")))
        fields["lora"] = {"rank": draw(st.sampled_from((4, 16, 64))), "targets": targets}
    if method == "qlora":
        fields["base_quantization"] = draw(st.sampled_from(("nf4", "nf4_dq", "int8", "gptq4")))
    return {**fields, **fixed}


@pytest.fixture(scope="session")
def catalog_model() -> Callable[[str], ModelSpec]:
    return CATALOG.models.__getitem__


@pytest.fixture(scope="session")
def catalog_accelerator() -> Callable[[str], Accelerator]:
    return CATALOG.accelerators.__getitem__
