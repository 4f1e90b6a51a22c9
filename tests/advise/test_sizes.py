from typing import Any

from planner.advise.request import Request
from planner.advise.sizes import FIELDS, effective_batch, sizes


def rows(found: Any) -> list[dict[str, int]]:
    return [dict(zip(FIELDS, row, strict=True)) for row in found.columns.tolist()]


def test_all_sizes_keep_the_effective_batch_and_all_its_divisors_are_there(make_run: Any) -> None:
    config = make_run(framework="torchtitan")
    found = sizes(config, Request(max_devices=16), per_node=8)
    for row in rows(found):
        ranks = row["cluster.count"] // (row["parallelism.tp"] * row["parallelism.pp"])
        assert row["micro_batch_size"] * row["gradient_accumulation_steps"] * ranks == effective_batch(config)
    alone = [row["micro_batch_size"] for row in rows(found) if row["cluster.count"] == 1]
    assert alone == [1, 2, 4, 8, 16, 32, 64]
    assert max(row["parallelism.tp"] for row in rows(found)) == 8


def test_stock_software_has_data_parallelism_alone(make_run: Any) -> None:
    found = sizes(make_run(), Request(), per_node=8)
    assert {(row["parallelism.tp"], row["parallelism.pp"]) for row in rows(found)} == {(1, 1)}


def test_layouts_that_cannot_be_are_counted_with_the_reason(make_run: Any) -> None:
    found = sizes(make_run(gradient_accumulation_steps=1, micro_batch_size=3), Request(max_devices=8), per_node=8)
    assert found.impossible["impossible parallelism"] == 1
    assert found.example == "8 data parallel ranks do not divide the effective batch of 12"


def test_counts_stay_within_the_limit_and_hold_the_runs_own(make_run: Any) -> None:
    found = sizes(make_run(count=6, gradient_accumulation_steps=6), Request(max_devices=7), per_node=8)
    assert {row["cluster.count"] for row in rows(found)} == {1, 2, 4, 6}
