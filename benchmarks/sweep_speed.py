"""How many configurations a second the sweep and the search behind ``foretune advise`` estimate."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from functools import cache
from typing import Any

import numpy as np

from benchmarks.page import write_page
from planner.advise.offers import offers
from planner.advise.request import Request
from planner.advise.search import search
from planner.catalog.load import load_catalog
from planner.domain.run_config import RunConfig
from planner.estimator.estimate_run import estimate_run
from planner.estimator.sweep import sweep

ON = date(2026, 11, 24)
REPEAT = 5
AXES: dict[str, list[Any]] = {
    "activation_checkpointing": ["none", "full"],
    "cluster.count": [1, 2, 4, 8, 16, 32, 64, 128],
    "parallelism.tp": [1, 2, 4, 8],
    "parallelism.pp": [1, 2, 4],
    "micro_batch_size": [1, 2, 4, 8, 16],
    "gradient_accumulation_steps": [1, 2, 4, 8],
    "seq_len": [512, 1024, 2048, 4096, 8192],
    "cluster.accelerator": ["a100-80gb", "h100-sxm-80gb", "b200-180gb", "l40s-48gb", "mi300x-192gb"],
}


@cache
def run(method: str, framework: str | None) -> RunConfig:
    """A run of Llama 3.1 8B on eight H100 with an effective batch of 128."""
    fields = {
        "model": "llama-3.1-8b",
        "method": method,
        "lora": {"rank": 16, "targets": "all_linear"} if method == "lora" else None,
        "precision": "bf16" if method == "lora" else "bf16-mixed",
        "seq_len": 2048,
        "micro_batch_size": 4,
        "gradient_accumulation_steps": 4,
        "batching": "packed",
        "train_tokens": 100_000_000,
        "activation_checkpointing": "full",
        "attention": "flash",
        "loss": "full_logits",
        "framework": framework,
        "parallelism": {"sequence_parallel": True},
        "cluster": {"accelerator": "h100-sxm-80gb", "count": 8},
    }
    return RunConfig.model_validate(fields, context={"catalog": load_catalog()})


def single() -> int:
    """One configuration at a time."""
    config, prices = run("lora", "transformers"), load_catalog().prices
    for _ in range(1000):
        estimate_run(config, prices, ON)
    return 1000


def swept(method: str, *, unknown: bool = False) -> int:
    """A grid: memory, time and cost; the number of possible configurations."""
    catalog = load_catalog()
    axes: dict[str, list[Any]] = {
        **AXES,
        "cluster.accelerator": [catalog.accelerators[str(name)] for name in AXES["cluster.accelerator"]],
    }
    config = run(method, "torchtitan")
    if unknown:
        config = config.model_copy(update={"attention": None})
    return int(np.isfinite(sweep(config, axes, catalog.prices, ON).fits_probability).sum())


def searched(method: str, framework: str | None) -> int:
    """The whole search of advise but for the estimates of its front."""
    catalog, config = load_catalog(), run(method, framework)
    clusters = offers(config, catalog.accelerators.values())
    return search(config, clusters, catalog.prices, ON, Request(), is_final=True).num_estimated


def lora_sweep() -> int:
    return swept("lora")


def full_sweep() -> int:
    return swept("full")


def open_sweep() -> int:
    return swept("lora", unknown=True)


def lora_search() -> int:
    return searched("lora", "torchtitan")


def full_search() -> int:
    return searched("full", "nemo")


def stock_search() -> int:
    return searched("lora", "transformers")


WORK: tuple[tuple[str, Callable[[], int]], ...] = (
    ("one at a time: `estimate_run`", single),
    ("grid, LoRA: memory, time and cost", lora_sweep),
    ("grid, full fine-tuning: memory, time and cost", full_sweep),
    ("grid, LoRA, attention unknown (two possibilities each)", open_sweep),
    ("search of `advise`, LoRA, torchtitan", lora_search),
    ("search of `advise`, full fine-tuning, NeMo", full_search),
    ("search of `advise`, LoRA, transformers (no tensor or pipeline parallelism)", stock_search),
)


def measured(action: Callable[[], int]) -> tuple[int, float, float]:
    """Configurations, and the least CPU and wall seconds of some repetitions after one that is not counted."""
    count = action()
    cpu, wall = [], []
    for _ in range(REPEAT):
        cpu_start, wall_start = time.process_time(), time.perf_counter()
        action()
        cpu.append(time.process_time() - cpu_start)
        wall.append(time.perf_counter() - wall_start)
    return count, min(cpu), min(wall)


def in_two_processes(action: Callable[[], int]) -> tuple[float, float]:
    """Configurations a second of CPU time and of wall time, both processes together."""
    with ProcessPoolExecutor(2) as pool:
        found = [job.result() for job in [pool.submit(measured, action) for _ in range(2)]]
    return sum(count / cpu for count, cpu, _ in found), sum(count / wall for count, _, wall in found)


def main() -> None:
    rows = []
    for what, action in WORK:
        count, cpu_s, wall_s = measured(action)
        both_cpu, both_wall = in_two_processes(action)
        row = (what, count, count / cpu_s, count / wall_s, both_cpu, both_wall)
        rows.append((row[0], *(f"{value:,.0f}" for value in row[1:])))
        print(*rows[-1], sep=" | ")
    load = f"{os.getloadavg()[0]:.1f}"
    write_page(
        "sweep_speed",
        "Speed of sweeps and of the search",
        "Configurations a second, best of five repetitions: of CPU time (the machine is shared) and of wall time, for "
        f"one process and for two at once. Load of the machine meanwhile: {load}.",
        ("what", "configurations", "per CPU s", "per wall s", "two processes: per CPU s x 2", "per wall s"),
        rows,
    )


if __name__ == "__main__":
    main()
