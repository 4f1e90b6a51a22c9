"""foretune gate: the verdict on one run."""

from pathlib import Path

import click

from planner.cli.options import config_option, json_option, set_option

EXIT_BLOCK = 3
EXIT_WARN = 4

EXAMPLES = """\b
Examples:
  foretune gate run.yaml || exit 1           stop a pipeline on block (3), bad input (2) or error (1)
  foretune gate run.yaml --fail-on warn      stop on warnings too (4)
  foretune gate run.yaml --json > decision.json"""


@click.command(name="gate", short_help="May this run start? allow, warn or block.", epilog=EXAMPLES)
@click.argument("run_path", metavar="RUN.yaml", type=click.Path(path_type=Path))
@set_option
@config_option
@click.option(
    "--fail-on",
    type=click.Choice(["block", "warn"]),
    default="block",
    show_default=True,
    help="From which verdict on the exit code is not 0.",
)
@click.option("--no-log", is_flag=True, help="Do not leave the decision in the inbox of the gate log.")
@json_option
def command(
    run_path: Path, overrides: tuple[str, ...], config_path: Path, fail_on: str, no_log: bool, as_json: bool
) -> None:
    """Decide whether the run in RUN.yaml will fit, finish and stay in budget: allow, warn or block.

    Limits come from the programme file. Exit codes: 0 allow, 1 internal error, 2 bad input, 3 block,
    4 warn with --fail-on warn.
    """
    from planner.cli.session import asked_for_in, open_session

    session = open_session(config_path)
    config = session.load_run(run_path, overrides)
    with asked_for_in(run_path):
        decision = session.decide(config)
    if not no_log:
        session.log(decision)
    if as_json:
        click.echo(decision.model_dump_json(indent=2))
    else:
        from planner.report.text import print_decision

        print_decision(decision)
    if decision.verdict == "block":
        raise SystemExit(EXIT_BLOCK)
    if decision.verdict == "warn" and fail_on == "warn":
        raise SystemExit(EXIT_WARN)
