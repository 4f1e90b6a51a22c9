"""The plain run of many tests: everything stated, nothing special."""

from typing import Any

from planner.catalog.load import load_catalog
from planner.domain.run_config import RunConfig


def plain_run(**changes: Any) -> RunConfig:
    """Full fine-tuning of a small model on one accelerator, 100 steps, with some fields changed."""
    fields = {
        "model": "llama-3.2-1b",
        "method": "full",
        "precision": "bf16",
        "seq_len": 512,
        "batching": "packed",
        "micro_batch_size": 1,
        "gradient_accumulation_steps": 1,
        "max_steps": 100,
        "activation_checkpointing": "none",
        "attention": "flash",
        "loss": "full_logits",
        "cluster": {"accelerator": "a100-80gb"},
    }
    return RunConfig.model_validate({**fields, **changes}, context={"catalog": load_catalog()})
