"""What was measured of a dataset, for a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from planner.report.terminal_tables import plain, print_table
from planner.units import format_bytes, format_count


def print_dataset(found: Mapping[str, Any], first_problem: tuple[int, str] | None) -> None:
    """Sizes, lengths, what a sequence length wastes, and the lines for a run file."""
    console = Console(soft_wrap=True)
    about = "" if found["is_counted"] else "about "
    console.print(
        f"[bold]{plain(str(found['file']))}[/]: {found['rows']:,} rows, {format_bytes(found['size_bytes'])}, "
        f"{about}{format_count(found['tokens']['p50'])} tokens"
    )
    if not found["is_counted"]:
        low, high = (format_count(found["tokens"][level]) for level in ("p10", "p90"))
        console.print(
            f"[yellow]no tokenizer given:[/] tokens lie between {low} and {high}; --tokenizer PATH counts them"
        )
    if found["rows_left_out"]:
        number, reason = first_problem or (0, "")
        left_out = sum(found["rows_left_out"].values())
        console.print(f"[yellow]{left_out:,} rows left out[/]; the first is row {number}: {plain(reason)}")
    table = Table("tokens of a sample", "mean", "p10", "p50", "p90", "p99", "longest", box=None, pad_edge=False)
    spread = [f"{value:,}" for value in found["tokens_per_sample"].values()]
    table.add_row("", f"{found['mean_tokens_per_sample']:,.0f}", *spread, f"{found['max_tokens_per_sample']:,}")
    print_table(table)
    if at := found.get("at_seq_len"):
        console.print(
            f"at seq_len {at['seq_len']:,}: {at['cut_ratio']:.1%} of the samples are cut; padding wastes "
            f"{at['padded_to_seq_len_waste_ratio']:.0%} at full length and {at['dynamic_padding_waste_ratio']:.0%} in "
            f"batches of {at['dynamic_batch_size']} padded to their longest; packing fills "
            f"{at['packing_efficiency_ratio']:.1%}"
        )
    console.print("for a run file:")
    mean = at["mean_tokens_per_sample"] if at else found["mean_tokens_per_sample"]
    lines = (
        f"mean_tokens_per_sample: {mean}",
        "dataset:",
        f"  rows: {found['rows']}",
        f"  tokens: {found['tokens']['p50']}",
        f"  size_bytes: {found['size_bytes']}",
    )
    for line in lines:
        console.print(f"  {line}", highlight=False)
