"""foretune dashboard: browse the published snapshot."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from planner.cli.options import config_option
from planner.errors import ConfigError


@click.command(
    name="dashboard",
    short_help="Browse the published snapshot.",
    epilog="\b\nExample:\n  foretune dashboard --config foretune.yaml",
)
@config_option
def command(config_path: Path) -> None:
    """Open the published snapshot in a browser dashboard (needs `pip install foretune[dashboard]`)."""
    from planner.settings import read_settings, shipped_folder

    if find_spec("streamlit") is None:
        raise ConfigError("the dashboard needs streamlit: pip install 'foretune[dashboard]'")
    app = shipped_folder("dashboards") / "app.py"
    snapshot = read_settings(os.environ, config_path).snapshot_path
    options = ["--server.address", "localhost", "--browser.gatherUsageStats", "false"]
    words = [sys.executable, "-m", "streamlit", "run", str(app), *options, "--", str(snapshot)]
    raise SystemExit(subprocess.call(words))  # noqa: S603 (our own file and options)
