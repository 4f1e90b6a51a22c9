"""Published whole runs: how long each took by its own clock, and the run as the estimator sees it."""

import csv
import math
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, Literal, NamedTuple

from benchmarks.published_throughput import RUNS, suite_of
from planner.catalog.load import load_catalog
from planner.dialects.run_table import read_row
from planner.domain.operations import Evaluation
from planner.domain.run_config import RunConfig
from planner.errors import PlannerError
from planner.estimator.physics import Physics, run_physics
from planner.estimator.unknowns import expand

CPU_STORE = RUNS.parents[1] / "mlflow_cpu_runs"
CPU_SOURCE = "own runs on one CPU core"
Clock = Literal["steps", "steps and evaluations"]
EVALUATION_RULES = {"llama-2-70b": (384, 173), "llama-3.1-405b": (46_080, 5_760)}
"""Model -> samples between two evaluations, samples of one (training rules of mlcommons/training_policies)."""
NO_LENGTH = "neither steps nor samples of a known length are stated"


class WholeRun(NamedTuple):
    id: str
    tier: str
    source: str
    cell: str
    clock: Clock
    """What the published time holds; none of these clocks runs during start-up."""
    physics: tuple[tuple[float, Physics], ...]
    """The runs that the configuration may mean, with their weights."""
    wall_s: float

    @property
    def suite(self) -> str:
        return suite_of(self.source)

    @property
    def log_wall(self) -> float:
        return math.log(self.wall_s)


class WholeRuns(NamedTuple):
    runs: tuple[WholeRun, ...]
    missing: Counter[tuple[str, str]]
    """Source and reason -> rows with a time that cannot be predicted."""


def whole_runs() -> WholeRuns:
    """Rows that state a measured time of tiers A and B, and the runs of the MLflow store."""
    found: list[WholeRun] = []
    missing: Counter[tuple[str, str]] = Counter()
    for source, run in (*_table_runs(), *_cpu_runs()):
        if isinstance(run, WholeRun):
            found.append(run)
        else:
            missing[source, run] += 1
    return WholeRuns(tuple(found), missing)


def _table_runs() -> Iterator[tuple[str, WholeRun | str]]:
    catalog = load_catalog()
    with RUNS.open(encoding="utf-8", newline="") as text:
        rows = [row for row in csv.DictReader(text) if row["total_time_s"] and row["outcome"] == "ok"]
    for row in rows:
        source = row["source"]
        if row["evidence"] != "measured":
            yield source, "the time is not measured: claimed, rounded or a reference value"
            continue
        length = _length(row)
        if length is None:
            yield source, NO_LENGTH
            continue
        if row["throughput_tier"] not in ("A", "B"):
            yield source, "tier C: not to be scored"
            continue
        read = read_row(row, catalog)
        if read.config is None or "throughput" in read.unpredictable:
            yield source, read.unpredictable.get("throughput", "not a run")
            continue
        cell = "|".join(row[column] for column in ("source", "model", "accelerator", "method"))
        config = RunConfig.model_validate(dict(read.config) | length)
        clock: Clock = "steps and evaluations" if config.evaluation is not None else "steps"
        try:
            physics = _physics(config)
        except PlannerError as error:
            yield source, str(error)
            continue
        wall_s = float(row["total_time_s"])
        yield source, WholeRun(row["id"], row["throughput_tier"], source, cell, clock, physics, wall_s)


def _length(row: Mapping[str, str]) -> dict[str, Any] | None:
    """Steps of the run, and the evaluations that the rules of its benchmark ask for."""
    if row["total_steps"]:
        return {"max_steps": int(float(row["total_steps"]))}
    amount = re.fullmatch(r"([\d.]+) (samples|tokens)", row["total_tokens_or_samples"])
    if amount is None or not row["global_batch"] or not row["seq_len"]:
        return None
    samples = float(amount[1]) / (float(row["seq_len"]) if amount[2] == "tokens" else 1.0)
    batch = float(row["global_batch"])
    steps = max(1, math.ceil(samples / batch))
    found: dict[str, Any] = {"max_steps": steps}
    if row["model"] in EVALUATION_RULES:
        between, evaluated = EVALUATION_RULES[row["model"]]
        skipped = math.floor(0.125 * batch + 2) if row["method"] == "lora" else 0
        times = max(1, round(samples / between) - skipped)
        tokens = evaluated * int(float(row["seq_len"]))
        found["evaluation"] = Evaluation(every_steps=max(1, steps // times), tokens=tokens)
    return found


def _cpu_runs() -> Iterator[tuple[str, WholeRun | str]]:
    """Runs of the store by what they really were; their clock is the trainer's own."""
    truth, store = CPU_STORE / "truth.csv", CPU_STORE / "mlflow.db"
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db:
        query = "SELECT run_uuid, value FROM latest_metrics WHERE key = 'train_runtime'"
        seconds = {run: float(value) for run, value in db.execute(query)}
    with truth.open(encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            config = _cpu_config(row)
            cell = f"{CPU_SOURCE}|{row['model']}|{row['method']}"
            yield (
                CPU_SOURCE,
                WholeRun(row["run_id"], "A", CPU_SOURCE, cell, "steps", _physics(config), seconds[row["run_id"]]),
            )


def _cpu_config(row: Mapping[str, str]) -> RunConfig:
    numbers = {name: int(row[name]) for name in row if name.startswith("num_") or name in ("hidden_dim", "ffn_dim")}
    is_lora = row["method"] == "lora"
    return RunConfig.model_validate(
        {
            "name": row["run_name"][:200],
            "model": {
                "name": row["model"],
                **numbers,
                "head_dim": numbers["hidden_dim"] // numbers["num_heads"],
                "vocab_size": int(row["vocab_size"]),
                "tied_embeddings": False,
                "attention_bias": "qkv" if "qwen" in row["model"] else "none",
            },
            "method": row["method"],
            "lora": {"rank": int(row["lora_rank"]), "targets": row["lora_targets"]} if is_lora else None,
            "precision": "fp32",
            "optimizer": {"adamw_torch": "adamw", "adafactor": "adafactor", "sgd": "sgd"}[row["optimizer"]],
            "seq_len": int(row["seq_len"]),
            "batching": "padded",
            "micro_batch_size": int(row["micro_batch"]),
            "gradient_accumulation_steps": int(row["grad_accum"]),
            "max_steps": int(row["max_steps"]),
            "activation_checkpointing": row["activation_ckpt"],
            "attention": "sdpa",
            "loss": "full_logits",
            "framework": "hf-transformers",
            "cluster": {"accelerator": load_catalog().accelerators["cpu-1core"]},
        }
    )


def _physics(config: RunConfig) -> tuple[tuple[float, Physics], ...]:
    return tuple((one.weight, run_physics(one.config)) for one in expand(config)[0])
