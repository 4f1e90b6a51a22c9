"""Bytes that a run leaves on disks."""

import math
from collections.abc import Mapping

from planner.domain.estimate import StoredMonths
from planner.domain.operations import Retention
from planner.domain.run_config import RunConfig
from planner.estimator.elementwise import smaller
from planner.estimator.workload import Workload

HUB_BYTES_PER_PARAM = 2.0
"""Models are published in 16 bit."""
BYTES_PER_TOKEN_OF_TEXT = 4.5
"""Raw text and its JSON; assumed where only the tokens or rows of a dataset are known."""
LOG_BYTES_PER_STEP = 500.0
"""Metrics, assumed."""
LOG_BYTES = 2e6
"""Console output, configuration and tokenizer, assumed."""


def base_model_bytes(run: Workload) -> float:
    """Bytes of the model as it is downloaded."""
    return run.params.total * HUB_BYTES_PER_PARAM


def dataset_bytes(config: RunConfig, train_tokens: float) -> float:
    """Bytes of the training data: as given, else from its tokens, its rows, or the tokens trained on in one epoch."""
    dataset = config.dataset
    if dataset is not None and dataset.size_bytes is not None:
        return float(dataset.size_bytes)
    if dataset is not None and dataset.tokens is not None:
        return dataset.tokens * BYTES_PER_TOKEN_OF_TEXT
    return train_tokens / max(config.epochs or 1.0, 1.0) * BYTES_PER_TOKEN_OF_TEXT


def checkpoint_bytes(config: RunConfig, run: Workload) -> float:
    """Bytes of one checkpoint: the adapter, the weights, or weights and optimizer states."""
    content = config.checkpoints.content or ("weights" if run.trains_base else "adapter")
    trained = run.trainable_params * run.trained_bytes
    if content == "adapter":
        return trained
    weights = trained
    if not run.trains_base:
        weights += run.params.total * max(run.linear_bytes, 0.5)
    return weights + (run.trainable_params * run.state_bytes if content == "full_state" else 0.0)


def checkpoints_written(config: RunConfig, steps: int) -> int:
    """Checkpoints in the whole run: one every so many steps and one at the end."""
    every = config.checkpoints.every_steps
    return 1 if every is None else -(-steps // every)


def months_kept(retention: Retention, content: str) -> float:
    """Months that a row of ``storage_rows`` is kept."""
    months: float = getattr(retention, f"{content}_months")
    return months


def storage_rows(config: RunConfig, run: Workload, *, steps: int, train_tokens: float) -> dict[str, float]:
    """Bytes kept after the run, by what they hold."""
    written = checkpoints_written(config, steps)
    kept = written if config.checkpoints.keep_last is None else smaller(written, config.checkpoints.keep_last)
    return {
        "base_model": base_model_bytes(run),
        "dataset": dataset_bytes(config, train_tokens),
        "checkpoints": kept * checkpoint_bytes(config, run),
        "logs": LOG_BYTES + LOG_BYTES_PER_STEP * steps,
    }


def stored_byte_months(config: RunConfig, rows: Mapping[str, float]) -> float:
    """Rows of ``storage_rows`` times the months that each is kept."""
    return sum(size_bytes * months_kept(config.operations.retention, content) for content, size_bytes in rows.items())


def kept_by_month(retention: Retention, rows: Mapping[str, float]) -> tuple[StoredMonths, ...]:
    """What is kept in the months after the run: a part counts in every month that it is kept in, begun ones too."""
    ends = {content: math.ceil(months_kept(retention, content)) for content in rows}
    found, first = [], 1
    for last in sorted({end for end in ends.values() if end > 0}):
        size_bytes = sum(rows[content] for content, end in ends.items() if end >= last)
        found.append(StoredMonths(first_month=first, last_month=last, size_bytes=size_bytes))
        first = last + 1
    return tuple(found)


def working_bytes(rows: Mapping[str, float], *, checkpoint_bytes: float, num_written: int) -> float:
    """Fast storage while the run goes on: model, data, logs and two checkpoints, one complete while another is written.

    Earlier ones can be moved to cheaper storage at once.
    """
    at_once = checkpoint_bytes * min(num_written, 2)
    return rows["base_model"] + rows["dataset"] + rows["logs"] + at_once
