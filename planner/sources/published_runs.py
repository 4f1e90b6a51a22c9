"""The table of published runs: one row a measured fine-tuning, with the repository that published it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from planner.catalog.load import Catalog
from planner.dialects.run_table import read_row
from planner.dialects.run_table_actuals import ran_out_of_memory, read_figures
from planner.domain.run_config import RunConfig
from planner.domain.training_run import Actual
from planner.errors import ConfigError
from planner.sources.run_table_file import read_run_table


class PublishedRun(NamedTuple):
    """One row. Figures are None where the source has none."""

    run: str
    config: RunConfig
    outcome: Literal["ok", "oom"]
    figures: Actual
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
        if self.figures.tokens_per_s_per_accelerator is None or self.figures.step_time_s is None:
            return None
        if self.config.batching in ("packed", "padded") and self.samples_per_step and self.config.seq_len:
            return float(self.samples_per_step * self.config.seq_len)
        return self.figures.tokens_per_s_per_accelerator * self.num_accelerators * self.figures.step_time_s


def read_published_runs(table: Path, catalog: Catalog) -> tuple[PublishedRun, ...]:
    """All rows of ``examples/published_runs.csv``; a ``ConfigError`` names the row that cannot be used."""
    return tuple(_published_run(row, f"{table}: run {row['id']!r}", catalog) for row in read_run_table(table))


def _published_run(row: Mapping[str, str], origin: str, catalog: Catalog) -> PublishedRun:
    run, is_oom = read_row(row, catalog), ran_out_of_memory(row)
    if run.config is None or run.unpredictable:
        raise ConfigError(f"{origin}: {'; '.join(run.unpredictable.values())}")
    if is_oom is None:
        raise ConfigError(f"{origin}: outcome {row.get('outcome')!r} is neither ok nor oom")
    return PublishedRun(
        run=row["id"],
        config=run.config,
        outcome="oom" if is_oom else "ok",
        figures=read_figures(row),
        source_repository=row.get("source", ""),
        source_path=row.get("source_path", ""),
        source_commit=row.get("source_commit", ""),
    )
