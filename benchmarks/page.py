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
        f"| {' | '.join(columns)} |",
        f"|{'|'.join('---' for _ in columns)}|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]
    path = ROOT / "benchmarks" / f"{name}.md"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
