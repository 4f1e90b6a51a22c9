"""Lengths and batches of a row of a run table."""

from dataclasses import dataclass
from typing import get_args

from planner.dialects.run_table_cells import Cells
from planner.domain.run_vocabulary import Batching

BATCHINGS: dict[str, Batching] = {name: name for name in get_args(Batching)}


@dataclass(frozen=True)
class Batch:
    """What one pass and one step feed."""

    seq_len: int | None
    """None where no one length is stated."""
    mean_tokens_per_sample: float | None
    batching: Batching | None
    micro_batch_size: int | None
    gradient_accumulation_steps: int | None


def read_batch(cells: Cells, data_parallel: int) -> Batch:
    """Batch and lengths; of micro batch, accumulation and global batch two give the third."""
    seq_len, mean = cells.count("seq_len"), cells.positive("avg_tokens_per_sample")
    batching = cells.word("batching", BATCHINGS)
    if seq_len is None and mean is not None:
        if batching == "packed":
            seq_len = round(mean)
        elif batching == "padded":
            batching = "dynamic"  # no one length is stated, only the mean of those fed
    micro, accumulation = cells.count("micro_batch"), cells.count("grad_accum")
    of_all = cells.count("global_batch")
    if of_all is not None and micro is None and accumulation is not None:
        micro = _divide(of_all, accumulation * data_parallel)
    elif of_all is not None and micro is not None and accumulation is None:
        accumulation = _divide(of_all, micro * data_parallel)
    return Batch(seq_len, mean, batching, micro, accumulation)


def _divide(whole: int, part: int) -> int | None:
    return whole // part if whole % part == 0 else None
