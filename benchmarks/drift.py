"""Drift tracking against published run lengths and on made-up histories whose truth is known.

Usage: python -m benchmarks.drift
"""

import math
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np

from benchmarks.drift_simulation import KINDS, START, Shifted, in_control, known_at, one_thing_moves
from benchmarks.page import write_page
from planner.calibration.shrinkage import Tree, shrink
from planner.drift.explain import explain
from planner.drift.level import Level
from planner.drift.limits import limits_of
from planner.drift.noise import pooled_noise
from planner.drift.report import DriftStatus
from planner.drift.run_length import average_run_length
from planner.drift.status import track
from planner.drift.watch import Rules, Series, watch

PUBLISHED = {(4.0, 0.0): 168, (4.0, 0.5): 26.6, (4.0, 1.0): 8.38, (5.0, 0.0): 465, (5.0, 0.5): 38.0, (5.0, 1.0): 10.4}
"""Montgomery, Introduction to Statistical Quality Control, table 9.3, by limit and shift."""
OWN_RUNS = 10
NUM_GROUPS = 100
NUM_HISTORIES = 60
NUM_SHIFTS = 200
LAST_WEEK = 52

Row = tuple[str, str, str]


def main() -> None:
    rows = [*run_lengths(), *ten_own_runs(), *false_alarms(), *naming()]
    write_page(
        "drift",
        "Drift: run lengths, false alarms and what moved",
        "Run lengths of the two-sided CUSUM by Markov chain; the rest simulated with seeds, through the code that the "
        "weekly job runs. One SD is the noise of one run.",
        ("what", "measured", "to reach"),
        rows,
    )


def run_lengths() -> Iterator[Row]:
    for (limit, shift), published in PUBLISHED.items():
        measured = average_run_length(limit, 0.5, shift)
        what = "in control" if shift == 0 else f"to notice a shift of {shift:g} SD"
        yield f"k = .5, h = {limit:g}: mean run length {what}", f"{measured:.4g}", f"{published:g} (published), 5 %"


def ten_own_runs() -> Iterator[Row]:
    for effect_sd in (0.3, 2.0):
        kind = f"mean and SD from {OWN_RUNS} own runs, groups {effect_sd:g} SD apart"
        quiet, noticed = lengths(effect_sd, 0.0, 800), lengths(effect_sd, 1.0, 120)
        yield f"{kind}: median run length in control", f"{np.median(quiet):.0f}", "350"
        yield f"{kind}: median delay at 1 SD", f"{np.median(noticed):.0f}", "14"
        yield f"{kind}: noticed within 30 runs at 1 SD", f"{np.mean(noticed <= 30):.0%}", ""


def lengths(effect_sd: float, shift: float, num_runs: int) -> np.ndarray:
    """Runs up to the first alarm of groups whose parameters come from their first runs; one group is watched alone."""
    rng = np.random.default_rng(5)
    effects, group = rng.normal(0, effect_sd, NUM_GROUPS), np.repeat(np.arange(NUM_GROUPS), OWN_RUNS)
    first = 0.1 * (effects[group] + rng.normal(0, 1, group.size))
    tree = Tree(codes=(np.zeros_like(group), group), parents=(np.zeros(1, np.int64), np.zeros(NUM_GROUPS, np.int64)))
    known = shrink(first, tree, 0.5)[-1]
    noise, degrees = pooled_noise(first - known.mean[group], group, NUM_GROUPS, known.log_sd**2 - known.variance)
    found = []
    for one in range(NUM_GROUPS):
        level = Level(
            mean=float(known.mean[one]),
            precision=float(noise[one] / known.variance[one]),
            noise_variance=float(noise[one]),
            degrees=float(degrees[one]),
            num_own=OWN_RUNS,
        )
        series = Series(
            run_ids=[str(number) for number in range(num_runs)],
            log_ratio=0.1 * (effects[one] + shift + rng.normal(0, 1, num_runs)),
            ended_at_s=np.arange(num_runs, dtype=np.float64),
            finest=np.zeros(num_runs, dtype=np.int64),
            prediction_error=np.full(num_runs, math.nan),
            levels={0: level},
        )
        episodes = watch(series, Rules(lambda variance: limits_of(variance, [13.0]), {}, str, {})).episodes
        found.append(episodes[0].alarm + 1 if episodes else num_runs)
    return np.array(found)


def false_alarms() -> Iterator[Row]:
    for effect_sd in (0.05, 0.3):
        counts = []
        for seed in range(NUM_HISTORIES):
            report = track(in_control(NUM_GROUPS, 50, effect_sd, seed), START + timedelta(weeks=51))
            counts.append(sum(one.drift_id is not None for one in report.statuses if one.group.startswith("exp")))
        kind = f"{NUM_GROUPS} groups x 50 weekly runs in control, groups {effect_sd:g} apart in log ratio"
        yield (
            f"{kind}: false alarms, mean of {NUM_HISTORIES} histories (most)",
            f"{np.mean(counts):.2f} ({max(counts)})",
            "1",
        )
        yield f"{kind}: histories with at most one", f"{np.mean(np.array(counts) <= 1):.0%}", ""


def naming() -> Iterator[Row]:
    at_once: Counter[str] = Counter()
    later: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    unknown = 0
    for seed in range(NUM_SHIFTS):
        moved = KINDS[seed % len(KINDS)]
        tried[moved] += 1
        history = one_thing_moves(moved, seed)
        week = noticed_in(history)
        if week is None:
            continue
        at_once[moved] += named(history, week) == moved
        verdict = named(history, week + 4)
        later[moved] += verdict == moved
        unknown += verdict in ("unknown", None)
    shifts = f"{NUM_SHIFTS} single-factor shifts of 1.5 SD"
    yield f"{shifts}: named right in the report that opens the drift", f"{at_once.total() / tried.total():.0%}", ""
    yield f"{shifts}: named right four weeks later", f"{later.total() / tried.total():.0%}", "90 %"
    yield f"{shifts}: four weeks later called unknown", f"{unknown / tried.total():.0%}", ""
    for kind in KINDS:
        yield (
            f"... {kind}: named right at once, four weeks later",
            f"{at_once[kind]}, {later[kind]} of {tried[kind]}",
            "",
        )


def noticed_in(history: Shifted) -> int | None:
    """Week of the first report with a drift whose alarm came from a run with the shift."""
    report = track(history.residuals, START + timedelta(weeks=LAST_WEEK))
    alarms = [one.alarm_at for one in report.statuses if one.alarm_at and one.alarm_run_id in history.affected]
    first = min(alarms, default=None)
    if first is None:
        return None
    for week in range(_week(first), LAST_WEEK - 3):
        if drifts(history, week):
            return week
    return None


def _week(moment: datetime) -> int:
    return math.ceil((moment - START) / timedelta(weeks=1))


def drifts(history: Shifted, week: int) -> list[DriftStatus]:
    """True drifts as that week's report sees them."""
    as_of = START + timedelta(weeks=week)
    known = known_at(history.residuals, week)
    report = explain(track(known, as_of), known, history.factors)
    return [one for one in report.statuses if one.state == "drifting" and one.alarm_run_id in history.affected]


def named(history: Shifted, week: int) -> str | None:
    """What the largest drift's verdict names."""
    found = drifts(history, week)
    if not found:
        return None
    verdict = max(found, key=lambda one: one.statistic / one.limit).verdict
    return verdict.kind if verdict else None


if __name__ == "__main__":
    main()
