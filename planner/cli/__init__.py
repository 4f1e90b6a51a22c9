"""The command line: a command parses, calls and prints. Command modules are imported only when they are needed."""

import os
import sys
import traceback
from difflib import get_close_matches
from importlib import import_module
from io import TextIOWrapper

import click

from planner.errors import PlannerError

COMMANDS = {
    "init": "planner.cli.init",
    "demo": "planner.cli.demo",
    "weekly": "planner.cli.weekly",
    "ingest": "planner.cli.ingest",
    "rebuild": "planner.cli.rebuild",
    "import-bill": "planner.cli.import_bill",
    "import-runs": "planner.cli.import_runs",
    "estimate": "planner.cli.estimate",
    "advise": "planner.cli.advise",
    "gate": "planner.cli.gate",
    "dataset": "planner.cli.dataset",
    "forecast": "planner.cli.forecast",
    "drift": "planner.cli.drift",
    "history": "planner.cli.history",
    "doctor": "planner.cli.doctor",
    "backtest": "planner.cli.backtest",
    "calibration": "planner.cli.calibration",
    "catalog": "planner.cli.catalog",
    "prices": "planner.cli.prices",
    "schema": "planner.cli.schema",
    "serve": "planner.cli.serve",
    "dashboard": "planner.cli.dashboard",
}
"""Command -> the module that holds it under the name ``command``, in the order of the help page."""


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = get_close_matches(args[0], COMMANDS, n=2)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise click.UsageError(f"no command {args[0]!r}.{hint} `foretune --help` lists all.", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="foretune", prog_name="foretune")
def cli() -> None:
    """Capacity planning for teams that fine-tune language models again and again.

    \b
    foretune demo                        see the whole job on published runs
    foretune init                        write a commented foretune.yaml
    foretune weekly                      ingest, calibrate, forecast, report
    foretune estimate run.yaml           memory, time and cost of one run
    foretune gate run.yaml               will it fit, finish and stay in budget?

    Exit codes: 0 fine, 1 internal error, 2 bad input, 3 blocked or failed a check, 4 warned (with --fail-on warn).
    """


def main() -> None:
    """Entry point of the console script: one clear message for every error, and no letter that a terminal refuses."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        cli(prog_name="foretune", standalone_mode=True)
    except PlannerError as error:
        click.echo(f"foretune: {error}", err=True)
        _let_go(error)
        sys.exit(error.exit_code)
    except Exception as error:
        if os.environ.get("FORETUNE_DEBUG"):
            raise
        click.echo(
            f"foretune: internal error: {type(error).__name__}: {error}\n"
            "Set FORETUNE_DEBUG=1 to see where; please report it with the output.",
            err=True,
        )
        _let_go(error)
        sys.exit(1)


def _let_go(error: BaseException | None) -> None:
    """Forget what the failed frames held: a database connection alive at exit makes its library complain."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
