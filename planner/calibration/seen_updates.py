"""The updates of one programme as its past runs show them, held against the slots of its plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import numpy as np
from cronsim import CronSim

from planner.calibration.robust import Floats, Ints
from planner.dialects.updates import Update, chain_updates
from planner.domain.programme import PlannedUpdate
from planner.domain.training_run import TrainingRun
from planner.units import HOUR_S, WEEK_S

EARLY_SHARE, MAX_EARLY_S = 0.1, HOUR_S
"""A start is early within this share of the period before its slot, and at most so long before it."""
COUNTS_AFTER_SHARE = 0.5
"""So much of the newest slot's time must have passed before a missing update counts as skipped."""
MAX_SIZES = 200
SLOTS_FOR_PERIOD = 12


@dataclass(frozen=True, slots=True)
class SeenUpdates:
    """What was observed of one update (or of the experiments of a pattern) up to a day."""

    name: str
    weeks_observed: float = 0.0
    planned_updates: int | None = None
    """Slots of the plan in the time observed; None without a plan."""
    skipped_updates: int = 0
    extra_updates: int = 0
    finished_updates: int = 0
    attempts: int = 0
    """Runs that ended, well or not."""
    failed_attempts: int = 0
    slips_s: tuple[float, ...] = ()
    """Delay of the first attempt of each slot that was answered; 0 for an early one."""
    slot_s: float | None = None
    """Usual time between slots; None without a plan."""
    log_sizes: tuple[tuple[float, float], ...] = ()
    """Of finished runs of known size: weeks since the first run, and the log of the data's size."""


def see_updates(
    plan: PlannedUpdate | None, name: str, runs: Sequence[TrainingRun], as_of: datetime, zone: ZoneInfo
) -> SeenUpdates:
    """How often the update (or whatever is called ``name``) happened, from its own runs that started before ``as_of``.

    ``runs`` are those of its experiments only. Slots are those of the plan in ``zone``.
    """
    seen = [_as_known(run, as_of) for run in runs if run.started_at is not None and run.started_at < as_of]
    updates = chain_updates(seen)
    slot_s = _slot_s(plan, as_of, zone) if plan else None
    if not updates:
        return SeenUpdates(name=name, planned_updates=0 if plan else None, slot_s=slot_s)
    by_id = {run.run_id: run for run in seen}
    first = updates[0].started_at
    ended = [run for run in seen if run.status in ("FINISHED", "FAILED", "KILLED")]
    finished = [update for update in updates if by_id[update.run_ids[-1]].status == "FINISHED"]
    per_update = plan.runs_per_update if plan else 1
    planned: int | None = None
    skipped, extra = 0, 0
    slips_s: tuple[float, ...] = ()
    if plan:
        going = [one.started_at for one in updates if by_id[one.run_ids[-1]].status in ("RUNNING", "SCHEDULED")]
        planned, skipped, extra, slips_s = _against_plan(plan, finished, going, first, as_of, zone)
    return SeenUpdates(
        name=name,
        weeks_observed=(as_of - first).total_seconds() / WEEK_S,
        planned_updates=planned,
        skipped_updates=skipped,
        extra_updates=extra,
        finished_updates=round(len(finished) / per_update),
        attempts=len(ended),
        failed_attempts=len(ended) - len(finished),
        slips_s=slips_s,
        slot_s=slot_s,
        log_sizes=_log_sizes([by_id[update.run_ids[-1]] for update in finished], first),
    )


def _as_known(run: TrainingRun, as_of: datetime) -> TrainingRun:
    """The run as it stood at ``as_of``."""
    if run.ended_at is None or run.ended_at < as_of:
        return run
    return run.model_copy(update={"status": "RUNNING", "ended_at": None})


def _against_plan(
    plan: PlannedUpdate,
    finished: Sequence[Update],
    going: Sequence[datetime],
    first: datetime,
    as_of: datetime,
    zone: ZoneInfo,
) -> tuple[int, int, int, tuple[float, ...]]:
    """Slots, those without an update, updates beyond one a slot, and the slips."""
    slots_s, end_s = _slots_s(plan, first, as_of, zone)
    answered = np.array([_slot_of(update.started_at, slots_s) for update in finished], dtype=np.int64)
    newest = slots_s.size - 1
    is_open = any(_slot_of(start, slots_s) == newest for start in going)
    is_young = as_of.timestamp() < slots_s[-1] + COUNTS_AFTER_SHARE * (end_s - slots_s[-1])
    counted = slots_s.size - int(is_open or is_young)
    by_slot = _updates_by_slot(answered, slots_s.size, plan.runs_per_update)[:counted]
    slips: dict[int, float] = {}
    for update, slot in zip(finished, answered.tolist(), strict=True):
        slips.setdefault(slot, max(0.0, update.started_at.timestamp() - float(slots_s[slot])))
    return counted, int(np.sum(by_slot == 0)), int(np.sum(np.maximum(by_slot - 1, 0))), tuple(slips.values())


def _updates_by_slot(answered: Ints, num_slots: int, per_update: int) -> Ints:
    """Updates of each slot; what is missing to a whole one is carried on, so that runs are neither lost nor doubled."""
    runs = np.cumsum(np.bincount(answered, minlength=num_slots))
    whole: Ints = np.floor(runs / per_update + 0.5).astype(np.int64)
    return np.asarray(np.diff(whole, prepend=whole.dtype.type(0)))


def _slots_s(plan: PlannedUpdate, first: datetime, as_of: datetime, zone: ZoneInfo) -> tuple[Floats, float]:
    """Slots from the one that the first run answers up to ``as_of``, and the next one, in seconds since 1970."""
    just_after = first.astimezone(zone) + timedelta(seconds=1)
    previous = next(CronSim(plan.cadence, just_after, reverse=True))
    following = takewhile(lambda slot: slot < as_of, CronSim(plan.cadence, previous))
    slots_s = np.array([previous.timestamp(), *(slot.timestamp() for slot in following)])
    last = datetime.fromtimestamp(float(slots_s[-1]), zone)
    return slots_s[_slot_of(first, slots_s) :], next(CronSim(plan.cadence, last)).timestamp()


def _slot_of(start: datetime, slots_s: Floats) -> int:
    """Index of the slot that a start answers: the last one before it, or the next one where it is only early."""
    start_s = start.timestamp()
    latest = int(np.searchsorted(slots_s, start_s, side="right")) - 1
    if 0 <= latest < slots_s.size - 1:
        ahead_s, period_s = slots_s[latest + 1] - start_s, slots_s[latest + 1] - slots_s[latest]
        return latest + int(ahead_s <= min(MAX_EARLY_S, EARLY_SHARE * period_s))
    return max(latest, 0)


def _slot_s(plan: PlannedUpdate, as_of: datetime, zone: ZoneInfo) -> float:
    slots = CronSim(plan.cadence, as_of.astimezone(zone))
    times_s = [next(slots).timestamp() for _ in range(SLOTS_FOR_PERIOD + 1)]
    return (times_s[-1] - times_s[0]) / SLOTS_FOR_PERIOD


def _log_sizes(finished: Sequence[TrainingRun], first: datetime) -> tuple[tuple[float, float], ...]:
    """Size is what most runs tell: tokens or rows of the dataset, else the tokens trained on."""
    columns: list[list[float | None]] = [
        [run.config.dataset.tokens if run.config.dataset else None for run in finished],
        [run.config.dataset.rows if run.config.dataset else None for run in finished],
        [run.actual.tokens for run in finished],
    ]
    column = max(columns, key=lambda sizes: sum(size is not None and size > 0 for size in sizes))
    points = [
        ((run.started_at - first).total_seconds() / WEEK_S, float(np.log(size)))
        for run, size in zip(finished, column, strict=True)
        if size is not None and size > 0 and run.started_at is not None
    ]
    return tuple(points[-MAX_SIZES:])
