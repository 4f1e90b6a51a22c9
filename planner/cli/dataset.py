"""foretune dataset: rows, tokens and lengths of a dataset file."""

import json
from pathlib import Path

import click

from planner.cli.options import json_option

EXAMPLES = """\b
Examples:
  foretune dataset train.jsonl
  foretune dataset train.jsonl.gz --tokenizer ./llama-3.1-8b --seq-len 4096
  foretune dataset train.jsonl --field text --json"""


@click.command(name="dataset", short_help="Rows, tokens and lengths of a dataset file.", epilog=EXAMPLES)
@click.argument("path", metavar="FILE.jsonl", type=click.Path(path_type=Path))
@click.option(
    "--tokenizer",
    "tokenizer_path",
    type=click.Path(path_type=Path),
    help="tokenizer.json or its folder. Without it tokens are a range.",
)
@click.option("--seq-len", type=click.IntRange(min=1, max=100_000_000), help="Also waste and cuts at this length.")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1, max=1_000_000),
    default=8,
    show_default=True,
    help="Samples of a batch that is padded to its longest.",
)
@click.option("--field", help="The one field that is trained on. Default: the usual ones.")
@json_option
def command(
    path: Path, tokenizer_path: Path | None, seq_len: int | None, batch_size: int, field: str | None, as_json: bool
) -> None:
    """Measures FILE.jsonl (or .jsonl.gz): bytes, rows, tokens and how long samples are.

    One JSON object a line, in any of the usual forms: text, prompt and completion, messages, chosen and rejected, or
    token ids. Ends with the lines to put into a run file. The file is read once and never held in memory.
    """
    from rich.console import Console
    from rich.progress import Progress

    from planner.cli import dataset_job
    from planner.report.dataset_table import print_dataset
    from planner.sources.tokenizer_file import open_tokenizer

    tokenizer = None if tokenizer_path is None else open_tokenizer(tokenizer_path)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=path.stat().st_size if path.is_file() else None)
        measured = dataset_job.measure(path, tokenizer, field, lambda done: progress.update(task, completed=done))
    found = dataset_job.as_json(measured, seq_len, batch_size)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        print_dataset(found, measured.first_problem)
