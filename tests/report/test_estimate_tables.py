"""Tables of an estimate: what storage and network must provide."""

from planner.domain.estimate import CheckpointAdvice, Estimate, StoredMonths
from planner.report.estimate_tables import breakdown_tables
from planner.units import GIB

KEPT = (
    StoredMonths(first_month=1, last_month=3, size_bytes=50 * GIB),
    StoredMonths(first_month=4, last_month=12, size_bytes=10 * GIB),
)


def rows(estimate: Estimate, caption: str) -> list[tuple[str, ...]]:
    return [row for table in breakdown_tables(estimate) if table.caption == caption for row in table.rows]


def test_storage_is_shown_while_the_run_goes_on_and_by_month_after_it(lora_estimate: Estimate) -> None:
    estimate = lora_estimate.model_copy(update={"storage_months": KEPT, "working_storage_bytes": 70 * GIB})
    assert [row[0] for row in rows(estimate, "Storage by month after the run")] == [
        "fast, while it runs",
        "month 1 to 3",
        "month 4 to 12",
    ]


def test_rates_of_checkpoints_and_network_are_shown_against_what_carries_them(lora_estimate: Estimate) -> None:
    advice = CheckpointAdvice(
        expected_interruptions=0.5, best_every_steps=8, needed_bytes_per_s=2 * GIB, needed_iops=2048
    )
    shown = {"checkpoint_advice": advice, "inter_node_bytes_per_s": 4 * GIB, "inter_node_link_bytes_per_s": 40 * GIB}
    found = {row[0]: row[1] for row in rows(lora_estimate.model_copy(update=shown), "Rates needed")}
    assert found["in writes of 1 MiB"] == "2,048 a second"
    assert set(found) >= {"each accelerator sends to other nodes", "its share of the network carries"}


def test_an_old_estimate_without_them_has_no_such_tables(lora_estimate: Estimate) -> None:
    old = lora_estimate.model_copy(
        update={"storage_months": (), "working_storage_bytes": None, "checkpoint_advice": None}
    )
    captions = {table.caption for table in breakdown_tables(old)}
    assert not captions & {"Storage by month after the run", "Rates needed"}
