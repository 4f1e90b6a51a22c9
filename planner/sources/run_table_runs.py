"""Rows of a run table as raw runs: the same shape in which runs of a tracking store land."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime

from planner.catalog.load import Catalog
from planner.dialects.planner_contract import PREFIX, PROBLEM, WHOLE
from planner.dialects.run_table import TableRun, read_row
from planner.dialects.run_table_actuals import evidence_problem, read_evidence, read_figures
from planner.domain.raw_run import RawMetric, RawRun
from planner.domain.training_run import Actual

BATCH_RUNS = 500
STATUSES = {"ok": "FINISHED", "": "FINISHED", "oom": "FAILED", "failed": "FAILED"}
NOTE = f"{PREFIX}import_note"
LENGTH_NOTE = "the table does not say how long it trained: 100 steps are taken"
LEARNT = ("peak_allocated_bytes", "peak_reserved_bytes", "peak_device_bytes", "tokens_per_s_per_accelerator")


def raw_runs(
    rows: Iterable[Mapping[str, str]],
    catalog: Catalog,
    *,
    experiment: str,
    ended_at: datetime,
    progress: Callable[[], None] = lambda: None,
) -> Iterator[list[RawRun]]:
    """The rows in batches, each id once; ``experiment`` and ``ended_at`` where a row names none itself.

    A row that cannot be used lands with the reason in the tag ``planner.problem``.
    """
    batch: list[RawRun] = []
    seen: set[str] = set()
    for row in rows:
        progress()
        if row["id"] in seen:
            continue
        seen.add(row["id"])
        batch.append(_raw_run(row, read_row(row, catalog), experiment, ended_at))
        if len(batch) == BATCH_RUNS:
            yield batch
            batch = []
    if batch:
        yield batch


def _raw_run(row: Mapping[str, str], run: TableRun, experiment: str, ended_at: datetime) -> RawRun:
    experiment = _text(row, "experiment") or experiment
    outcome = _text(row, "outcome").lower()
    problem = _problem(run) or evidence_problem(row)
    try:
        end = _time(row, "ended_at") or ended_at
        start = _time(row, "started_at")
    except ValueError as error:
        end, start, problem = ended_at, None, problem or str(error)
    figures = read_figures(row)
    if start is None and figures.train_s is not None:
        start = _before(end, figures.train_s)
    params, tags = {}, {}
    if run.config is not None and problem is None:
        steps = figures.steps or _steps(figures)
        config = run.config if steps is None else run.config.model_copy(update={"max_steps": steps})
        params[WHOLE] = json.dumps(config.model_dump(mode="json", exclude={"name"}), sort_keys=True)
        if steps is None:
            tags[NOTE] = LENGTH_NOTE
    if problem is not None:
        tags[PROBLEM] = problem
    end_ms = _milliseconds(end)
    return RawRun(
        run_id=row["id"][:200],
        experiment_id=experiment,
        experiment_name=experiment,
        run_name=(_text(row, "name") or row["id"])[:200],
        status=STATUSES.get(outcome, "FAILED"),
        lifecycle_stage="active",
        start_ms=None if start is None else _milliseconds(start),
        end_ms=end_ms,
        params=params,
        tags=tags,
        metrics=tuple(
            RawMetric(f"{PREFIX}{name}", value, 0, end_ms) for name, value in sorted(_measured(row, figures).items())
        ),
        system_samples=(),
        inputs=(),
    )


def _measured(row: Mapping[str, str], figures: Actual) -> dict[str, float]:
    """Peaks and speed only where they are evidence, the rest as it stands."""
    evidence = read_evidence(row)
    found = figures.model_dump(include={"step_time_s", "steps", "checkpoint_bytes"})
    found |= {name: getattr(evidence, name) for name in LEARNT}
    return {name: float(value) for name, value in found.items() if value is not None}


def _problem(run: TableRun) -> str | None:
    """Why a row is no run to learn from; an accelerator that stands for an unknown one must not enter history."""
    if run.config is None or "throughput" in run.unpredictable:
        return next(reason for family, reason in run.unpredictable.items() if family != "fits")
    return None


def _steps(figures: Actual) -> int | None:
    if figures.train_s is None or figures.step_time_s is None:
        return None
    return max(1, round(figures.train_s / figures.step_time_s))


def _text(row: Mapping[str, str], column: str) -> str:
    return str(row.get(column) or "").strip()[:200]


def _time(row: Mapping[str, str], column: str) -> datetime | None:
    """An ISO date or time, UTC unless it says otherwise."""
    text = _text(row, column)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{column} {text[:60]!r} is no date (YYYY-MM-DD, or with a time)") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _before(end: datetime, duration_s: float) -> datetime | None:
    seconds = end.timestamp() - duration_s
    return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
