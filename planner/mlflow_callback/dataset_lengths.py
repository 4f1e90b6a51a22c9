"""How long the samples of a training set are: all of a column in memory, else a random part of the rows."""

import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from planner.domain.sample_lengths import SampleLengths
from planner.estimator.length_histogram import LengthHistogram

MOST_ROWS = 4096
MOST_SECONDS = 0.2
"""A training set whose rows are made when they are asked for must not hold a training up."""
TOKENS, MASK = "input_ids", "attention_mask"


class DatasetLengths(NamedTuple):
    rows: int
    lengths: LengthHistogram
    is_complete: bool
    has_padding: bool
    """Whether a row was seen whose mask leaves tokens out."""
    size_bytes: int | None

    def summary(self) -> SampleLengths:
        quantiles = {f"p{level}": self.lengths.quantile(level / 100) for level in (10, 50, 90, 99)}
        found = self.lengths
        return SampleLengths(
            rows_read=found.rows, is_complete=self.is_complete, mean=found.mean, longest=found.longest, **quantiles
        )

    @property
    def are_equal(self) -> bool:
        return self.lengths.quantile(0.0) == self.lengths.longest


def read_lengths(dataset: Any, cap: int | None = None) -> DatasetLengths | None:
    """Lengths in tokens, cut at ``cap``; None of a stream, and of rows that hold no tokens."""
    try:
        rows = len(dataset)
    except TypeError:
        return None
    if not rows:
        return None
    column, size_bytes = _arrow_column(dataset)
    lengths, read, has_padding = LengthHistogram(), 0, False
    with _same_random_numbers():
        for row in _some_rows(dataset, rows, 16 if column is not None else MOST_ROWS):
            if not hasattr(row, "get") or row.get(TOKENS) is None:
                return None
            read += 1
            has_padding = has_padding or _has_padding(row.get(MASK))
            if column is None:
                _add(lengths, _length(row[TOKENS]), 1, cap)
    if column is not None:
        for length, count in column:
            _add(lengths, length, count, cap)
        read = rows
    return DatasetLengths(rows, lengths, read == rows, has_padding, size_bytes) if lengths.rows else None


def _add(lengths: LengthHistogram, length: int, count: int, cap: int | None) -> None:
    lengths.add(length if cap is None else min(length, cap), count)


def _some_rows(dataset: Any, rows: int, most: int) -> Iterator[Any]:
    """Rows in an order of chance, so that those read in time stand for all."""
    give_up_s = time.monotonic() + MOST_SECONDS
    for index in random.Random(0).sample(range(rows), min(rows, most)):  # noqa: S311 (no secret)
        yield dataset[index]
        if time.monotonic() > give_up_s:
            return


def _arrow_column(dataset: Any) -> tuple[list[tuple[int, int]] | None, int | None]:
    """Lengths and how often they occur, and the bytes of the table, of a data set of Hugging Face in Arrow."""
    table = getattr(getattr(dataset, "data", None), "table", None)
    if table is None or getattr(dataset, "_indices", None) is not None or TOKENS not in table.column_names:
        return None, None
    from pyarrow import compute

    counts = compute.value_counts(compute.list_value_length(table.column(TOKENS)))
    return [(one["values"], one["counts"]) for one in counts.to_pylist() if one["values"]], int(table.nbytes)


def _length(tokens: Any) -> int:
    shape = getattr(tokens, "shape", None)
    return int(shape[-1]) if shape is not None and len(shape) else len(tokens)


def _has_padding(mask: Any) -> bool:
    return mask is not None and any(not int(one) for one in mask)


@contextmanager
def _same_random_numbers() -> Iterator[None]:
    """A row that draws random numbers when it is read draws the same ones again in training."""
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    drawn = random.getstate()
    torch_drawn = torch.get_rng_state() if torch else None
    numpy_drawn = numpy.random.get_state() if numpy else None
    try:
        yield
    finally:
        random.setstate(drawn)
        if torch:
            torch.set_rng_state(torch_drawn)
        if numpy:
            numpy.random.set_state(numpy_drawn)
