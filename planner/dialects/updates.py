"""Attempts chained into updates: what was tried again, and how often a model is really trained."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from planner.domain import Frozen
from planner.domain.training_run import TrainingRun
from planner.units import DAY_S

LONGEST_PAUSE_S = 7 * DAY_S
"""Between the end of an attempt and the next one at the same update."""
CHANGED_BY_A_RETRY: dict[str, Any] = {
    "name": True, "cluster": True, "micro_batch_size": True, "gradient_accumulation_steps": True,
    "activation_checkpointing": True, "parallelism": True, "checkpoints": True, "operations": True,
    "framework_version": True, "max_steps": True, "model": {"origin": True, "assumption": True},
}  # fmt: skip
"""What is changed to get a failed run through; a resumed one may have fewer steps to go."""


class Attempt(NamedTuple):
    """What chaining needs to know of a run."""

    source: str
    run_id: str
    experiment: str
    status: str
    started_at: datetime
    ended_at: datetime | None
    target: str | None
    resumed_from: str | None
    purpose: str
    """Equal for runs that were to train the same model in the same way; the run's own id where the model is unknown."""
    series: str | None
    """Model and method: updates of one experiment that follow each other."""
    dataset_tokens: float | None
    dataset_rows: float | None
    tokens: float | None


class Update(Frozen):
    """One model trained, in one attempt or several: a row of the table ``updates``."""

    source: str
    first_run_id: str
    experiment: str
    target: str | None
    """The model that it makes, as the first attempt that says so names it."""
    run_ids: tuple[str, ...]
    """Attempts by their start, the one that finished last."""
    attempts: int
    started_at: datetime
    """Start of the first attempt."""
    finished_at: datetime | None
    """End of the attempt that finished; None where none did (given up, or still going on)."""
    series: str | None = None
    """Model and method."""
    dataset_tokens: float | None = None
    dataset_rows: float | None = None
    tokens: float | None = None
    """Fed by the attempt that finished, padding included."""
    dataset_growth_ratio: float | None = None
    """How much larger its data is than that of the update of the same model and method that finished before in the
    experiment, .02 for 2 % more: by tokens of the dataset, else its rows, else tokens trained on."""


def chain_updates(runs: Iterable[TrainingRun]) -> list[Update]:
    """Updates by their start; runs without a start are left out."""
    return chain_attempts([attempt_of(run, run.started_at) for run in runs if run.started_at is not None])


def attempt_of(run: TrainingRun, started_at: datetime) -> Attempt:
    """The run as an attempt."""
    config, model = run.config, run.config.model
    return Attempt(
        source=run.source,
        run_id=run.run_id,
        experiment=run.experiment,
        status=run.status,
        started_at=started_at,
        ended_at=run.ended_at,
        target=run.target,
        resumed_from=run.resumed_from,
        purpose=run.run_id if model is None else config.model_dump_json(exclude=CHANGED_BY_A_RETRY),
        series=None if model is None else f"{model.name} {config.method}",
        dataset_tokens=config.dataset.tokens if config.dataset else None,
        dataset_rows=config.dataset.rows if config.dataset else None,
        tokens=run.actual.tokens,
    )


class Trained(NamedTuple):
    """What the last update of a series was trained on."""

    dataset_tokens: float | None
    dataset_rows: float | None
    tokens: float | None


Series = tuple[str, str, str]
"""Source, experiment, and model with method."""


def chain_attempts(attempts: Iterable[Attempt], before: Mapping[Series, Trained] | None = None) -> list[Update]:
    """Updates by their start; an update ends with the attempt that finishes.

    ``before``: what was trained on last, by series, where earlier updates are left out.

    An attempt goes on with the latest unfinished one of its experiment that has the same target, or that it resumes,
    or that was to train the same model in the same way, if at most ``LONGEST_PAUSE_S`` lie between them.
    """
    chains: list[list[Attempt]] = []
    open_chains: dict[tuple[str, str], list[list[Attempt]]] = {}
    for run in sorted(attempts, key=lambda run: (run.started_at, run.run_id)):
        waiting = open_chains.setdefault((run.source, run.experiment), [])
        waiting[:] = [chain for chain in waiting if _pause_s(chain[-1], run) <= LONGEST_PAUSE_S]
        chain = next((chain for chain in reversed(waiting) if _goes_on(chain[-1], run)), None)
        if chain is None:
            chain = []
            chains.append(chain)
            waiting.append(chain)
        chain.append(run)
        if run.status == "FINISHED":
            waiting.remove(chain)
    return _updates(chains, dict(before or {}))


def _goes_on(before: Attempt, run: Attempt) -> bool:
    if before.status not in ("FAILED", "KILLED") or _pause_s(before, run) < 0:
        return False
    if before.target is not None and run.target is not None:
        if before.target == run.target:
            return True
        if run.resumed_from is not None and run.resumed_from.startswith(f"{before.target}/"):
            return True
    if run.resumed_from is not None and before.run_id in run.resumed_from:
        return True
    return before.purpose == run.purpose


def _pause_s(before: Attempt, run: Attempt) -> float:
    """From the end of one run (its start, where it has no end) to the start of the next."""
    return (run.started_at - (before.ended_at or before.started_at)).total_seconds()


def _updates(chains: Sequence[Sequence[Attempt]], before: dict[Series, Trained]) -> list[Update]:
    """The chains as updates, each with the growth of its data since the one that finished before it."""
    growth: dict[str, float | None] = {}
    finished = (chain[-1] for chain in chains if chain[-1].status == "FINISHED" and chain[-1].series is not None)
    for last in sorted(finished, key=lambda run: (run.ended_at or run.started_at, run.run_id)):
        key = (last.source, last.experiment, last.series or "")
        now = Trained(last.dataset_tokens, last.dataset_rows, last.tokens)
        if key in before:
            growth[last.run_id] = _growth_ratio(before[key], now)
        before[key] = now
    done = [chain[-1] if chain[-1].status == "FINISHED" else None for chain in chains]
    return [
        Update(
            source=chain[0].source,
            first_run_id=chain[0].run_id,
            experiment=chain[0].experiment,
            target=next((run.target for run in chain if run.target is not None), None),
            run_ids=tuple(run.run_id for run in chain),
            attempts=len(chain),
            started_at=chain[0].started_at,
            finished_at=last and last.ended_at,
            series=last and last.series,
            dataset_tokens=last and last.dataset_tokens,
            dataset_rows=last and last.dataset_rows,
            tokens=last and last.tokens,
            dataset_growth_ratio=growth.get(chain[-1].run_id),
        )
        for chain, last in zip(chains, done, strict=True)
    ]


def _growth_ratio(before: Trained, now: Trained) -> float | None:
    return next((after / first - 1 for first, after in zip(before, now, strict=True) if first and after), None)
