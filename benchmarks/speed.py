"""How long the things take that people wait for: whole processes, and the core alone."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from benchmarks.page import write_page
from planner.catalog.load import load_catalog
from planner.config_files import load_run
from planner.estimator.estimate_run import estimate_run

FORETUNE = str(Path(sys.executable).with_name("foretune"))


def seconds(action: Callable[[], object], repeat: int) -> list[float]:
    """Wall time of each of ``repeat`` calls after one that is not counted."""
    action()
    found = []
    for _ in range(repeat):
        start = time.perf_counter()
        action()
        found.append(time.perf_counter() - start)
    return found


def process(folder: Path, *words: str) -> Callable[[], object]:
    """A whole foretune process in a folder."""
    return lambda: subprocess.run([FORETUNE, *words], cwd=folder, check=True, capture_output=True)  # noqa: S603


def main() -> None:
    rows = []

    def measure(what: str, action: Callable[[], object], repeat: int, per: int = 1, unit: str = "s") -> None:
        times = [t / per for t in seconds(action, repeat)]
        scale = 1000 if unit == "ms" else 1
        low, middle, high = (f"{value * scale:.3g}" for value in (min(times), statistics.median(times), max(times)))
        print(f"{what}: {middle} {unit}")
        rows.append((what, f"{middle} {unit}", f"{low} to {high}", str(repeat)))

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        process(folder, "init")()
        catalog = load_catalog()
        run = load_run(folder / "run.yaml", catalog)
        open_run = run.model_copy(update={"attention": None, "loss": None, "activation_checkpointing": None})
        on = date(2026, 11, 24)
        measure(
            "one estimate, all fields known (core)",
            lambda: [estimate_run(run, catalog.prices, on) for _ in range(200)],
            5,
            200,
            "ms",
        )
        measure(
            "one estimate, three fields unknown (core)",
            lambda: [estimate_run(open_run, catalog.prices, on) for _ in range(50)],
            5,
            50,
            "ms",
        )
        measure("`foretune estimate run.yaml` (process)", process(folder, "estimate", "run.yaml"), 9)
        measure("`foretune gate run.yaml` (process)", process(folder, "gate", "run.yaml", "--no-log"), 9)
        start = time.perf_counter()
        process(folder, "demo")()
        rows.append(("`foretune demo` (process, fresh folder)", f"{time.perf_counter() - start:.0f} s", "", "1"))
        demo = folder / "foretune-demo"
        measure("`foretune gate` with calibration (process)", process(demo, "gate", "run-passes.yaml", "--no-log"), 9)
        measure("`foretune weekly` on 191 runs, nothing new (process)", process(demo, "weekly"), 2)
    write_page(
        "speed", "Speed", "Wall time; median, range and number of measurements.", ("what", "median", "range", "n"), rows
    )


if __name__ == "__main__":
    main()
