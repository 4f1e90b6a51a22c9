"""Files of run tables: rows in, predictions out. What a stranger's CSV may hold ends here."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from planner.calibration.table_predictions import TablePrediction
from planner.dialects.run_table_cells import CONFIG_COLUMNS
from planner.domain.estimate import Resource
from planner.errors import ConfigError
from planner.units import GIB

MAX_BYTES = 200_000_000
SURPLUS = "cells beyond the last column"
FIGURES: dict[str, tuple[Resource, float]] = {
    "pred_peak_allocated_gib": ("peak_allocated_bytes", GIB),
    "pred_peak_reserved_gib": ("peak_reserved_bytes", GIB),
    "pred_peak_device_gib": ("peak_device_bytes", GIB),
    "pred_tokens_per_s_per_accel": ("tokens_per_s_per_accelerator", 1.0),
}
"""Column -> resource, and its unit in base units."""
COLUMNS = (
    "id",
    *(f"{column}{level}" for column in FIGURES for level in ("", "_p10", "_p90")),
    "prob_fits",
    "error",
)
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def read_run_table(path: Path) -> list[dict[str, str]]:
    """All rows by column name, as text; a ``ConfigError`` where the file is no table of runs.

    Column names are taken in lower case, a row's missing cells are blank. A row without ``id`` gets its line's number.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: the table of runs cannot be read: {error}") from error
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_BYTES:,} bytes: split it")
    text = content.decode("utf-8-sig", errors="replace").replace("\0", "")
    csv.field_size_limit(MAX_BYTES)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), restkey=SURPLUS, restval="")
        names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
        _check_header(path, names)
        reader.fieldnames = names
        rows = [_labelled(row, line) for line, row in enumerate(reader, start=2)]
    except csv.Error as error:
        raise ConfigError(f"{path}: not a CSV file: {error}") from error
    if not rows:
        raise ConfigError(f"{path}: holds no rows")
    return rows


def _check_header(path: Path, names: Sequence[str]) -> None:
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    if doubled:
        raise ConfigError(f"{path}: the column {doubled[0]!r:.80} is there twice")
    if not set(CONFIG_COLUMNS) & set(names):
        found = ", ".join(name[:40] for name in names[:8]) or "none"
        raise ConfigError(
            f"{path}: no column of a run table; found {found}. docs/import-format.md lists the columns (model, method, "
            "accelerator, n_accel, seq_len, micro_batch, ...)"
        )


def _labelled(row: Mapping[str, str], line: int) -> dict[str, str]:
    cells = {name: value for name, value in row.items() if isinstance(value, str)}
    cells["id"] = (cells.get("id") or "").strip() or f"line {line}"
    return cells


def write_predictions(path: Path, predictions: Iterable[TablePrediction]) -> None:
    """One line a row, in the order of the table; the file appears whole or not at all."""
    draft = path.with_name(f"{path.name}.tmp")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(_line(prediction) for prediction in predictions)
        draft.replace(path)
    except OSError as error:
        raise ConfigError(f"--out {path}: cannot be written ({error}): choose another file") from error


def _line(prediction: TablePrediction) -> list[str]:
    line = [_harmless(prediction.id)]
    for resource, unit in FIGURES.values():
        found = prediction.quantiles.get(resource)
        line += ["", "", ""] if found is None else [f"{v / unit:.6g}" for v in (found.p50, found.p10, found.p90)]
    fits = prediction.fits_probability
    return [*line, "" if fits is None else f"{fits:.4f}", _harmless(prediction.error or "")]


def _harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
