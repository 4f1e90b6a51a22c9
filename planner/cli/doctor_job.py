"""What `foretune doctor` looks at: the set-up, then what past runs leave unsaid."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from planner.calibration.missing_facts import MissingFact, missing_facts
from planner.catalog.load import Catalog, load_catalog
from planner.catalog.price_check import Line, check_prices
from planner.catalog.price_file import with_own_prices
from planner.config_files import load_programme
from planner.domain.estimate import Resource
from planner.domain.programme import Programme
from planner.domain.tracking_uri import redact_uri
from planner.domain.training_run import TrainingRun
from planner.errors import PlannerError
from planner.settings import Settings, read_settings
from planner.sources.reader import is_postgres, is_sqlite, matching, open_reader
from planner.units import DAY_S

STALE_INGEST_S = 8 * DAY_S
STALE_PRICE_DAYS = 180
CONNECT_S = 3.0
RUNS_PER_EXPERIMENT = 200
"""The newest ones are looked at."""
PORTS = {"http": 80, "https": 443}


class Check(NamedTuple):
    """One thing of the set-up, and what to do where it is not well."""

    name: str
    state: Literal["ok", "warn", "fail"]
    detail: str


class Examined(NamedTuple):
    checks: tuple[Check, ...]
    facts: tuple[MissingFact, ...]
    num_runs: int
    experiments: tuple[str, ...]


def examine(config_path: Path, experiment: str | None = None) -> Examined:
    """Set-up and runs; of one experiment alone where it is named."""
    catalog, settings = load_catalog(), read_settings(os.environ, config_path)
    programme, checks = _programme(config_path, catalog)
    if programme is not None:
        checks += [_source(source.tracking_uri, source.experiments) for source in programme.sources]
        checks.append(_prices(catalog, programme))
    runs, learnt, stored = _runs(settings, experiment)
    checks += stored
    names = tuple(sorted({run.experiment for run in runs}))
    return Examined(tuple(checks), missing_facts(runs, learnt), len(runs), names)


def _programme(path: Path, catalog: Catalog) -> tuple[Programme | None, list[Check]]:
    try:
        programme = load_programme(path, catalog)
    except PlannerError as error:
        return None, [Check("programme", "fail", str(error))]
    return programme, [Check("programme", "ok", f"{path}: {len(programme.sources)} sources")]


def _source(tracking_uri: str, patterns: tuple[str, ...]) -> Check:
    """A database is opened and asked for its experiments; of a server only whether it answers at its port."""
    name = f"source {redact_uri(tracking_uri)}"
    if is_sqlite(tracking_uri) or is_postgres(tracking_uri):
        try:
            with closing(open_reader(tracking_uri)) as reader:
                found = matching(reader.experiments(), patterns)
        except PlannerError as error:
            return Check(name, "fail", str(error))
        if not found:
            return Check(name, "warn", f"no experiment matches {', '.join(patterns)}: change sources.experiments")
        return Check(name, "ok", f"{len(found)} experiments match")
    place = urlsplit(tracking_uri)
    if place.scheme not in PORTS or not place.hostname:
        return Check(name, "ok", "not asked: `foretune ingest` does")
    try:
        with socket.create_connection((place.hostname, place.port or PORTS[place.scheme]), CONNECT_S):
            return Check(name, "ok", "the server answers")
    except (OSError, ValueError) as error:
        return Check(name, "fail", f"does not answer ({error}): check tracking_uri, network and VPN")


def _prices(catalog: Catalog, programme: Programme) -> Check:
    try:
        prices = with_own_prices(catalog, programme.prices).prices.prices
    except PlannerError as error:
        return Check("prices", "fail", str(error))
    lines = [Line(number, price) for number, price in enumerate(prices, start=1)]
    found = check_prices(lines, today=datetime.now(UTC).date(), max_age_days=STALE_PRICE_DAYS)
    num_stale = sum(finding.kind == "stale" for finding in found)
    if num_stale:
        return Check("prices", "warn", f"{num_stale} of {len(prices)} are stale: `foretune prices check` names them")
    return Check("prices", "ok", f"{len(prices)} prices, none older than {STALE_PRICE_DAYS} days")


def _runs(settings: Settings, experiment: str | None) -> tuple[list[TrainingRun], dict[Resource, float], list[Check]]:
    """Runs from the warehouse or its snapshot, whichever is newer, and half-ranges of what was predicted."""
    from planner.warehouse.connection import open_snapshot

    paths = [path for path in (settings.warehouse_path, settings.snapshot_path) if path.is_file()]
    if not paths:
        return [], {}, [Check("warehouse", "warn", f"none in {settings.home}: run `foretune ingest`")]
    newest = max(paths, key=lambda path: path.stat().st_mtime)
    checks = []
    for path in (newest, *(path for path in paths if path != newest)):
        try:
            with open_snapshot(path) as db:
                runs, learnt = _read(db, experiment)
        except PlannerError as error:
            checks = [Check("warehouse", "warn", str(error))]
            continue
        return runs, learnt, [*checks, *_stored(path, runs, learnt, experiment)]
    return [], {}, checks


def _read(db: Any, experiment: str | None) -> tuple[list[TrainingRun], dict[Resource, float]]:
    from planner.warehouse.tables import read, read_table

    newest = (
        "(select * from training_runs qualify row_number() over "
        f"(partition by experiment order by started_at desc nulls last, run_id) <= {RUNS_PER_EXPERIMENT})"
    )
    given = () if experiment is None else (experiment,)
    runs = read(db, newest, TrainingRun, "experiment = ?" if given else "", given)
    learnt = read_table(
        db,
        "(select resource, exp(median(ln(p90 / p10)) / 2) as half_range from predictions "
        "where num_runs_before > 0 and p10 > 0 group by resource)",
    )
    return runs, {row["resource"]: row["half_range"] for row in learnt}


def _stored(
    path: Path, runs: list[TrainingRun], learnt: dict[Resource, float], experiment: str | None
) -> Iterator[Check]:
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    age_s = (datetime.now(UTC) - written).total_seconds()
    if not runs:
        what = "no runs" if experiment is None else f"no runs of experiment {experiment!r}"
        yield Check("warehouse", "warn", f"{path} holds {what}: run `foretune ingest`, check sources.experiments")
        return
    detail = f"{path}, written {written:%Y-%m-%d %H:%M} UTC"
    is_old = age_s > STALE_INGEST_S
    yield Check("warehouse", "warn" if is_old else "ok", f"{detail}: run `foretune weekly`" if is_old else detail)
    num_bad = sum(run.problem is not None for run in runs)
    yield Check(
        "runs",
        "warn" if num_bad else "ok",
        f"{len(runs)} looked at, {num_bad} without an estimate" + (": `foretune history --unread`" if num_bad else ""),
    )
    if not learnt:
        yield Check("calibration", "warn", "nothing learnt yet, the physics alone speaks: run `foretune weekly`")
