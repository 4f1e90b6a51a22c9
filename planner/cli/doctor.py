"""foretune doctor: is the set-up well, and what do past runs leave unsaid."""

import json
from pathlib import Path

import click

from planner.cli.options import config_option, json_option

CALLBACK = (
    "from planner.mlflow_callback import PlannerCallback",
    "trainer.add_callback(PlannerCallback())",
)
EXIT_FAIL = 3
EXAMPLES = """\b
Examples:
  foretune doctor && foretune weekly
  foretune doctor --experiment support-bot
  foretune doctor --json | jq '.missing[] | select(.consequence == "no estimate")'"""


@click.command(name="doctor", short_help="What is missing in past runs, and what it costs.", epilog=EXAMPLES)
@config_option
@click.option("--experiment", default=None, help="Only runs of this experiment.")
@json_option
def command(config_path: Path, experiment: str | None, as_json: bool) -> None:
    """Check the set-up, and print per experiment what past runs do not say or leave to inference.

    With each field: how much wider estimates are without it (80 % range as a factor around the middle), and the line
    of training code that logs it. The callback of `pip install 'foretune[callback]'` logs all of them at once.

    Exits with 3 where a check says fail: the programme, a source or a price file cannot be read. Warnings and fields
    that runs leave unsaid exit with 0.
    """
    from planner.cli.doctor_job import examine

    found = examine(config_path, experiment)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "checks": [check._asdict() for check in found.checks],
                    "num_runs": found.num_runs,
                    "experiments": found.experiments,
                    "missing": [fact.model_dump() for fact in found.facts],
                    "callback": CALLBACK,
                },
                indent=2,
            )
        )
    else:
        from planner.report.doctor_tables import print_doctor

        print_doctor(found.checks, found.facts, found.num_runs, CALLBACK)
    if any(check.state == "fail" for check in found.checks):
        raise SystemExit(EXIT_FAIL)
