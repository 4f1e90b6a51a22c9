"""A dataset file, row by row: JSON lines, plain or gzipped. Rows come from strangers: none can stop the reading."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from planner.errors import ConfigError

LONGEST_LINE_BYTES = 64 * 1024**2
TOKEN_FIELDS = ("input_ids", "tokens")
"""Fields that hold token ids: their length is exact."""
TEXT_FIELDS = (
    "text", "prompt", "completion", "instruction", "input", "output", "question", "answer", "context", "response",
    "chosen", "rejected", "system", "messages", "conversations", "content",
)  # fmt: skip
"""Fields that trainers put into a sample; a row that has none of them counts with all its text."""
PLACE_FIELDS = ("role", "from", "name", "id")
"""Fields of a message that say who speaks, not what."""


class Row(NamedTuple):
    """One line: its texts, or the number of its tokens where they are stored."""

    texts: tuple[str, ...]
    tokens: int | None
    problem: str | None


def read_rows(path: Path, field: str | None, advance: Callable[[int], None]) -> Iterator[Row]:
    """The rows of a file; ``advance`` is told the bytes read so far of the file as it lies on disk.

    ``field`` names the one field that is trained on. Memory is bounded by one line of at most 64 MiB.
    """
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            lines = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if zipped else raw
            while line := lines.readline(LONGEST_LINE_BYTES + 1):
                advance(raw.tell())
                if len(line) > LONGEST_LINE_BYTES:
                    _skip_line(lines)
                    yield Row((), None, f"longer than {LONGEST_LINE_BYTES >> 20} MiB")
                elif line.strip():
                    yield _row(line, field)
    except (OSError, EOFError) as error:
        raise ConfigError(f"{path}: the dataset cannot be read: {error}") from error


def _skip_line(lines: BinaryIO) -> None:
    while (rest := lines.readline(LONGEST_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass


def _row(line: bytes, field: str | None) -> Row:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Row((), None, f"no JSON: {error}"[:200])
    if isinstance(value, str):
        return Row((value,), None, None)
    if not isinstance(value, dict):
        return Row((), None, f"a JSON {type(value).__name__}, where an object is needed")
    if field is not None and field not in value:
        return Row((), None, f"has no field {field!r}")
    for name in TOKEN_FIELDS if field is None else (field,):
        if isinstance(ids := value.get(name), list) and all(isinstance(one, int) for one in ids):
            return Row((), len(ids), None)
    chosen = [value[name] for name in ((field,) if field else TEXT_FIELDS) if name in value] or list(value.values())
    texts = tuple(_texts(chosen))
    return Row(texts, None, None if texts else "holds no text")


def _texts(value: Any) -> Iterator[str]:
    """All text inside a JSON value, without recursion: a row may be nested as deep as it likes."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, list):
            waiting.extend(reversed(one))
        elif isinstance(one, dict):
            waiting.extend(inner for name, inner in reversed(one.items()) if name not in PLACE_FIELDS)
