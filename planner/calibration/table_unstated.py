"""Rows that leave open what an estimate must have: the runs they may mean."""

from collections.abc import Iterator, Mapping
from itertools import product

from planner.catalog.load import Catalog
from planner.dialects.run_table import TableRun, read_row
from planner.domain.run_config import RunConfig

LENGTHS = ((0.35, 512), (0.4, 2048), (0.25, 8192))
"""Weight and sequence length where a row states neither length nor mean; assumed from open training code."""
MICRO_BATCHES = ((0.45, 1), (0.35, 4), (0.2, 16))
"""Weight and micro batch where a row does not state it; assumed likewise."""

COUNTS = ((0.45, 1), (0.1, 2), (0.1, 4), (0.35, 8))
"""Weight and number of accelerators where a row does not state it: one, or a whole host; assumed likewise."""
COUNT_COLUMN = "n_accel"


def possible_readings(row: Mapping[str, str], catalog: Catalog) -> list[tuple[float, TableRun]]:
    """What a row says, weights adding up to 1: for each number of accelerators it may mean where it states none."""
    if str(row.get(COUNT_COLUMN) or "").strip():
        return [(1.0, read_row(row, catalog))]
    readings = [(weight, read_row({**row, COUNT_COLUMN: str(count)}, catalog)) for weight, count in COUNTS]
    possible = [(weight, run) for weight, run in readings if run.config is not None] or readings[:1]
    whole = sum(weight for weight, _ in possible)
    return [(weight / whole, run) for weight, run in possible]


def is_complete(config: RunConfig) -> bool:
    """Whether an estimate can be made of the run as it is."""
    return config.micro_batch_size is not None and _has_length(config)


def possible_runs(config: RunConfig) -> Iterator[tuple[float, RunConfig]]:
    """The runs that a configuration may mean, weights adding up to 1; itself where it is complete."""
    lengths = [(1.0, config.seq_len)] if _has_length(config) else LENGTHS
    micro_batches = MICRO_BATCHES if config.micro_batch_size is None else [(1.0, config.micro_batch_size)]
    for (weight, length), (share, micro_batch) in product(lengths, micro_batches):
        update = {"seq_len": length, "micro_batch_size": micro_batch}
        yield weight * share, config.model_copy(update=update)


def _has_length(config: RunConfig) -> bool:
    """A mean is enough: the estimator spans the longest sample that goes with it."""
    return config.seq_len is not None or config.mean_tokens_per_sample is not None
