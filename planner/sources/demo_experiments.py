"""The made-up company of the demo: which published runs each of its experiments stands on, and how often it trains."""

from typing import Literal, NamedTuple

from planner.domain.run_vocabulary import Method
from planner.sources.published_runs import PublishedRun

Logs = Literal["trainer and contract", "contract", "trainer"]
"""Trainer: the names of a Hugging Face trainer. Contract: the ``planner.*`` names that foretune reads."""


class DemoExperiment(NamedTuple):
    """One experiment. Its hardware, model and method choose the rows of the table; all the rest is made up."""

    name: str
    cadence: str
    """Cron expression in UTC."""
    model: str
    method: Method
    accelerator: str
    num_accelerators: int
    tokens_per_update: float
    start_up_s: float
    """Median from the start of a run to its first step."""
    growth_ratio_per_update: float = 0.0
    logs: Logs = "trainer and contract"
    dataset: str | None = None
    """Name of the dataset that every finished run logs as its input."""

    def holds(self, published: PublishedRun) -> bool:
        """Whether a row belongs here; one that ran out of memory may have asked for fewer accelerators."""
        config = published.config
        same_kind = (
            config.model is not None
            and config.cluster is not None
            and (config.model.name, config.method, config.cluster.accelerator.slug)
            == (self.model, self.method, self.accelerator)
        )
        if published.outcome == "oom":
            return same_kind and published.num_accelerators <= self.num_accelerators
        is_timed = published.tokens_per_step is not None
        return same_kind and is_timed and published.num_accelerators == self.num_accelerators


DEMO_EXPERIMENTS = (
    DemoExperiment(
        name="support-assistant",
        cadence="0 6 * * MON",
        model="mistral-7b",
        method="qlora",
        accelerator="a100-80gb",
        num_accelerators=1,
        tokens_per_update=36e6,
        start_up_s=210,
        growth_ratio_per_update=0.008,
        dataset="support-dialogues",
    ),
    DemoExperiment(
        name="tenant-adapters",
        cadence="30 20 * * TUE,FRI",
        model="mistral-7b",
        method="lora",
        accelerator="a100-80gb",
        num_accelerators=1,
        tokens_per_update=10e6,
        start_up_s=150,
    ),
    DemoExperiment(
        name="legal-summaries",
        cadence="0 5 2,16 * *",
        model="mixtral-8x7b",
        method="lora",
        accelerator="a100-80gb",
        num_accelerators=2,
        tokens_per_update=60e6,
        start_up_s=480,
        growth_ratio_per_update=0.01,
    ),
    DemoExperiment(
        name="ticket-triage",
        cadence="0 4 7,21 * *",
        model="llama-3-8b",
        method="qlora",
        accelerator="a100-80gb",
        num_accelerators=2,
        tokens_per_update=80e6,
        start_up_s=260,
    ),
    DemoExperiment(
        name="code-review",
        cadence="0 3 5 * *",
        model="mistral-7b",
        method="full",
        accelerator="a100-80gb",
        num_accelerators=4,
        tokens_per_update=250e6,
        start_up_s=360,
        growth_ratio_per_update=0.02,
        dataset="reviewed-changes",
    ),
    DemoExperiment(
        name="code-completion",
        cadence="0 2 * * WED",
        model="santacoder",
        method="full",
        accelerator="a100-80gb",
        num_accelerators=1,
        tokens_per_update=160e6,
        start_up_s=120,
        logs="trainer",
    ),
    DemoExperiment(
        name="intent-router",
        cadence="0 7 10,24 * *",
        model="llama-3.2-3b",
        method="lora",
        accelerator="l40s-48gb",
        num_accelerators=1,
        tokens_per_update=40e6,
        start_up_s=130,
    ),
    DemoExperiment(
        name="faq-bot",
        cadence="0 8 12 * *",
        model="qwen-14b",
        method="lora",
        accelerator="a100-sxm-80gb",
        num_accelerators=1,
        tokens_per_update=20e6,
        start_up_s=240,
    ),
    DemoExperiment(
        name="contract-analyst",
        cadence="0 4 3 * *",
        model="llama-2-70b",
        method="lora",
        accelerator="h100-sxm-80gb",
        num_accelerators=8,
        tokens_per_update=250e6,
        start_up_s=700,
        logs="contract",
    ),
    DemoExperiment(
        name="policy-analyst",
        cadence="0 4 9,23 * *",
        model="llama-2-70b",
        method="lora",
        accelerator="h200-sxm-141gb",
        num_accelerators=8,
        tokens_per_update=220e6,
        start_up_s=640,
        growth_ratio_per_update=0.01,
        logs="contract",
    ),
    DemoExperiment(
        name="risk-notes",
        cadence="0 4 13,27 * *",
        model="llama-2-70b",
        method="lora",
        accelerator="b200-180gb",
        num_accelerators=8,
        tokens_per_update=400e6,
        start_up_s=560,
        logs="contract",
    ),
    DemoExperiment(
        name="market-brief",
        cadence="0 4 18 * *",
        model="llama-2-70b",
        method="lora",
        accelerator="mi300x-192gb",
        num_accelerators=8,
        tokens_per_update=260e6,
        start_up_s=800,
        logs="contract",
    ),
)
