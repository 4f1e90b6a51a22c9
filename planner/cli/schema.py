"""foretune schema: the JSON schema of what people write."""

import json

import click

from planner.domain.programme import Programme
from planner.domain.run_config import RunConfig


@click.command(
    name="schema",
    short_help="Print the JSON schema of foretune.yaml or RUN.yaml.",
    epilog="\b\nExample:\n  foretune schema programme > foretune.schema.json",
)
@click.argument("kind", type=click.Choice(["programme", "run"]))
def command(kind: str) -> None:
    """Print the JSON schema of foretune.yaml (programme) or RUN.yaml (run), for editors and validators."""
    schema = (Programme if kind == "programme" else RunConfig).model_json_schema()
    click.echo(json.dumps(schema, indent=2))
