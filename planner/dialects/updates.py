"""Attempts chained into updates: what was tried again, and how often a model is really trained."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

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


class Update(Frozen):
    """One model trained, in one attempt or several."""

    experiment: str
    target: str | None
    run_ids: tuple[str, ...]
    """Attempts by their start."""
    started_at: datetime
    finished_at: datetime | None
    """End of the attempt that finished; None where none did."""

    @property
    def attempts(self) -> int:
        return len(self.run_ids)


def chain_updates(runs: Sequence[TrainingRun]) -> list[Update]:
    """Updates by their start. Runs without a start are left out; an update ends with the attempt that finishes.

    An attempt goes on with the latest unfinished one of its experiment that has the same target, or that it resumes,
    or that was to train the same model in the same way, if at most ``LONGEST_PAUSE_S`` lie between them.
    """
    chains: list[list[TrainingRun]] = []
    open_chains: dict[tuple[str, str], list[list[TrainingRun]]] = {}
    started = sorted((run for run in runs if run.started_at is not None), key=lambda run: (run.started_at, run.run_id))
    for run in started:
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
    return [_update(chain) for chain in chains]


def _goes_on(before: TrainingRun, run: TrainingRun) -> bool:
    if before.status not in ("FAILED", "KILLED") or _pause_s(before, run) < 0:
        return False
    if before.target is not None and run.target is not None:
        if before.target == run.target:
            return True
        if run.resumed_from is not None and run.resumed_from.startswith(f"{before.target}/"):
            return True
    if run.resumed_from is not None and before.run_id in run.resumed_from:
        return True
    return _purpose(before) == _purpose(run)


def _purpose(run: TrainingRun) -> str:
    """What was to be trained and how; the run's own id where the model is not known."""
    return run.run_id if run.config.model is None else run.config.model_dump_json(exclude=CHANGED_BY_A_RETRY)


def _pause_s(before: TrainingRun, run: TrainingRun) -> float:
    """From the end of one run (its start, where it has no end) to the start of the next; both have a start."""
    ended_at = before.ended_at or before.started_at
    return (run.started_at - ended_at).total_seconds() if run.started_at and ended_at else 0.0


def _update(chain: list[TrainingRun]) -> Update:
    last = chain[-1]
    return Update.model_validate(
        {
            "experiment": chain[0].experiment,
            "target": next((run.target for run in chain if run.target is not None), None),
            "run_ids": tuple(run.run_id for run in chain),
            "started_at": chain[0].started_at,
            "finished_at": last.ended_at if last.status == "FINISHED" else None,
        }
    )
