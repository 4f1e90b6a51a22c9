"""Runs that the tests of the estimator vary."""

from collections.abc import Callable
from typing import Any

import pytest

from planner.catalog.load import load_catalog
from planner.domain.run_config import RunConfig
from planner.estimator.workload import Workload
from planner.estimator.workload_of_run import workload

ConfigMaker = Callable[..., RunConfig]
WorkloadMaker = Callable[..., Workload]


@pytest.fixture(scope="session")
def make_config() -> ConfigMaker:
    """A fully known LoRA run of Llama 3.1 8B on one A100; pass what differs, None removes a field."""

    def make(
        *, accelerator: str = "a100-80gb", count: int = 1, cluster: dict[str, Any] | None = None, **changed: Any
    ) -> RunConfig:
        fields: dict[str, Any] = {
            "model": "llama-3.1-8b",
            "method": "lora",
            "lora": {"rank": 16, "targets": "all_linear"},
            "precision": "bf16",
            "seq_len": 2048,
            "micro_batch_size": 2,
            "batching": "packed",
            "max_steps": 100,
            "activation_checkpointing": "full",
            "attention": "flash",
            "loss": "full_logits",
            "framework": "transformers",
            "cluster": {"accelerator": accelerator, "count": count, **(cluster or {})},
        }
        fields.update(changed)
        if fields["method"] == "full":
            fields["lora"] = None
        return RunConfig.model_validate(fields, context={"catalog": load_catalog()})

    return make


@pytest.fixture(scope="session")
def make_workload(make_config: ConfigMaker) -> WorkloadMaker:
    """The same run as plain numbers."""

    def make(**changed: Any) -> Workload:
        return workload(make_config(**changed))

    return make
