"""Advice as text for a terminal."""

import shlex
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from planner.advise.advice import Advice, Option
from planner.domain.estimate import Quantiles
from planner.report.terminal_tables import plain, print_table
from planner.units import format_bytes, format_duration, format_usd

MAX_SHOWN = 12
BEST_BY = {"cost": "cheapest first", "time": "fastest first", "balanced": "smallest product of time and cost first"}


def print_advice(advice: Advice, run_path: str, overrides: Sequence[str] = ()) -> None:
    """The front, why each option is on it, how to take the first one, and what the others broke.

    ``overrides`` are settings that the run was given beside its file.
    """
    console = Console(soft_wrap=True)
    console.print(
        f"[bold]{plain(advice.run_name)}[/]: {advice.num_candidates:,} candidates with the effective batch of "
        f"{advice.effective_batch:,}, {len(advice.options)} of them on the front of time and cost"
    )
    if advice.asked is not None:
        console.print(f"as it is: {plain(advice.asked.what)}: {_figures(advice.asked)}")
    shown = advice.options[:MAX_SHOWN]
    if shown:
        console.print(f"options, {BEST_BY[advice.request.objective]}:")
        print_table(_table(shown))
        for number, option in enumerate(shown, start=1):
            console.print(f"{number}. {plain(option.why)}")
        if hidden := len(advice.options) - len(shown):
            console.print(f"{hidden} more: --json and --html show all")
        console.print("the first one: " + _command(run_path, (*overrides, *shown[0].settings)), markup=False)
    else:
        console.print("[bold red]no option keeps within the limits[/]")
    for rejection in advice.rejected:
        console.print(f"out, {rejection.reason}: {rejection.num_candidates:,} candidates; {plain(rejection.example)}")


def _command(run_path: str, settings: Sequence[str]) -> str:
    words = ["foretune", "estimate", run_path, *(word for setting in settings for word in ("--set", setting))]
    return shlex.join(words)


def _table(options: Sequence[Option]) -> Table:
    table = Table("", "option", "time (p90)", "cost (p90)", "fits", "device memory (p90)", box=None, pad_edge=False)
    for number, option in enumerate(options, start=1):
        table.add_row(
            str(number),
            plain(option.what),
            _spread(option.duration_s, format_duration),
            _spread(option.cost_usd, format_usd),
            f"{option.fits_probability:.0%}",
            _spread(option.peak_device_bytes, format_bytes),
        )
    return table


def _spread(quantiles: Quantiles, shown: Callable[[float], str]) -> str:
    return f"{shown(quantiles.p50)} ({shown(quantiles.p90)})"


def _figures(option: Option) -> str:
    return (
        f"{_spread(option.duration_s, format_duration)}, {_spread(option.cost_usd, format_usd)}, "
        f"fits with probability {option.fits_probability:.0%}"
    )
