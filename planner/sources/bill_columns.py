"""Rows of a CSV or Parquet file, only the columns asked for, batch by batch: bills may be larger than memory."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from planner.errors import BillError

ROWS_PER_BATCH = 20_000
MAX_HEADER_BYTES = 100_000


def read_columns(path: Path, required: Sequence[str], optional: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Rows by the names asked for; a file may spell them in other case or with underscores.

    Text in a CSV file stays text, so that no digit of an amount is lost.
    """
    import pyarrow as pa

    try:
        is_parquet = path.name.endswith(".parquet")
        yield from (_parquet if is_parquet else _csv)(path, required, optional)
    except FileNotFoundError as error:
        raise BillError(f"{path}: no such file") from error
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise BillError(f"{path}: cannot be read as {'Parquet' if is_parquet else 'CSV'}: {reason}") from error


def _csv(path: Path, required: Sequence[str], optional: Sequence[str]) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    with pa.input_stream(str(path), compression="detect") as stream:
        head = bytes(stream.read(MAX_HEADER_BYTES))
    names = next(csv.reader(head.decode("utf-8-sig", errors="replace").splitlines()), [])
    wanted = _wanted(path, names, required, optional)
    with pa.input_stream(str(path), compression="detect") as stream:
        reader = pa_csv.open_csv(
            stream,
            read_options=pa_csv.ReadOptions(block_size=8 << 20),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, pa.string()),
                include_columns=list(wanted),
                strings_can_be_null=True,
                null_values=["", "null", "NULL"],
            ),
        )
        for batch in reader:
            yield from _rows(batch, wanted)


def _parquet(path: Path, required: Sequence[str], optional: Sequence[str]) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        wanted = _wanted(path, file.schema_arrow.names, required, optional)
        for batch in file.iter_batches(batch_size=ROWS_PER_BATCH, columns=list(wanted)):
            yield from _rows(batch, wanted)


def _rows(batch: Any, wanted: dict[str, str]) -> Iterator[dict[str, Any]]:
    for row in batch.to_pylist():
        yield {name: row[spelled] for spelled, name in wanted.items()}


def _wanted(path: Path, names: Sequence[str], required: Sequence[str], optional: Sequence[str]) -> dict[str, str]:
    """Name in the file -> name asked for."""
    spelled = {_plain(name): name for name in names}
    missing = [name for name in required if _plain(name) not in spelled]
    if missing:
        known = ", ".join(names[:8]) or "nothing"
        raise BillError(
            f"{path}: is no FOCUS bill: it lacks {', '.join(missing)} (it has {known:.300}). Export the bill in the "
            "FOCUS format: AWS Data Exports, Azure Cost Management, Google BigQuery and OCI offer it"
        )
    return {spelled[_plain(name)]: name for name in dict.fromkeys((*required, *optional)) if _plain(name) in spelled}


def _plain(name: str) -> str:
    return name.strip().strip("\ufeff").replace("_", "").lower()
