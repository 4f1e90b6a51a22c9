"""Generates MLflow stores of any size: 80 params, 30 metrics and 12 tags a run, and samples of the hardware.

Usage: python -m benchmarks.make_store sqlite:///PATH|postgresql://... NUM_RUNS

MLflow itself makes the tables; the rows are written past it, in the order in which training jobs would have.
"""

import random
import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlflow.tracking import MlflowClient

NUM_EXPERIMENTS = 40
NUM_PARAMS, NUM_METRICS, NUM_TAGS = 80, 30, 12
SAMPLES_PER_KEY = 8
LAST_END_MS = int(datetime(2026, 11, 23, tzinfo=UTC).timestamp() * 1000)
BETWEEN_STARTS_MS = 10 * 60 * 1000
SYSTEM_KEYS = {
    "cpu_utilization_percentage": 40.0,
    "system_memory_usage_megabytes": 90_000.0,
    "network_receive_megabytes": 500.0,
    "network_transmit_megabytes": 400.0,
    "gpu_0_memory_usage_megabytes": 61_000.0,
    "gpu_0_memory_usage_percentage": 71.0,
    "gpu_0_utilization_percentage": 93.0,
    "gpu_0_power_usage_watts": 390.0,
    "gpu_0_power_usage_percentage": 97.5,
}
MODELS = (("meta-llama/Llama-3.1-8B", "llama", 4096, 32, 8, 14336), ("Qwen/Qwen2.5-7B", "qwen2", 3584, 28, 4, 18944))
COLUMNS = {
    "runs": "run_uuid, name, status, start_time, end_time, lifecycle_stage, artifact_uri, experiment_id, user_id",
    "params": "run_uuid, key, value",
    "tags": "run_uuid, key, value",
    "latest_metrics": "run_uuid, key, value, timestamp, step, is_nan",
    "metrics": "run_uuid, key, value, timestamp, step, is_nan",
}
RUNS_PER_BATCH = 2000
Tables = dict[str, list[tuple[Any, ...]]]


def make_store(tracking_uri: str, num_runs: int, *, seed: int = 0) -> None:
    """Fills a new store; the same size and seed give the same rows."""
    client = MlflowClient(tracking_uri)
    experiments = [client.create_experiment(f"team-{number}") for number in range(NUM_EXPERIMENTS)]
    write = _write_sqlite if tracking_uri.startswith("sqlite") else _write_postgres
    write(tracking_uri, _batches([int(number) for number in experiments], num_runs, seed))


def _batches(experiments: list[int], num_runs: int, seed: int) -> Iterator[Tables]:
    rng = random.Random(seed)  # noqa: S311
    for first in range(0, num_runs, RUNS_PER_BATCH):
        tables: Tables = {name: [] for name in COLUMNS}
        for number in range(first, min(first + RUNS_PER_BATCH, num_runs)):
            _add_run(tables, rng, experiments, LAST_END_MS - (num_runs - number) * BETWEEN_STARTS_MS)
        yield tables


def _add_run(tables: Tables, rng: random.Random, experiments: list[int], start_ms: int) -> None:
    run_id = f"{rng.getrandbits(128):032x}"
    status = rng.choices(("FINISHED", "FAILED", "KILLED"), (90, 8, 2))[0]
    stage = "deleted" if rng.random() < 0.01 else "active"
    duration_ms = int(rng.lognormvariate(14, 0.8))
    name, experiment = f"run-{run_id[:6]}", rng.choice(experiments)
    row = (run_id, name, status, start_ms, start_ms + duration_ms, stage, f"mlflow-artifacts:/{run_id}", experiment)
    tables["runs"].append((*row, "ann"))
    tables["params"] += [(run_id, key, value) for key, value in _params(rng).items()]
    tables["tags"] += [(run_id, "mlflow.runName", name), (run_id, "mlflow.user", "ann")]
    tables["tags"] += [(run_id, f"team.tag_{number}", f"value {rng.randrange(50)}") for number in range(NUM_TAGS - 2)]
    latest = []
    for key, typical in SYSTEM_KEYS.items():
        points = [
            (
                run_id,
                f"system/{key}",
                typical * rng.uniform(0.9, 1.0) if "network" not in key else typical * step,
                start_ms + (step + 1) * duration_ms // (SAMPLES_PER_KEY + 1),
                step,
            )
            for step in range(SAMPLES_PER_KEY)
        ]
        tables["metrics"] += [(*point, False) for point in points]
        latest.append(points[-1])
    for key, value in _trainer_metrics(rng, duration_ms / 1000).items():
        latest.append((run_id, key, value, start_ms + duration_ms, 300))
        tables["metrics"] += [(run_id, key, value * 1.1, start_ms + 5, 10, False), (*latest[-1], False)]
    tables["latest_metrics"] += [(*point, False) for point in latest]


def _params(rng: random.Random) -> dict[str, str]:
    name, kind, hidden, layers, kv_heads, ffn = rng.choice(MODELS)
    known = {
        "_name_or_path": name,
        "model_type": kind,
        "hidden_size": str(hidden),
        "num_hidden_layers": str(layers),
        "num_attention_heads": str(hidden // 128),
        "num_key_value_heads": str(kv_heads),
        "intermediate_size": str(ffn),
        "vocab_size": "128256" if kind == "llama" else "152064",
        "tie_word_embeddings": "False",
        "per_device_train_batch_size": str(rng.choice((1, 2, 4, 8))),
        "gradient_accumulation_steps": str(rng.choice((1, 2, 4, 8))),
        "num_train_epochs": "3.0",
        "max_steps": "-1",
        "max_length": str(rng.choice((1024, 2048, 4096))),
        "learning_rate": f"{rng.uniform(1e-6, 1e-3):.3g}",
        "optim": "adamw_torch_fused",
        "bf16": "True",
        "fp16": "False",
        "gradient_checkpointing": str(rng.random() < 0.7),
        "attn_implementation": "flash_attention_2",
        "seed": str(rng.randrange(1000)),
        "output_dir": f"out/{rng.getrandbits(32):08x}",
    }
    return known | {f"other_argument_{number}": "None" for number in range(NUM_PARAMS - len(known))}


def _trainer_metrics(rng: random.Random, duration_s: float) -> dict[str, float]:
    known = {
        "train_runtime": duration_s * 0.95,
        "train_samples_per_second": rng.uniform(1, 30),
        "train_steps_per_second": rng.uniform(0.1, 1),
        "total_flos": rng.uniform(1e17, 1e19),
        "train_loss": rng.uniform(0.5, 3),
        "loss": rng.uniform(0.5, 3),
        "grad_norm": rng.uniform(0.1, 2),
        "epoch": 3.0,
        "num_input_tokens_seen": float(rng.randrange(10**6, 10**8)),
    }
    num_others = NUM_METRICS - len(known) - len(SYSTEM_KEYS)
    return known | {f"eval/score_{number}": rng.random() for number in range(num_others)}


def _write_sqlite(tracking_uri: str, batches: Iterator[Tables]) -> None:
    connection = sqlite3.connect(tracking_uri.removeprefix("sqlite:///"))
    for pragma in ("synchronous = off", "journal_mode = off", "cache_size = -4000000"):
        connection.execute(f"pragma {pragma}")
    for tables in batches:
        for table, rows in tables.items():
            marks = ", ".join("?" * len(rows[0]))
            connection.executemany(f"insert into {table} ({COLUMNS[table]}) values ({marks})", rows)
        connection.commit()
    connection.close()


def _write_postgres(tracking_uri: str, batches: Iterator[Tables]) -> None:
    import psycopg

    with psycopg.connect(tracking_uri.replace("+psycopg", "")) as connection, connection.cursor() as cursor:
        for tables in batches:
            for table, rows in tables.items():
                with cursor.copy(f"copy {table} ({COLUMNS[table]}) from stdin") as copy:
                    for row in rows:
                        copy.write_row(row)
            connection.commit()
        connection.commit()
        cursor.execute("analyze")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    if sys.argv[1].startswith("sqlite") and Path(sys.argv[1].removeprefix("sqlite:///")).exists():
        raise SystemExit(f"{sys.argv[1]} exists")
    make_store(sys.argv[1], int(sys.argv[2]))
