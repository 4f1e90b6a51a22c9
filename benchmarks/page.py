"""Writes a result page: what was run, when, where, on which commit, and a table."""

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]


def write_page(name: str, title: str, about: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    """``benchmarks/<name>.md`` with one Markdown table."""
    git = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    commit = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    lines = [
        f"# {title}",
        "",
        about,
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit}, {os.cpu_count()} cores ({_processor()}), "
        f"Python {platform.python_version()}. Again: `python -m benchmarks.{name}`",
        "",
        *_table(columns, rows),
        "",
    ]
    path = ROOT / "benchmarks" / f"{name}.md"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def append_table(path: Path, heading: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """One more table at the end of a page, under a heading of its own."""
    lines = ["", f"## {heading}", "", *_table(columns, rows), ""]
    with path.open("a", encoding="utf-8") as page:
        page.write("\n".join(lines))


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    line = [f"| {' | '.join(row)} |" for row in (columns, *rows)]
    return [line[0], f"|{'|'.join('---' for _ in columns)}|", *line[1:]]


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
