from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from planner.catalog.load import Catalog, load_catalog
from planner.dialects.facts import MetricPoint, RunFacts

MakeFacts = Callable[..., RunFacts]

HF_PARAMS = {
    "transformers_version": "5.23.0", "_name_or_path": "tiny", "model_type": "llama", "hidden_size": "512",
    "num_hidden_layers": "8", "num_attention_heads": "8", "num_key_value_heads": "4", "head_dim": "64",
    "intermediate_size": "1376", "vocab_size": "4000", "tie_word_embeddings": "False", "attention_bias": "False",
    "mlp_bias": "False", "dtype": "None", "per_device_train_batch_size": "2", "gradient_accumulation_steps": "4",
    "max_steps": "10", "num_train_epochs": "3.0", "optim": "adamw_torch", "bf16": "False", "fp16": "False",
    "gradient_checkpointing": "False", "use_liger_kernel": "False", "fsdp": "None", "deepspeed": "None",
    "save_strategy": "steps", "save_steps": "5", "save_total_limit": "2", "save_only_model": "False",
    "resume_from_checkpoint": "None", "use_cpu": "False",
}  # fmt: skip


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture
def hf_facts() -> MakeFacts:
    """A finished run of Hugging Face's Trainer; params given go over the usual ones, metrics are (value, step 10)."""

    def make(
        params: dict[str, str] | None = None, metrics: dict[str, float | None] | None = None, **given: Any
    ) -> RunFacts:
        values: dict[str, Any] = {
            "source": "s",
            "run_id": "r",
            "experiment": "chat",
            "name": "run",
            "status": "FINISHED",
            "started_at": datetime(2026, 11, 2, 9, tzinfo=UTC),
            "ended_at": datetime(2026, 11, 2, 9, 2, tzinfo=UTC),
            "params": {**HF_PARAMS, **(params or {})},
            "metrics": {name: MetricPoint(value, 10) for name, value in (metrics or {}).items()},
        }
        return RunFacts(**{**values, **given})

    return make
