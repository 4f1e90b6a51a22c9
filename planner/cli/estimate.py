"""foretune estimate: what one run needs."""

from pathlib import Path

import click

from planner.cli.html_file import write_html
from planner.cli.options import as_of_option, config_option, json_option, set_option

EXAMPLES = """\b
Examples:
  foretune estimate run.yaml
  foretune estimate run.yaml --set seq_len=8192 --set cluster.accelerator=h100-sxm-80gb
  foretune estimate run.yaml --json | jq .memory.peak_device_bytes
  foretune estimate run.yaml --html estimate.html
  foretune estimate run.yaml --explain
  foretune estimate run.yaml --level 0.95                ranges that 95 of 100 runs should keep to
  foretune estimate run.yaml --as-of 2026-09-01          what it would have said on that day"""


@click.command(name="estimate", short_help="What one run needs.", epilog=EXAMPLES)
@click.argument("run_path", metavar="RUN.yaml", type=click.Path(path_type=Path))
@set_option
@config_option
@click.option("--prior", is_flag=True, help="Physics only: leave out what was learnt from past runs.")
@click.option("--html", "html_path", type=click.Path(path_type=Path), help="Also write the estimate as an HTML page.")
@click.option("--explain", is_flag=True, help="Also show the way from the physics to each figure, effect by effect.")
@click.option(
    "--level",
    type=click.FloatRange(0.01, 0.99),
    help="Also show the ranges that this share of runs should keep to; p10 to p90 is 0.8.",
)
@click.option("--calibration", "version", metavar="ID", help="Use this version (`foretune calibration list`).")
@as_of_option
@json_option
def command(
    run_path: Path,
    overrides: tuple[str, ...],
    config_path: Path,
    prior: bool,
    html_path: Path | None,
    explain: bool,
    level: float | None,
    version: str | None,
    as_of_text: str | None,
    as_json: bool,
) -> None:
    """Memory, speed, time, storage, network and cost of the run in RUN.yaml, each with its uncertainty.

    Uses the calibration of the last weekly run where there is one; `foretune gate` also decides. With --as-of prices
    and calibration are those of that day: an earlier estimate comes out again.
    """
    from planner.cli.session import asked_for_in, open_session
    from planner.errors import ConfigError

    if level is not None and as_json:
        raise ConfigError("--level: not with --json, which holds p10, p50 and p90; leave one of them out")
    session = open_session(config_path)
    if version is not None or as_of_text is not None:
        session = session.at(config_path, as_of_text, version)
    config = session.load_run(run_path, overrides)
    with asked_for_in(run_path):
        estimate = session.estimate(config, calibrated=not prior)
    if html_path is not None:
        from planner.report.render import render_estimate

        write_html(html_path, render_estimate(estimate, config.name), "--html")
    if as_json:
        click.echo(estimate.model_dump_json(indent=2))
        return
    from planner.report.text import print_estimate

    print_estimate(config, estimate)
    if level is not None or explain:
        from planner.report.calibration_tables import explanation_table, level_table
        from planner.report.terminal_tables import print_table

    if level is not None:
        print_table(level_table(estimate, level, None if prior else session.calibration))
    if explain:
        print_table(explanation_table(session.estimate(config, calibrated=False), estimate))
