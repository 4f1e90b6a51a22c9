"""Small searches."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from planner.advise.advice import Advice, advise
from planner.advise.offers import offers
from planner.advise.request import Request
from planner.catalog.load import load_catalog
from planner.domain.price_book import PriceBook
from planner.domain.run_config import RunConfig
from planner.estimator.estimate_run import estimate_run

CATALOG = load_catalog()
ON = date(2026, 11, 24)
HARDWARE = ("a100-80gb", "h100-sxm-80gb", "l40s-48gb", "t4-16gb", "a800-80gb")
"""The T4 has no bf16, the A800 no price."""

RunMaker = Callable[..., RunConfig]
Adviser = Callable[..., Advice]


@pytest.fixture(scope="session")
def make_run() -> RunMaker:
    """A LoRA run of Llama 3.1 8B on four A100 with an effective batch of 64; pass what differs."""

    def make(*, accelerator: str | None = "a100-80gb", count: int = 4, **changed: Any) -> RunConfig:
        fields: dict[str, Any] = {
            "name": "support",
            "model": "llama-3.1-8b",
            "method": "lora",
            "lora": {"rank": 16, "targets": "all_linear"},
            "precision": "bf16",
            "seq_len": 2048,
            "micro_batch_size": 4,
            "gradient_accumulation_steps": 4,
            "batching": "packed",
            "train_tokens": 40_000_000,
            "activation_checkpointing": "full",
            "attention": "flash",
            "loss": "full_logits",
            "framework": "transformers",
        }
        if accelerator is not None:
            fields["cluster"] = {"accelerator": accelerator, "count": count}
        fields.update(changed)
        if fields["method"] == "full":
            fields["lora"] = None
        return RunConfig.model_validate(fields, context={"catalog": CATALOG})

    return make


@pytest.fixture(scope="session")
def advise_on() -> Adviser:
    """Advice among a few accelerators, eight devices at most unless said otherwise."""

    def on(
        config: RunConfig, *, hardware: tuple[str, ...] = HARDWARE, prices: PriceBook = CATALOG.prices, **wanted: Any
    ) -> Advice:
        request = Request(**{"max_devices": 8, **wanted})
        clusters = offers(config, [CATALOG.accelerators[name] for name in hardware])
        return advise(config, clusters, prices, ON, request, lambda run: estimate_run(run, prices, ON))

    return on
