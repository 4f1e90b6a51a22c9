"""How long the things take that people wait for: whole processes, and the core alone."""

import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

from benchmarks.page import write_page
from planner.calibration.fit import fit
from planner.calibration.residuals import Residual
from planner.catalog.load import load_catalog
from planner.config_files import load_run
from planner.estimator.estimate_run import estimate_run

LATER = datetime(2026, 11, 23, tzinfo=UTC)
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


def synthetic_residuals(count: int) -> list[Residual]:
    """Log ratios of 200 experiments on four accelerators."""
    rng = np.random.default_rng(0)
    groups, ratios = rng.integers(200, size=count), rng.normal(0.1, 0.2, count)
    return [
        Residual(
            run_id=f"run-{number}",
            experiment=f"e{group}",
            resource="tokens_per_s_per_accelerator",
            ended_at=LATER - timedelta(minutes=number + 1),
            groups=("all", f"accelerator={group % 4}", f"accelerator={group % 4}, experiment=e{group}"),
            actual=math.exp(ratio),
            estimate_p10=0.7,
            estimate_p50=1.0,
            estimate_p90=1.4,
            log_ratio=ratio,
        )
        for number, (group, ratio) in enumerate(zip(groups.tolist(), ratios.tolist(), strict=True))
    ]


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

    residuals = synthetic_residuals(100_000)
    measure("calibration fitted on 100,000 residuals (core)", lambda: fit(residuals, as_of=LATER, prior="p"), 3)

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
