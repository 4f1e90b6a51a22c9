"""foretune advise: other hardware and settings for one run."""

from pathlib import Path
from typing import get_args

import click

from planner.advise.request import Freedom, Objective
from planner.cli.html_file import write_html
from planner.cli.options import config_option, json_option, set_option
from planner.errors import ConfigError
from planner.units import parse_duration

EXIT_NOTHING = 3

EXAMPLES = """\b
Examples:
  foretune advise run.yaml
  foretune advise run.yaml --objective cost --deadline 12h
  foretune advise run.yaml --budget 50 --max-devices 16 --keep method --keep precision
  foretune advise run.yaml --accelerator h100-sxm-80gb --accelerator l40s-48gb --html front.html"""


@click.command(name="advise", short_help="Which hardware and settings for a run: the front of time and cost.",
               epilog=EXAMPLES)  # fmt: skip
@click.argument("run_path", metavar="RUN.yaml", type=click.Path(path_type=Path))
@click.option(
    "--objective",
    type=click.Choice(get_args(Objective)),
    default="balanced",
    show_default=True,
    help="What comes first: the cheapest, the fastest, or the smallest product of time and cost.",
)
@click.option("--deadline", metavar="DURATION", help="Longest median duration, as in 12h, 90min or 2d.")
@click.option("--budget", type=click.FloatRange(min=0, min_open=True), metavar="USD", help="Largest median cost.")
@click.option(
    "--max-devices",
    type=click.IntRange(1, 65_536),
    default=64,
    show_default=True,
    help="Most accelerators that an option may use.",
)
@click.option(
    "--min-fits",
    type=click.FloatRange(0, 1),
    metavar="PROBABILITY",
    help="Least probability of fitting into memory. Default: the gate's min_fits_probability, 0.9.",
)
@click.option(
    "--keep",
    type=click.Choice(get_args(Freedom)),
    multiple=True,
    help="What stays as the run has it; may be given several times.",
)
@click.option("--accelerator", "names", multiple=True, metavar="NAME", help="Look at this hardware alone; repeatable.")
@set_option
@config_option
@click.option("--prior", is_flag=True, help="Physics only: leave out what was learnt from past runs.")
@click.option("--html", "html_path", type=click.Path(path_type=Path), help="Also write the front as an HTML page.")
@json_option
def command(
    run_path: Path,
    objective: Objective,
    deadline: str | None,
    budget: float | None,
    max_devices: int,
    min_fits: float | None,
    keep: tuple[Freedom, ...],
    names: tuple[str, ...],
    overrides: tuple[str, ...],
    config_path: Path,
    prior: bool,
    html_path: Path | None,
    as_json: bool,
) -> None:
    """Search hardware, device counts, parallelism, micro-batch, checkpointing, precision and method for RUN.yaml.

    The effective batch (micro-batch x accumulation x data parallel ranks) stays. Shown are the options that no other
    beats in time and cost, each with the settings that make it; an option that changes what is learnt (method,
    precision) is shown only where it beats all that do not. Exit code 3: nothing keeps within the limits.
    """
    from planner.advise.request import Request
    from planner.cli.advise_job import advise_run
    from planner.cli.session import asked_for_in, open_session

    session = open_session(config_path)
    config = session.load_run(run_path, overrides)
    policy = session.programme.gate if session.programme else None
    least = min_fits if min_fits is not None else policy.min_fits_probability if policy else 0.9
    request = Request(
        objective=objective,
        deadline_s=None if deadline is None else _seconds(deadline),
        budget_usd=budget,
        max_devices=max_devices,
        min_fits_probability=least,
        keep=frozenset(keep),
    )
    with asked_for_in(run_path):
        advice = advise_run(session, config, request, names, calibrated=not prior)
    if html_path is not None:
        from planner.report.render import render_advice

        write_html(html_path, render_advice(advice), "--html")
    if as_json:
        click.echo(advice.model_dump_json(indent=2))
    else:
        from planner.report.advice_text import print_advice

        print_advice(advice, str(run_path), overrides)
    if not advice.options:
        raise SystemExit(EXIT_NOTHING)


def _seconds(deadline: str) -> float:
    try:
        return parse_duration(deadline)
    except ValueError as error:
        raise ConfigError(f"--deadline {error}") from error
