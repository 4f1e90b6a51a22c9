"""The table of published runs: one row a measured fine-tuning, with the repository that published it."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from planner.catalog.load import Catalog
from planner.config_files import validate
from planner.domain.run_config import RunConfig
from planner.errors import ConfigError
from planner.units import GIB

PLAIN_FIELDS = (
    "model",
    "method",
    "base_quantization",
    "optimizer",
    "batching",
    "activation_checkpointing",
    "attention",
    "loss",
    "framework",
    "framework_version",
)
COUNT_FIELDS = ("seq_len", "micro_batch_size", "gradient_accumulation_steps")
UNKNOWN_UNLESS_GIVEN = ("optimizer", "gradient_accumulation_steps")
"""Fields of ``RunConfig`` with a default: an empty cell means unknown, not the default."""


class PublishedRun(NamedTuple):
    """One row. Figures are None where the source has none."""

    run: str
    fields: dict[str, Any]
    """The configuration as a run file says it: model and accelerator by their catalog names."""
    config: RunConfig
    outcome: Literal["ok", "oom"]
    tokens_per_s_per_accelerator: float | None
    step_time_s: float | None
    peak_allocated_bytes: float | None
    peak_reserved_bytes: float | None
    peak_device_bytes: float | None
    checkpoint_bytes: float | None
    source_repository: str
    source_path: str
    source_commit: str

    @property
    def num_accelerators(self) -> int:
        return self.config.cluster.count if self.config.cluster else 1

    @property
    def samples_per_step(self) -> int | None:
        """Samples that all accelerators feed in one optimizer step; None where the batch is not published."""
        config = self.config
        if config.micro_batch_size is None or config.gradient_accumulation_steps is None:
            return None
        return config.micro_batch_size * config.gradient_accumulation_steps * config.data_parallel

    @property
    def tokens_per_step(self) -> float | None:
        """Tokens that all accelerators feed in one optimizer step; None where time or throughput is not published.

        Exact where all samples have one length, else throughput times step time.
        """
        if self.tokens_per_s_per_accelerator is None or self.step_time_s is None:
            return None
        if self.config.batching in ("packed", "padded") and self.samples_per_step and self.config.seq_len:
            return float(self.samples_per_step * self.config.seq_len)
        return self.tokens_per_s_per_accelerator * self.num_accelerators * self.step_time_s


def read_published_runs(table: Path, catalog: Catalog) -> tuple[PublishedRun, ...]:
    """All rows of ``examples/published_runs.csv``; a ``ConfigError`` names the row that does not validate."""
    try:
        with table.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except OSError as error:
        raise ConfigError(f"{table}: the table of published runs cannot be read: {error}") from error
    return tuple(_published_run(row, f"{table}: run {row.get('run')!r}", catalog) for row in rows)


def _published_run(row: Mapping[str, str], origin: str, catalog: Catalog) -> PublishedRun:
    try:
        fields = _config_fields(row)
        outcome = row["outcome"]
        if outcome not in ("ok", "oom"):
            raise ConfigError(f"{origin}: outcome {outcome!r} is neither ok nor oom")
        return PublishedRun(
            run=row["run"],
            fields=fields,
            config=validate(RunConfig, fields, catalog, origin),
            outcome="ok" if outcome == "ok" else "oom",
            tokens_per_s_per_accelerator=_figure(row["tokens_per_s_per_accelerator"]),
            step_time_s=_figure(row["step_time_s"]),
            peak_allocated_bytes=_figure(row["peak_allocated_gib"], GIB),
            peak_reserved_bytes=_figure(row["peak_reserved_gib"], GIB),
            peak_device_bytes=_figure(row["peak_device_gib"], GIB),
            checkpoint_bytes=_figure(row["checkpoint_bytes"]),
            source_repository=row["source_repository"],
            source_path=row["source_path"],
            source_commit=row["source_commit"],
        )
    except KeyError as error:
        raise ConfigError(f"{origin}: the column {error} is missing") from error
    except ValueError as error:
        raise ConfigError(f"{origin}: {error}") from error


def _figure(text: str, unit: float = 1.0) -> float | None:
    return float(text) * unit if text else None


def _config_fields(row: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {"name": row["run"]}
    fields.update({key: row[key] for key in PLAIN_FIELDS if row[key]})
    fields.update({key: int(row[key]) for key in COUNT_FIELDS if row[key]})
    fields.update({key: None for key in UNKNOWN_UNLESS_GIVEN if not row[key]})
    if row["mean_tokens_per_sample"]:
        fields["mean_tokens_per_sample"] = float(row["mean_tokens_per_sample"])
    if row["lora_rank"] or row["lora_targets"]:
        fields["lora"] = {
            "rank": int(row["lora_rank"]) if row["lora_rank"] else None,
            "targets": row["lora_targets"] or None,
        }
    if row["weights_dtype"] and row["compute_dtype"]:
        dtypes = {"weights_dtype": row["weights_dtype"], "compute_dtype": row["compute_dtype"]}
        fields["precision"] = {**dtypes, **({"amp": row["amp"] == "true"} if row["amp"] else {})}
    fields["parallelism"] = {
        **{size: int(row[size]) for size in ("tp", "pp", "cp")},
        "zero_stage": int(row["zero_stage"]) if row["zero_stage"] else None,
    }
    fields["cluster"] = {"accelerator": row["accelerator"], "count": int(row["num_accelerators"])}
    return fields
