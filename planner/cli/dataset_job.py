"""Measures a dataset file."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from planner.errors import ConfigError
from planner.estimator.length_histogram import LengthHistogram
from planner.sources.dataset_file import read_rows
from planner.sources.tokenizer_file import Tokenizer

BATCH_ROWS = 512
BATCH_CHARACTERS = 4_000_000
"""Rows wait for a tokenizer in batches of at most so many, and of so much text besides their last row."""
BYTES_PER_TOKEN = {"p10": 5.0, "p50": 4.2, "p90": 2.8}
"""UTF-8 bytes of a token: assumed range over prose, code and other scripts, largest first as tokens grow."""


class Measured(NamedTuple):
    """What a file holds. ``lengths`` are tokens, or UTF-8 bytes where ``in_tokens`` is false."""

    path: Path
    size_bytes: int
    lengths: LengthHistogram
    in_tokens: bool
    problems: Counter[str]
    first_problem: tuple[int, str] | None

    def tokens(self, quantile: str = "p50") -> float:
        return self.lengths.total / self.per_token(quantile)

    def per_token(self, quantile: str = "p50") -> float:
        """By what lengths are divided to give tokens."""
        return 1.0 if self.in_tokens else BYTES_PER_TOKEN[quantile]


def measure(path: Path, tokenizer: Tokenizer | None, field: str | None, advance: Callable[[int], None]) -> Measured:
    """Reads the file once, in bounded memory."""
    lengths = LengthHistogram()
    problems: Counter[str] = Counter()
    first: tuple[int, str] | None = None
    waiting: list[tuple[str, ...]] = []
    stored = counted = characters = 0
    for number, row in enumerate(read_rows(path, field, advance), start=1):
        if row.problem is not None:
            problems[row.problem.partition(":")[0]] += 1
            first = first or (number, row.problem)
        elif row.tokens is not None:
            lengths.add(row.tokens)
            stored += 1
        else:
            waiting.append(row.texts)
            counted += 1
            characters += sum(map(len, row.texts))
            if len(waiting) >= BATCH_ROWS or characters >= BATCH_CHARACTERS:
                _count(waiting, tokenizer, lengths)
                waiting.clear()
                characters = 0
    _count(waiting, tokenizer, lengths)
    if not lengths.rows:
        why = f": row {first[0]}: {first[1]}" if first else ": it is empty"
        raise ConfigError(f"{path}: holds no sample{why}. One JSON object a line is needed")
    if stored and counted and tokenizer is None:
        raise ConfigError(f"{path}: {stored} rows hold token ids and {counted} text: give --tokenizer or --field")
    return Measured(path, path.stat().st_size, lengths, tokenizer is not None or not counted, problems, first)


def _count(rows: list[tuple[str, ...]], tokenizer: Tokenizer | None, lengths: LengthHistogram) -> None:
    if tokenizer is None:
        for texts in rows:
            lengths.add(sum(len(text.encode("utf-8", "surrogatepass")) for text in texts))
        return
    counts = iter(tokenizer.count([text for texts in rows for text in texts]))
    for texts in rows:
        lengths.add(sum(next(counts) for _ in texts))


def as_json(measured: Measured, seq_len: int | None, batch_size: int) -> dict[str, Any]:
    """Figures for programs; tokens without a tokenizer as p10, p50 and p90."""
    lengths, unit = measured.lengths, measured.per_token()
    found: dict[str, Any] = {
        "file": str(measured.path),
        "size_bytes": measured.size_bytes,
        "rows": lengths.rows,
        "rows_left_out": dict(measured.problems),
        "tokens": {name: round(measured.tokens(name)) for name in BYTES_PER_TOKEN},
        "is_counted": measured.in_tokens,
        "mean_tokens_per_sample": round(lengths.mean / unit, 1),
        "tokens_per_sample": {f"p{q}": round(lengths.quantile(q / 100) / unit) for q in (10, 50, 90, 99)},
        "max_tokens_per_sample": round(lengths.longest / unit),
    }
    if seq_len is not None:
        cap = round(seq_len * unit)
        found["at_seq_len"] = {
            "seq_len": seq_len,
            "cut_ratio": round(lengths.cut_ratio(cap), 4),
            "mean_tokens_per_sample": round(lengths.kept_mean(cap) / unit, 1),
            "padded_to_seq_len_waste_ratio": round(1.0 - lengths.kept_mean(cap) / cap, 4),
            "dynamic_batch_size": batch_size,
            "dynamic_padding_waste_ratio": round(lengths.padding_ratio(batch_size, cap), 4),
            "packing_efficiency_ratio": round(lengths.packing_ratio(cap), 4),
        }
    return found
