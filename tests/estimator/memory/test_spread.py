from typing import Any

import pytest

from planner.estimator.memory.spread import lengths_kind, memory_spreads


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"batching": "packed"}, "equal"),
        ({"batching": "padded"}, "equal"),
        ({"batching": "dynamic", "length_order": "longest_first"}, "longest_first"),
        ({"batching": "dynamic"}, "random"),
        ({"batching": "padding_free"}, "random"),
    ],
)
def test_the_cache_follows_the_order_of_lengths(make_workload: Any, changed: dict[str, Any], kind: str) -> None:
    assert lengths_kind(make_workload(**changed)) == kind


def test_software_and_accelerators_never_seen_are_less_sure(make_workload: Any) -> None:
    known = memory_spreads(make_workload(framework="fms-hf-tuning"))
    strange = memory_spreads(make_workload(framework="fms-hf-tuning", accelerator="mi300x-192gb"))
    assert all(wide > narrow for wide, narrow in zip(strange, known, strict=True))


def test_a_cpu_is_as_sure_of_all_figures(make_workload: Any) -> None:
    spreads = memory_spreads(make_workload(model="qwen2-0.5b", accelerator="cpu-1core", precision="fp32"))
    assert spreads.allocated == spreads.reserved == spreads.device
