from collections.abc import Callable
from typing import Any

import pytest

from planner.catalog.load import Catalog
from planner.dialects.facts import GpuUsage, RunFacts
from planner.dialects.interpret import interpret
from planner.domain.programme import HardwareRule

MakeFacts = Callable[..., RunFacts]
CARD_BYTES = 80e9


def card(last_ratio: float) -> GpuUsage:
    return GpuUsage("", 0, CARD_BYTES, CARD_BYTES, 400.0, 0.9, last_memory_bytes=last_ratio * CARD_BYTES)


@pytest.mark.parametrize(
    ("given", "cause", "kind"),
    [
        ({"tags": {"error": "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"}}, "oom", "tag"),
        ({"tags": {"exit_code": "137"}}, "oom", "tag"),
        ({"tags": {"termination_reason": "spot instance interruption"}}, "preempted", "tag"),
        ({"artifacts": {"logs/train.log": "step 7\nTraceback (most recent call last):\nValueError: x"}}, "crashed",
         "artifact"),
        ({"artifacts": {"stderr.txt": "Traceback (most recent call last):\n...\nKeyboardInterrupt"}}, "cancelled",
         "artifact"),
        ({"artifacts": {"slurm.out": "slurmstepd: error: *** JOB 7 CANCELLED DUE TO TIME LIMIT ***"}}, "preempted",
         "artifact"),
        ({"gpus": (card(0.99),)}, "oom", "inferred"),
        ({"gpus": (card(0.6),), "metrics": {"loss": 2.0}}, "crashed", "inferred"),
        ({"status": "KILLED"}, "cancelled", "inferred"),
    ],
)  # fmt: skip
def test_causes_and_where_they_were_found(
    catalog: Catalog, hf_facts: MakeFacts, given: dict[str, Any], cause: str, kind: str
) -> None:
    run = interpret(hf_facts(**{"status": "FAILED", **given}), catalog)
    assert (run.failure, run.origins["failure"].kind) == (cause, kind)


@pytest.mark.parametrize(
    "given",
    [
        {"status": "FINISHED", "tags": {"error": "CUDA out of memory, caught and tried again"}},
        {"status": "FAILED"},
        {"status": "FAILED", "gpus": (card(0.92),), "metrics": {"loss": 2.0}},
        {"status": "FAILED", "gpus": (card(0.99),), "metrics": {"loss": 2.0}},  # full devices are usual after 10 steps
        {"status": "FAILED", "tags": {"mlflow.source.name": "handle_out_of_memory.py"}},
        {"status": "FAILED", "artifacts": {"config.yaml": "on_error: KeyboardInterrupt"}},
        {"status": "RUNNING", "ended_at": None},
    ],
)
def test_no_cause_is_made_up(catalog: Catalog, hf_facts: MakeFacts, given: dict[str, Any]) -> None:
    run = interpret(hf_facts(**given), catalog)
    assert (run.failure, run.origins["failure"].kind) == (None, "unknown")


def test_a_run_out_of_memory_needed_more_than_a_device_has(catalog: Catalog, hf_facts: MakeFacts) -> None:
    cluster = {"accelerator": catalog.accelerators["l4-24gb"], "count": 1}
    rules = [HardwareRule.model_validate({"cluster": cluster})]
    run = interpret(hf_facts(status="FAILED", tags={"failure_reason": "CUDA out of memory"}), catalog, rules)
    assert run.actual.peak_exceeds_bytes == catalog.accelerators["l4-24gb"].memory_bytes
    assert run.config.micro_batch_size == 2


def test_a_run_may_say_itself_why_it_failed(catalog: Catalog, hf_facts: MakeFacts) -> None:
    run = interpret(hf_facts(status="FAILED", tags={"planner.failure": "preempted"}), catalog)
    assert (run.failure, run.origins["failure"].kind) == ("preempted", "tag")
    strange = interpret(hf_facts(status="FAILED", tags={"planner.failure": "gremlins"}), catalog)
    assert strange.failure is None
