"""Places published runs on a made-up calendar: the figures stay, dates and numbers of steps are invented."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zlib import crc32

import numpy as np
from cronsim import CronSim

from planner.sources.demo_experiments import DemoExperiment
from planner.sources.published_runs import PublishedRun

MAX_RUNS_PER_UPDATE = 3
LAST_SLOT_BEFORE_END = timedelta(days=1)
LATE_SHARE = 0.1
LATEST_DELAY_S = 8 * 3600.0
TOKENS_LOG_SD = 0.1
START_UP_LOG_SD = 0.2
MIN_STEPS = 10


class DemoRun(NamedTuple):
    """One run of the demo, ready to be logged."""

    experiment: DemoExperiment
    published: PublishedRun
    name: str
    started_at: datetime
    start_up_s: float
    """Until the first step, or until the run died."""
    max_steps: int
    train_s: float
    """Steps times the published step time; 0 for a run that ran out of memory."""

    @property
    def ended_at(self) -> datetime:
        return self.started_at + timedelta(seconds=self.start_up_s + self.train_s)


def demo_runs(
    experiments: Iterable[DemoExperiment], published: Sequence[PublishedRun], *, until: datetime, weeks: int
) -> list[DemoRun]:
    """The runs of the last ``weeks`` weeks before ``until``, all ended by then, oldest first.

    Equal input gives equal runs.
    """
    runs = [run for experiment in experiments for run in _runs_of(experiment, published, until, weeks)]
    return sorted(runs, key=lambda run: (run.started_at, run.name))


def _runs_of(
    experiment: DemoExperiment, published: Sequence[PublishedRun], until: datetime, weeks: int
) -> Iterator[DemoRun]:
    slots = list(_slots(experiment.cadence, until - timedelta(weeks=weeks), until - LAST_SLOT_BEFORE_END))
    finished = [row for row in published if experiment.holds(row) and row.outcome == "ok"]
    finished = finished[-MAX_RUNS_PER_UPDATE * len(slots) :] if slots else []
    failed = [row for row in published if experiment.holds(row) and row.outcome == "oom"][: len(finished) // 2]
    failed_before = {(2 * n + 1) * len(finished) // (2 * len(failed)): row for n, row in enumerate(failed)}
    random = np.random.default_rng(crc32(experiment.name.encode()))
    slot_index, start = -1, until
    for position, row in enumerate(finished):
        previous_slot, slot_index = slot_index, (2 * position + 1) * len(slots) // (2 * len(finished))
        delay_s = 60.0 + random.exponential(300.0)
        if slot_index != previous_slot:
            start = slots[slot_index]
            delay_s += random.uniform(3600.0, LATEST_DELAY_S) if random.random() < LATE_SHARE else 0.0
        start += timedelta(seconds=round(delay_s))
        name = f"{experiment.name}-{slots[slot_index]:%Y%m%d}-{position + 1:02d}"
        steps, train_s = _length(experiment, row, slot_index, random)
        if position in failed_before:
            until_death_s = _start_up_s(experiment, random) + random.uniform(5.0, 60.0)
            first = DemoRun(experiment, failed_before[position], f"{name}-a", start, until_death_s, steps, 0.0)
            yield first
            start = first.ended_at + timedelta(seconds=round(random.uniform(1200.0, 5400.0)))
            name = f"{name}-b"
        yield DemoRun(experiment, row, name, start, _start_up_s(experiment, random), steps, train_s)


def _slots(cadence: str, after: datetime, until: datetime) -> Iterator[datetime]:
    for slot in CronSim(cadence, after):
        if slot > until:
            return
        yield slot


def _length(
    experiment: DemoExperiment, row: PublishedRun, update: int, random: np.random.Generator
) -> tuple[int, float]:
    tokens = experiment.tokens_per_update * (1 + experiment.growth_ratio_per_update) ** update
    tokens *= random.lognormal(0.0, TOKENS_LOG_SD)
    steps = max(MIN_STEPS, round(tokens / (row.tokens_per_step or tokens)))
    return steps, steps * (row.figures.step_time_s or 0.0)


def _start_up_s(experiment: DemoExperiment, random: np.random.Generator) -> float:
    return float(experiment.start_up_s * random.lognormal(0.0, START_UP_LOG_SD))
