"""How near runs must be to tell of each other, and how much of a run is noise: what predicts left-out runs best."""

from collections.abc import Sequence

import numpy as np

from planner.calibration.crossed import Crossed
from planner.calibration.design import Design
from planner.calibration.nearness import ByRun, Cavity, Views, leave_out, pairs
from planner.calibration.robust import Floats, Ints
from planner.domain.calibration import Within

SHARES = (0.3, 0.6, 0.85, 0.95)
"""Shares of the variance within a cell that may be a spot's own rather than noise."""
REACHES = (0.3, 1.0, 3.0, 9.0)
DEFAULT_REACH = 3.0
MAX_SCORED = 1500
MIN_GAIN, KIN_GAIN = 3.0, 5.0
"""Gain in log likelihood that a choice other than the default must bring, for all runs and for some kin."""


def choose(design: Design, crossed: Crossed, others: Cavity, seen: Views) -> tuple[Within, dict[str, Within]]:
    """For all runs, and for the kin that differ: first the reach, then how the variance is shared.

    Runs are predicted without themselves, once as from near and once as from far; kin must gain ``KIN_GAIN`` over what
    is best for all.
    """
    both = crossed.spot_variance + crossed.noise_variance
    best = Within(crossed.spot_variance, crossed.noise_variance, DEFAULT_REACH)
    if not np.any(seen.near.index >= 0):
        return best, {}
    chosen = np.unique(np.linspace(0, len(design.runs) - 1, MAX_SCORED).astype(np.int64))
    spot = design.spot[chosen]
    apart = [pairs(design, view, spot) for view in (seen.near, seen.far)]
    names, code = _kin(design, spot)

    def gains(candidate: ByRun) -> Floats:
        """Log likelihood of each run."""
        total = np.zeros(chosen.size)
        for view, among in zip((seen.near, seen.far), apart, strict=True):
            found = leave_out(design, others, view, candidate, chosen, among)
            total += -np.log(found.log_sd) - np.minimum(found.score**2, 9.0) / 2
        return total / 2

    own = [best] * len(names)
    for step in ("reach", "share"):
        options = [*own_options(step, best, both)]
        base = gains(spread_out(own, code))
        told = np.stack([gains(spread_out([_changed(step, one, option) for one in own], code)) for option in options])
        top = int(np.argmax(told.sum(axis=1)))
        if told[top].sum() > base.sum() + MIN_GAIN:
            best, base = options[top], told[top]
            own = [_changed(step, one, best) for one in own]
        by_kin = np.stack([np.bincount(code, weights=row, minlength=len(names)) for row in told])
        before = np.bincount(code, weights=base, minlength=len(names))
        for number in np.flatnonzero(by_kin.max(axis=0) > before + KIN_GAIN).tolist():
            own[number] = _changed(step, own[number], options[int(np.argmax(by_kin[:, number]))])
    return best, {name: one for name, one in zip(names, own, strict=True) if one != best}


def own_options(step: str, best: Within, both: float) -> list[Within]:
    if step == "reach":
        return [best._replace(reach=reach) for reach in REACHES]
    return [best._replace(spot_log_variance=share * both, noise_log_variance=(1 - share) * both) for share in SHARES]


def _changed(step: str, one: Within, option: Within) -> Within:
    return one._replace(reach=option.reach) if step == "reach" else option._replace(reach=one.reach)


def _kin(design: Design, spot: Ints) -> tuple[list[str], Ints]:
    by_spot = [design.traits[number].kin for number in range(design.num_runs.size)]
    names = sorted(set(by_spot))
    place = {name: number for number, name in enumerate(names)}
    return names, np.array([place[name] for name in by_spot])[spot]


def by_run(design: Design, best: Within, kin: dict[str, Within], chosen: Ints) -> ByRun:
    """What holds for each of the chosen runs."""
    names, code = _kin(design, design.spot[chosen])
    return spread_out([kin.get(name, best) for name in names], code)


def spread_out(own: Sequence[Within], code: Ints) -> ByRun:
    spot, noise, reach = np.array(own).T
    return ByRun(spot[code], noise[code], reach[code])
