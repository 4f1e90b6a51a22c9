"""How often a model is really trained, beside its plan.

Assumptions:

- An update is a chain of attempts: failed or killed runs, then a finished one. A failed run belongs to the next
  finished run of the same configuration within a week, else to the next finished run at all within three days; one
  that belongs to none was given up.
- Where an update takes several runs, that many finished runs make one update.
- Observation begins with the planned slot that the first run answers. A slot whose run is still under way is left out.
- A run that starts shortly before a slot is early, not a whole period late.
- Runs still going at ``as_of`` have no outcome yet, whatever became of them later.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import numpy as np
from cronsim import CronSim
from pydantic import Field

from planner.calibration.robust import Floats
from planner.domain import Frozen
from planner.domain.programme import PlannedUpdate
from planner.domain.training_run import TrainingRun
from planner.units import DAY_S, HOUR_S, WEEK_S

SAME_CONFIG_WINDOW_S = 7 * DAY_S
OTHER_CONFIG_WINDOW_S = 3 * DAY_S
PRIOR_UPDATES = 4.0
"""Before any slot is seen, plans are kept: as if so many of so many planned updates had happened."""
PRIOR_FAILURES, PRIOR_SUCCESSES = 0.5, 3.5
"""One attempt in eight fails before any is seen, with the weight of four attempts."""
EARLY_SHARE, MAX_EARLY_S = 0.1, HOUR_S
"""A start is early within this share of the period before its slot, and at most so long before it."""
MIN_UPDATES_FOR_GROWTH = 4
MAX_UPDATES_FOR_GROWTH = 200


Started = tuple[datetime, TrainingRun]


class Gamma(Frozen):
    """Posterior of a rate: the number of events of a Poisson process in an exposure is counted by it."""

    shape: float = Field(gt=0)
    rate: float = Field(gt=0)

    @property
    def mean(self) -> float:
        return self.shape / self.rate


class Beta(Frozen):
    """Posterior of a probability."""

    alpha: float = Field(gt=0)
    beta: float = Field(gt=0)

    @property
    def mean(self) -> float:
        return self.alpha / (self.alpha + self.beta)


class Cadence(Frozen):
    """What was observed of one update (or of the experiments of a pattern) up to a day."""

    name: str
    weeks_observed: float = Field(ge=0)
    planned_updates: int | None
    """Slots of the plan in the time observed; None without a plan."""
    finished_updates: int
    attempts: int
    """Runs that ended, well or not."""
    updates_per_planned_ratio: Gamma
    """Shrunken towards 1; its prior where nothing was planned."""
    failure_probability: Beta
    """Of one attempt."""
    slip_s_p50: float | None
    """Delay of the first attempt behind its planned slot; None where no slot was answered."""
    slip_s_p90: float | None
    dataset_growth_ratio_per_update: float | None
    """Robust growth of the training data, .02 for 2 % more each time; None below four updates of known size."""

    @property
    def attempts_per_finished_update(self) -> float:
        """Expected attempts until one finishes: the mean of 1 / (1 - p) over the posterior."""
        a, b = self.failure_probability.alpha, self.failure_probability.beta
        return (a + b - 1) / (b - 1)

    @property
    def finished_updates_per_week(self) -> float | None:
        return self.finished_updates / self.weeks_observed if self.weeks_observed > 0 else None


def observe_cadence(
    update: PlannedUpdate | None, name: str, runs: Sequence[TrainingRun], as_of: datetime, zone: ZoneInfo
) -> Cadence:
    """How often the update (or whatever is called ``name``) happened, from its own runs that started before ``as_of``.

    ``runs`` are those of its experiments only. Slots are those of the plan in ``zone``; without an ``update`` there
    are none.
    """
    started = sorted(
        ((run.started_at, run) for run in runs if run.started_at), key=lambda pair: (pair[0], pair[1].run_id)
    )
    seen = [(start, run) for start, run in started if start < as_of]
    ended = [(start, run) for start, run in seen if _has_ended(run, as_of)]
    open_starts = [start for start, run in seen if not _has_ended(run, as_of)]
    finished = [(start, run) for start, run in ended if run.status == "FINISHED"]
    runs_per_update = update.runs_per_update if update else 1
    finished_updates = round(len(finished) / runs_per_update)

    slots_s = _slots_s(update, seen[0][0], as_of, zone) if update and seen else np.zeros(0)
    planned = slots_s.size if update else None
    if planned and open_starts and _slot_of(open_starts[-1], slots_s) == slots_s.size - 1:
        planned -= slots_s.size - 1 not in {_slot_of(start, slots_s) for start, _ in finished}
    slips = _slips_s(_first_attempts(ended), slots_s)
    growth = _growth([run for _, run in finished], runs_per_update)
    return Cadence(
        name=name,
        weeks_observed=(as_of - seen[0][0]).total_seconds() / WEEK_S if seen else 0.0,
        planned_updates=planned,
        finished_updates=finished_updates,
        attempts=len(ended),
        updates_per_planned_ratio=Gamma(
            shape=PRIOR_UPDATES + (finished_updates if planned else 0), rate=PRIOR_UPDATES + (planned or 0)
        ),
        failure_probability=Beta(
            alpha=PRIOR_FAILURES + len(ended) - len(finished), beta=PRIOR_SUCCESSES + len(finished)
        ),
        slip_s_p50=float(np.quantile(slips, 0.5)) if slips else None,
        slip_s_p90=float(np.quantile(slips, 0.9)) if slips else None,
        dataset_growth_ratio_per_update=growth,
    )


def _has_ended(run: TrainingRun, as_of: datetime) -> bool:
    is_terminal = run.status in ("FINISHED", "FAILED", "KILLED")
    return is_terminal and (run.ended_at is None or run.ended_at < as_of)


def _first_attempts(ended: list[Started]) -> list[datetime]:
    """Start of the first attempt of each chain that finished, in order of time."""
    hashes = [run.config.config_hash for _, run in ended]
    firsts = {index: start for index, (start, run) in enumerate(ended) if run.status == "FINISHED"}
    for index, (start, run) in enumerate(ended):
        finish = None if run.status == "FINISHED" else _finish_of(index, ended, hashes)
        if finish is not None:
            firsts[finish] = min(firsts[finish], start)
    return sorted(firsts.values())


def _finish_of(index: int, ended: list[Started], hashes: list[str]) -> int | None:
    """Index of the finished run that a failed one led to."""
    start, other = ended[index][0], None
    for later in range(index + 1, len(ended)):
        apart_s = (ended[later][0] - start).total_seconds()
        if apart_s >= SAME_CONFIG_WINDOW_S:
            break
        if ended[later][1].status != "FINISHED":
            continue
        if hashes[later] == hashes[index]:
            return later
        if other is None and apart_s < OTHER_CONFIG_WINDOW_S:
            other = later
    return other


def _slots_s(update: PlannedUpdate, first: datetime, as_of: datetime, zone: ZoneInfo) -> Floats:
    """Slots from the one that the first run answers up to ``as_of``, in seconds since 1970."""
    just_after = first.astimezone(zone) + timedelta(seconds=1)
    previous = next(CronSim(update.cadence, just_after, reverse=True))
    following = takewhile(lambda slot: slot < as_of, CronSim(update.cadence, previous))
    slots_s = np.array([previous.timestamp(), *(slot.timestamp() for slot in following)])
    return slots_s[_slot_of(first, slots_s) :]


def _slot_of(start: datetime, slots_s: Floats) -> int:
    """Index of the slot that a start answers: the last one before it, or the next one where it is only early."""
    start_s = start.timestamp()
    latest = int(np.searchsorted(slots_s, start_s, side="right")) - 1
    if 0 <= latest < slots_s.size - 1:
        ahead_s, period_s = slots_s[latest + 1] - start_s, slots_s[latest + 1] - slots_s[latest]
        return latest + int(ahead_s <= min(MAX_EARLY_S, EARLY_SHARE * period_s))
    return max(latest, 0)


def _slips_s(first_attempts: list[datetime], slots_s: Floats) -> list[float]:
    """Delay of the first chain of each slot; 0 for an early one."""
    slips: dict[int, float] = {}
    for start in first_attempts if slots_s.size else []:
        index = _slot_of(start, slots_s)
        slips.setdefault(index, max(0.0, start.timestamp() - float(slots_s[index])))
    return list(slips.values())


def _growth(finished: list[TrainingRun], runs_per_update: int) -> float | None:
    """Theil-Sen slope of the log of the data's size per update, as a ratio.

    Size is what most runs tell: tokens or rows of the dataset, else the tokens trained on.
    """
    columns: list[list[float | None]] = [
        [run.config.dataset.tokens if run.config.dataset else None for run in finished],
        [run.config.dataset.rows if run.config.dataset else None for run in finished],
        [run.actual.tokens for run in finished],
    ]
    column = max(columns, key=lambda sizes: sum(size is not None and size > 0 for size in sizes))
    points = [(index // runs_per_update, size) for index, size in enumerate(column) if size is not None and size > 0]
    x, size = np.array(points[-MAX_UPDATES_FOR_GROWTH:], dtype=np.float64).reshape(-1, 2).T
    if np.unique(x).size < MIN_UPDATES_FOR_GROWTH:
        return None
    first, second = np.triu_indices(x.size, k=1)
    apart = x[second] > x[first]
    slopes = (np.log(size[second]) - np.log(size[first]))[apart] / (x[second] - x[first])[apart]
    return float(np.expm1(np.median(slopes)))
