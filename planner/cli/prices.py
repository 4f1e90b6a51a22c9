"""foretune prices: what is suspicious about the prices in use."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from planner.catalog.load import load_catalog
from planner.catalog.price_check import Finding, Line, check_prices
from planner.catalog.price_file import PriceRow, read_price_rows, unknown_accelerator
from planner.cli.options import config_option, json_option
from planner.config_files import load_programme
from planner.domain.programme import Programme

WARNED = 4


@click.group(
    name="prices",
    short_help="Check prices for what is stale, missing or mixed up.",
    epilog="\b\nExample:\n  foretune prices check our-prices.csv",
)
def command() -> None:
    """Prices: those that foretune ships, and those of your own file (`prices:` in foretune.yaml)."""


@command.command(
    name="check",
    short_help="Find stale, missing, doubled and mixed-up prices.",
    epilog="\b\nExamples:\n  foretune prices check\n  foretune prices check our-prices.csv --fail-on warn",
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@config_option
@click.option("--max-age-days", type=click.IntRange(1, 10_000), default=180, show_default=True, help="Older is stale.")
@click.option("--fail-on", type=click.Choice(["warn"]), help="Exit code 4 where anything is found.")
@json_option
def check(file: Path | None, config_path: Path, max_age_days: int, fail_on: str | None, as_json: bool) -> None:
    """Check a price FILE; without one that of foretune.yaml, else the prices that foretune ships.

    Flags prices that are stale or missing, spot prices that equal on demand (no capacity), prices of an instance given
    as those of an accelerator or the other way round, doubled lines and unknown names.
    """
    catalog = load_catalog()
    programme = load_programme(config_path, catalog) if config_path.exists() else None
    if file is None and programme is not None and programme.prices is not None:
        file = Path(programme.prices)
    rows = _shipped() if file is None else read_price_rows(file)
    found = [*_unusable(rows), *check_prices(
        [Line(row.line, row.price) for row in rows if row.price is not None],
        today=datetime.now(UTC).date(),
        max_age_days=max_age_days,
        reference=() if file is None else catalog.prices.prices,
        needed=_needed(programme),
    )]  # fmt: skip
    found.sort(key=lambda finding: (finding.line == 0, finding.line))
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in found], indent=2))
    else:
        for finding in found:
            place = f"line {finding.line}: " if finding.line else ""
            click.echo(f"{place}{finding.kind}: {finding.message}")
        click.echo(f"{len(rows)} prices in {file or 'foretune'}, {len(found)} findings")
    if found and fail_on:
        sys.exit(WARNED)


def _shipped() -> tuple[PriceRow, ...]:
    return tuple(PriceRow(line, price, "") for line, price in enumerate(load_catalog().prices.prices, start=2))


def _unusable(rows: tuple[PriceRow, ...]) -> list[Finding]:
    catalog = load_catalog()
    found = [
        Finding(row.line, "blank" if row.is_blank else "unreadable", row.mistake) for row in rows if row.price is None
    ]
    for row in rows:
        name = row.price.accelerator if row.price is not None else None
        if name is not None and name not in catalog.accelerators:
            found.append(Finding(row.line, "unknown accelerator", unknown_accelerator(name, catalog)))
    return found


def _needed(programme: Programme | None) -> list[str]:
    """Accelerators that the programme plans with and does not price itself."""
    if programme is None:
        return []
    clusters = [pool.cluster for pool in programme.fleet]
    runs = [programme.at_own_price(update.run) for update in programme.planned_updates]
    clusters += [run.cluster for run in runs if run.cluster is not None]
    return [
        cluster.accelerator.slug
        for cluster in clusters
        if cluster.usd_per_accelerator_hour is None and cluster.owned is None
    ]
