"""A progress bar for work that goes row by row."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@contextmanager
def row_progress(what: str, total: int, unit: str = "rows") -> Iterator[Callable[[], None]]:
    """A bar on standard error; call what it yields once a row (or other ``unit``)."""
    columns = (
        TextColumn(f"{what} {unit}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)
