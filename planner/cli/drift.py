"""foretune drift: estimate against actual over time."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from planner.cli.options import config_option, json_option
from planner.errors import ConfigError, UnknownNameError

if TYPE_CHECKING:
    from planner.drift.decision import DriftDecision

EXIT_DRIFT = 3

EXAMPLES = """\b
Examples:
  foretune drift --fail-on open              stop a pipeline while a drift is open (3)
  foretune drift --all                       groups that are in control, too, the nearest to an alarm first
  foretune drift --acknowledge 3f2a91c0 --note "new driver, watched"
  foretune drift --close 3f2a91c0            take the new level as normal"""


@click.command(name="drift", short_help="Print where estimates and actual use moved apart.", epilog=EXAMPLES)
@config_option
@click.option("--fail-on", type=click.Choice(["open"]), default=None, help="Exit with 3 if any drift is open.")
@click.option("--acknowledge", metavar="ID", default=None, help="Say that a drift is known: it stays until it ends.")
@click.option("--close", "close", metavar="ID", default=None, help="End a drift: its new level is normal from now on.")
@click.option("--note", default="", help="Why, beside --acknowledge or --close.")
@click.option("--all", "every", is_flag=True, help="Also print the groups that are in control or have too few runs.")
@json_option
def command(
    config_path: Path,
    fail_on: str | None,
    acknowledge: str | None,
    close: str | None,
    note: str,
    every: bool,
    as_json: bool,
) -> None:
    """Print where estimates and actual use have moved apart, as of the last weekly run.

    A drift is open until somebody acknowledges it, and ends when the runs are back at their old level, when predictions
    have learnt the new one, or by --close. A decision shows at once here and with the next weekly run in the report.
    """
    import os

    from planner.cli.published import read_published
    from planner.drift.decision import DriftDecision
    from planner.settings import read_settings
    from planner.warehouse.inbox import leave_in_inbox, read_inbox

    rows = read_published(config_path, "drift_status")
    inbox = read_settings(os.environ, config_path).drift_inbox_path
    if acknowledge and close:
        raise ConfigError("--acknowledge and --close: give one of them")
    if note and not (acknowledge or close):
        raise ConfigError("--note: say with --acknowledge ID or --close ID what it is about")
    rows = _decided(rows, read_inbox(inbox, DriftDecision))
    if drift_id := acknowledge or close:
        decision = _decision(rows, drift_id, "acknowledge" if acknowledge else "close", note)
        leave_in_inbox(inbox, decision, decision.decision_id)
        rows = _decided(rows, [decision])
    if as_json:
        segments = ("before", "after")
        shown = [row | {name: json.loads(row[name]) for name in segments if row[name]} for row in rows]
        click.echo(json.dumps(shown, indent=2, default=str))
    else:
        _print(rows, every)
    if fail_on and any(row["stage"] == "open" for row in rows):
        raise SystemExit(EXIT_DRIFT)


def _decision(rows: Iterable[Mapping[str, Any]], drift_id: str, action: str, note: str) -> "DriftDecision":
    """A decision about one of the drifts that have not ended."""
    from datetime import UTC, datetime
    from uuid import uuid4

    from pydantic import ValidationError

    from planner.drift.decision import DriftDecision

    known = {str(row["drift_id"]) for row in rows if row["stage"] in ("open", "acknowledged")}
    if drift_id not in known:
        raise UnknownNameError.among("drift", drift_id, known or {"none"}, "(`foretune drift` prints the ids)")
    given = {"decision_id": uuid4().hex, "drift_id": drift_id, "action": action, "note": note}
    try:
        return DriftDecision.model_validate({**given, "decided_at": datetime.now(UTC)})
    except ValidationError as error:
        raise ConfigError(f"--note: {error.errors()[0]['msg']}") from error


def _decided(rows: Sequence[Mapping[str, Any]], waiting: "Sequence[DriftDecision]") -> list[dict[str, Any]]:
    """Rows of ``drift_status`` with the decisions that wait for the next weekly run."""
    stages = {"acknowledge": "acknowledged", "close": "closed"}
    found = [dict(row) for row in rows]
    for decision in sorted(waiting, key=lambda one: one.decided_at):
        for row in found:
            if row["drift_id"] == decision.drift_id and row["stage"] in ("open", "acknowledged"):
                row.update(stage=stages[decision.action], note=decision.note)
                if decision.action == "close":
                    row.update(state="ok", closed_at=decision.decided_at, closed_because="by hand")
    return found


def _print(rows: Sequence[Mapping[str, Any]], every: bool) -> None:
    from planner.report.terminal_tables import drift_table, print_table, printable

    drifts = [row for row in rows if row["stage"]]
    if every or drifts:
        print_table(drift_table(rows if every else drifts))
    for row in drifts:
        closed = f"; closed {row['closed_at']:%Y-%m-%d}: {row['closed_because']}" if row["closed_at"] else ""
        note = f"; note: {row['note']}" if row["note"] else ""
        told = f"{row['verdict'] or 'what moved: not known'}{closed}{note}"
        click.echo()
        click.echo(printable(f"{row['drift_id']}  {row['resource']} of {row['group']}: {told}"))
    calm = [row for row in rows if not row["stage"]]
    if calm and not every:
        few = sum(row["state"] == "too_few_runs" for row in calm)
        counted = f"in control: {len(calm) - few} groups; too few runs to watch: {few} (--all prints them)"
        click.echo(f"\n{counted}" if drifts else f"no drift; {counted}")
