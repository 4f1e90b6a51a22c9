"""Reads a team's own price file: CSV with the columns of ``Price``, every mistake with its line."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from planner.catalog.load import Catalog
from planner.domain.price_book import Price
from planner.errors import ConfigError

MAX_FILE_BYTES = 10_000_000
MAX_ROWS = 50_000
MISTAKES_SHOWN = 8
REQUIRED = tuple(name for name, field in Price.model_fields.items() if field.is_required())
ALLOWED = (*(name for name in Price.model_fields if name != "is_own"), "currency")


class PriceRow(NamedTuple):
    """One line of a price file: a price, or what is wrong with it."""

    line: int
    price: Price | None
    mistake: str
    is_blank: bool = False
    """The line is fine but for the price, which is not there."""


def read_price_rows(path: Path) -> tuple[PriceRow, ...]:
    """Every line of a price file; raises ConfigError where the file as a whole cannot be used."""
    text = _text(path)
    try:
        reader = csv.DictReader(io.StringIO(text), strict=True)
        columns = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = columns
        _check_columns(path, columns)
        rows = tuple(_rows(reader))
    except csv.Error as error:
        raise ConfigError(f"{path}: not valid CSV: {error}") from error
    if len(rows) > MAX_ROWS:
        raise ConfigError(f"{path}: more than {MAX_ROWS:,} prices; keep those of the accelerators you use")
    return rows


def with_own_prices(catalog: Catalog, path: str | None) -> Catalog:
    """The catalog with the prices of a team's file before its own; the same catalog without a file."""
    if path is None:
        return catalog
    rows = read_price_rows(Path(path))
    mistakes = [f"line {row.line}: {row.mistake}" for row in rows if row.price is None and not row.is_blank]
    for row in rows:
        accelerator = row.price.accelerator if row.price is not None else None
        if accelerator is not None and accelerator not in catalog.accelerators:
            mistakes.append(f"line {row.line}: {unknown_accelerator(accelerator, catalog)}")
    if mistakes:
        shown = "".join(f"\n  {mistake}" for mistake in mistakes[:MISTAKES_SHOWN])
        more = f"\n  and {len(mistakes) - MISTAKES_SHOWN} more" if len(mistakes) > MISTAKES_SHOWN else ""
        raise ConfigError(f"{path}:{shown}{more}\n`foretune prices check {path}` lists all")
    return replace(catalog, prices=catalog.prices.overridden_by(row.price for row in rows if row.price is not None))


def unknown_accelerator(name: str, catalog: Catalog) -> str:
    near = get_close_matches(name.lower(), catalog.accelerators, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else "`foretune catalog accelerators` lists all"
    return f"unknown accelerator {name!r:.100}: {hint}"


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_FILE_BYTES:,} bytes; this is no price file")
        return content.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; `prices` in foretune.yaml is meant from its folder") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as text: {error}") from error


def _check_columns(path: Path, columns: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in columns]
    unknown = [name for name in columns if name not in ALLOWED]
    if missing or unknown:
        near = get_close_matches(unknown[0], ALLOWED, n=1) if unknown else []
        hint = f"; did you mean {near[0]} by {unknown[0]}?" if near else ""
        raise ConfigError(
            f"{path}: the first line must name the columns of a price"
            + (f"; it lacks {', '.join(missing)}" if missing else "")
            + (f"; it has unknown {', '.join(map(repr, unknown[:6]))}{hint}" if unknown else "")
        )
    if len(set(columns)) < len(columns):
        doubled = next(name for name in columns if columns.count(name) > 1)
        raise ConfigError(f"{path}: the column {doubled} is given twice")


def _rows(reader: "csv.DictReader[str]") -> Iterator[PriceRow]:
    for row in reader:
        line = reader.line_num
        if None in row or None in row.values():
            yield PriceRow(line, None, f"has not the {len(reader.fieldnames or ())} values of the first line")
            continue
        given = {name: value.strip() for name, value in row.items() if value.strip()}
        currency = given.pop("currency", "USD").upper()
        if currency != "USD":
            yield PriceRow(
                line, None, f"currency {currency:.10}: prices are compared in USD; convert it, and note the rate"
            )
            continue
        is_blank = "usd_per_unit" not in given
        try:
            price = Price.model_validate({**given, "usd_per_unit": given.get("usd_per_unit", "0")})
        except ValidationError as error:
            yield PriceRow(line, None, _reason(error))
            continue
        yield PriceRow(line, None, "the price is blank", True) if is_blank else PriceRow(line, price, "")


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    given = f" (given: {first['input']!r:.60})" if isinstance(first["input"], str) else ""
    message = first["msg"].removeprefix("Value error, ")
    return f"{place}: {message}{given}" if place else message
