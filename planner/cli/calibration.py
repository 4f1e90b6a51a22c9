"""foretune calibration: versions of what was learnt, and which one is used."""

import json
from pathlib import Path

import click

from planner.cli.options import config_option, json_option

EXAMPLES = """\b
Examples:
  foretune calibration list
  foretune calibration show 3f2a9c
  foretune calibration rollback
  foretune calibration promote 3f2a9c"""


@click.group(name="calibration", short_help="Versions of what was learnt; promote and roll back.", epilog=EXAMPLES)
def command() -> None:
    """List the versions of the calibration, look into one, and choose which one estimates use."""


@command.command(name="list", epilog="\b\nExample:\n  foretune calibration list")
@config_option
@json_option
def list_versions(config_path: Path, as_json: bool) -> None:
    """All versions, the newest first, with the decision on each and its reason."""
    from planner.cli.calibration_job import versions
    from planner.report.calibration_tables import versions_table
    from planner.report.terminal_tables import print_table

    rows = versions(config_path)
    if as_json:
        click.echo(json.dumps(rows, indent=2, default=str))
    else:
        print_table(versions_table(rows))


@command.command(name="show", epilog="\b\nExample:\n  foretune calibration show 3f2a9c")
@click.argument("version", required=False)
@config_option
@json_option
def show(version: str | None, config_path: Path, as_json: bool) -> None:
    """What one version (or the one in use) learnt: effects by resource, and how often updates happen."""
    from planner.cli.calibration_job import cadences, find_version
    from planner.report.calibration_tables import cadence_table, effects_table
    from planner.report.terminal_tables import print_table

    calibration = find_version(config_path, version)
    of_updates = cadences(config_path, calibration.as_of if version else None)
    if as_json:
        shown = {**calibration.model_dump(mode="json"), "cadences": of_updates}
        click.echo(json.dumps(shown, indent=2, default=str))
        return
    click.echo(
        f"calibration {calibration.calibration_id} ({calibration.method}, physics {calibration.prior}): "
        f"{calibration.num_runs} runs up to {calibration.fitted_through}, data {calibration.data_fingerprint}"
    )
    print_table(effects_table(calibration))
    click.echo("\nupdates: planned against done, and what is expected of the next, median (80 % range)")
    print_table(cadence_table(of_updates))


@command.command(name="promote", epilog="\b\nExample:\n  foretune calibration promote 3f2a9c")
@click.argument("version")
@config_option
def promote(version: str, config_path: Path) -> None:
    """Use this version from now on, whatever the weekly comparison said."""
    from planner.cli.calibration_job import decide_version

    click.echo(decide_version(config_path, version, "promoted"))


@command.command(name="rollback", epilog="\b\nExample:\n  foretune calibration rollback")
@config_option
def rollback(config_path: Path) -> None:
    """Use the version again that was in use before the present one."""
    from planner.cli.calibration_job import decide_version

    click.echo(decide_version(config_path, None, "rolled back"))
