"""What `foretune doctor` prints."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Table

from planner.calibration.missing_facts import MissingFact
from planner.report.quantities import label
from planner.report.terminal_tables import plain, print_table

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def print_doctor(
    checks: Iterable[tuple[str, str, str]], facts: Sequence[MissingFact], num_runs: int, callback: Sequence[str]
) -> None:
    """The set-up, then a table an experiment, then the lines that log everything."""
    console = Console(soft_wrap=True)
    for name, state, detail in checks:
        console.print(f"[{STYLES[state]}]{state:<4}[/] {plain(name)}: {plain(detail)}", highlight=False)
    for experiment, members in groupby(facts, key=lambda fact: fact.experiment):
        own = list(members)
        console.print(f"\n[bold]{plain(experiment)}[/]", highlight=False)
        print_table(missing_table(own))
    if num_runs and not facts:
        console.print(f"\nnothing is missing in {num_runs} runs", highlight=False)
    else:
        console.print("\nTwo lines log all of it (pip install 'foretune\\[callback]'):", highlight=False)
        for line in callback:
            console.print(f"    {plain(line)}", highlight=False)


def missing_table(facts: Iterable[MissingFact]) -> Table:
    """Fields of one experiment, the costliest first."""
    table = Table("field", "unknown", "inferred", "what it costs", "the line that says it", box=None, pad_edge=False)
    for fact in facts:
        table.add_row(
            fact.field.removeprefix("actual."),
            f"{fact.num_unknown} of {fact.num_runs}",
            str(fact.num_inferred or ""),
            cost_of(fact),
            plain(fact.line),
        )
    return table


def cost_of(fact: MissingFact) -> str:
    """What a missing fact costs, in words."""
    if fact.consequence == "no estimate":
        return "no estimate of these runs"
    name = label(fact.resource).lower() if fact.resource else ""
    without, with_it = fact.range_without_ratio, fact.range_with_ratio
    if fact.consequence == "not learnt":
        shown = "" if without is None else f": physics alone, within a factor {without:.2f}"
        learnt = "" if with_it is None else f", learnt {with_it:.2f}"
        return f"{name} is not learnt{shown}{learnt}"
    if without is None or with_it is None:
        return ""
    verb = "" if fact.num_unknown else "rests on inference: "
    return f"{verb}{name} within a factor {without:.2f}, known {with_it:.2f}"
