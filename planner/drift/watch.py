"""Follows one series of runs: in control, alarm, drift, and how the drift ended."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from planner.calibration.robust import WINSOR_LIMIT_SD, Floats, Ints, winsorise
from planner.drift.cusum import Direction, change_index, run_cusum
from planner.drift.level import Level
from planner.drift.limits import reference_of

RECOVERY_LIMIT = 5.0
"""Limit of the mirrored CUSUM that asks whether values are back at the level before."""
CAUGHT_UP_RUNS = 10
CAUGHT_UP_SD = 0.3
"""Predictions have learnt the new level once the mean error of so many runs is within so many SDs of 0."""

ClosedBecause = Literal["recovered", "recalibrated", "by hand"]


@dataclass(frozen=True)
class Series:
    """One group's runs of one resource after its first ones, in order of time; one entry a run."""

    run_ids: Sequence[str]
    log_ratio: Floats
    ended_at_s: Floats
    finest: Ints
    """Index of the run's finest group."""
    prediction_error: Floats
    """log(actual / calibrated prediction); nan where none was made."""
    levels: Mapping[int, Level]
    """What the first runs say about each finest group; not changed by watching."""


class Rung(NamedTuple):
    """An alarm that was published before: it stays, whatever is learnt later."""

    drift_id: str
    direction: Direction


class Rules(NamedTuple):
    """What a series is judged by."""

    limits_of: Callable[[Floats], Floats]
    """Limits by variance of the mean over the noise's."""
    rung: Mapping[str, Rung]
    """By run."""
    new_id: Callable[[str], str]
    """Names a drift by the run that gave the alarm."""
    closed_by_hand_s: Mapping[str, float]
    """By drift, seconds since 1970."""


@dataclass(frozen=True)
class Episode:
    """One drift of one series; indices into the series."""

    drift_id: str
    direction: Direction
    alarm: int
    change: int
    log_change: float
    """Median deviation from the level before, from the change on."""
    log_change_sd: float
    closed: int | None = None
    """First run after it was closed; as many as there are runs where none has ended since."""
    because: ClosedBecause | None = None


@dataclass(frozen=True)
class Watched:
    """A series with its drifts, and for each run how far it was from the level in control."""

    episodes: tuple[Episode, ...]
    deviation: Floats
    statistic: Floats
    limit: Floats
    noise_sd: float
    """Of its runs at the end, the median."""


def watch(series: Series, rules: Rules) -> Watched:
    """All drifts of a series, one after the other.

    While nothing drifts the level in control is learnt on; a change freezes it. After a drift that recovered the old
    level holds again, after one that was closed otherwise the new one does.
    """
    size = series.log_ratio.size
    deviation, statistic, limit = np.zeros(size), np.zeros(size), np.zeros(size)
    levels = {finest: level.copy() for finest, level in series.levels.items()}
    episodes: list[Episode] = []
    start = 0
    while start < size:
        z, variance, away = _standardise(series, start, size, {f: level.copy() for f, level in levels.items()})
        chart = run_cusum(z, reference_of(variance), rules.limits_of(variance))
        deviation[start:], statistic[start:], limit[start:] = away, chart.statistic, chart.limit
        seen = {episode.drift_id for episode in episodes}
        rung = {run_id: one for run_id, one in rules.rung.items() if one.drift_id not in seen}
        found = _alarm(series, start, chart.alarm_index, chart.direction, rung)
        if found is None:
            break
        alarm, direction = found
        change = start + change_index(chart.values[: alarm - start + 1], direction)
        _standardise(series, start, change, levels)
        for level in levels.values():
            level.take_all()
        z, variance, away = _standardise(series, change, size, levels, learn=False)
        frozen = run_cusum(z, reference_of(variance), rules.limits_of(variance))
        deviation[change:], statistic[alarm:] = away, frozen.statistic[alarm - change :]
        drift_id = _known_id(series, alarm, direction, rung) or rules.new_id(series.run_ids[alarm])
        sign = 1.0 if direction == "above" else -1.0
        noise_sd = np.array([levels[int(one)].noise_sd for one in series.finest])
        closed, because = _ending(series, sign * z, noise_sd, change, alarm, rules.closed_by_hand_s.get(drift_id))
        end = size if closed is None else max(closed, alarm + 1)
        shifted = away[: end - change]
        if because == "recovered":
            shifted = shifted[: max(alarm + 1 - change, 1)]
        level_variance = float(np.mean([levels[int(one)].variance for one in series.finest[change:end]]))
        size_sd = float(np.mean(noise_sd[change:end])) * math.sqrt(1 / shifted.size + level_variance)
        episode = Episode(drift_id, direction, alarm, change, float(np.median(shifted)), size_sd, closed, because)
        episodes.append(episode)
        if closed is None:
            break
        if because != "recovered":
            levels = {f: level.moved(episode.log_change, 1 / shifted.size) for f, level in levels.items()}
        start = end
    noise = [levels[int(one)].noise_sd for one in series.finest]
    return Watched(tuple(episodes), deviation, statistic, limit, float(np.median(noise)) if size else 0.0)


def _standardise(
    series: Series, start: int, end: int, levels: dict[int, Level], *, learn: bool = True
) -> tuple[Floats, Floats, Floats]:
    """Runs as SDs from their level, that level's variance over the noise's, and the deviation itself.

    A young group's runs are innovations (what the runs before do not explain, over its own SD); ``levels`` learns.
    """
    z, variance, deviation = np.zeros(end - start), np.zeros(end - start), np.zeros(end - start)
    for place in range(start, end):
        level, value = levels[int(series.finest[place])], float(series.log_ratio[place])
        away = value - level.mean
        wide = math.sqrt(1 + level.variance) if level.is_young else 1.0
        z[place - start] = away / (level.cautious_sd * wide)
        variance[place - start] = 0.0 if level.is_young else level.variance
        deviation[place - start] = away
        if learn:
            level.learn(value)
    return z, variance, deviation


def _alarm(
    series: Series, start: int, rings: int | None, direction: Direction | None, rung: Mapping[str, Rung]
) -> tuple[int, Direction] | None:
    """The first alarm, of the chart or published earlier."""
    size = len(series.run_ids) if rings is None else start + rings
    for place in range(start, size):
        if (earlier := rung.get(series.run_ids[place])) is not None:
            return place, earlier.direction
    return None if rings is None or direction is None else (size, direction)


def _known_id(series: Series, alarm: int, direction: Direction, rung: Mapping[str, Rung]) -> str | None:
    """The name under which this drift was published, though its alarm was then dated up to some runs later."""
    for run_id in series.run_ids[alarm : alarm + CAUGHT_UP_RUNS + 1]:
        earlier = rung.get(run_id)
        if earlier is not None and earlier.direction == direction:
            return earlier.drift_id
    return None


def _ending(
    series: Series, outward: Floats, noise_sd: Floats, change: int, alarm: int, by_hand_s: float | None
) -> tuple[int | None, ClosedBecause | None]:
    """Whether and why a drift is over, and the first run after that. ``outward``: SDs in its direction, from its
    change on, about the level before."""
    size = series.log_ratio.size
    endings: list[tuple[int, ClosedBecause]] = []
    if by_hand_s is not None:
        endings.append((max(int(np.searchsorted(series.ended_at_s, by_hand_s)), alarm + 1), "by hand"))
    shift = min(max(float(np.median(outward[: alarm + 1 - change])), 1.0), WINSOR_LIMIT_SD)
    back = shift / 2 - winsorise(outward[alarm + 1 - change :], 0.0, 1.0)
    walk = np.cumsum(back)
    recovered = np.flatnonzero(walk - np.minimum(np.minimum.accumulate(walk), 0.0) > RECOVERY_LIMIT)
    if recovered.size:
        endings.append((alarm + 2 + int(recovered[0]), "recovered"))
    error = series.prediction_error[alarm + 1 :] / noise_sd[alarm + 1 :]
    for last in range(CAUGHT_UP_RUNS, size - alarm):
        recent = winsorise(error[last - CAUGHT_UP_RUNS : last], 0.0, 1.0)
        if abs(float(np.mean(recent))) <= CAUGHT_UP_SD:
            endings.append((alarm + 1 + last, "recalibrated"))
            break
    return min(endings, default=(None, None), key=lambda ending: ending[0])
