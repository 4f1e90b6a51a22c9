"""Runs to come of an experiment that nobody planned."""

import math
import statistics
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from planner.forecast.block import Block
from planner.forecast.demand import ObservedProgramme
from planner.forecast.occupancy import Floats, Occupancy
from planner.units import WEEK_S

MOST_DRAWS = 2000
"""An experiment with more runs ahead is simulated as about so many bundles of equal runs."""


def simulate_observed(programme: ObservedProgramme, block: Block) -> Occupancy:
    """Gamma-Poisson in number, at any time of the week, each a past run drawn again.

    Past runs are drawn with weights from a Bayesian bootstrap (Rubin 1981), one set of weights a sample, so that a few
    past runs give a wide band. A run that does not tell what others tell takes the others' median.
    """
    rng = block.generator(programme.name, "observed")
    edges_s = np.concatenate([[0.0], block.bounds_s])
    start_s, runs = _starts(programme, edges_s, block.num_samples, rng)
    drawn = _bootstrap(rng, len(programme.runs), start_s.shape)

    def draw(values: Sequence[float | None]) -> Floats | None:
        known = [value for value in values if value is not None]
        if not known:
            return None
        middle = statistics.median_low(known)
        filled = np.array([middle if value is None else value for value in values])
        return np.asarray(filled[drawn] * runs)

    end_s = start_s + np.array([run.duration_s for run in programme.runs])[drawn]
    stored = draw([run.stored_bytes for run in programme.runs])
    by_week = None if stored is None else [(stored * (end_s <= end)).sum(axis=1) for end in block.bounds_s[1:]]
    return Occupancy(
        start_s=start_s,
        end_s=end_s,
        runs=runs,
        accelerators=draw([run.num_accelerators for run in programme.runs]),
        network_bytes=draw([run.network_bytes for run in programme.runs]),
        cost_usd=draw([run.cost_usd for run in programme.runs]),
        stored_bytes=None if by_week is None else np.stack(by_week, axis=1),
    )


def _starts(
    programme: ObservedProgramme, edges_s: Floats, num_samples: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Start times and how many runs start at them (0: none), samples x draws; ``edges_s``: now and bounds of weeks."""
    lengths_s = np.diff(edges_s)
    shape, rate = programme.runs_per_week_shape, programme.runs_per_week_rate
    bundle = max(1, math.ceil(shape / rate * edges_s[-1] / WEEK_S / MOST_DRAWS))
    runs_per_week = rng.gamma(shape, 1 / rate, (num_samples, 1)) * np.ones(len(lengths_s))
    if (dispersion := programme.weekly_dispersion) > 0:
        runs_per_week = runs_per_week * rng.gamma(1 / dispersion, dispersion, runs_per_week.shape)
    counts = rng.poisson(runs_per_week * lengths_s / WEEK_S / bundle)
    last = np.cumsum(counts, axis=1)
    draw = np.arange(int(last[:, -1].max()))
    period = sum((draw >= last[:, [week]]).astype(np.intp) for week in range(len(lengths_s) - 1))
    period = np.broadcast_to(np.asarray(period), (num_samples, len(draw)))
    start_s = edges_s[period] + rng.random(period.shape) * lengths_s[period]
    return start_s, np.where(draw < last[:, -1:], float(bundle), 0.0)


def _bootstrap(rng: np.random.Generator, num_runs: int, shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Indices of past runs: each sample (row) has weights of its own, uniform on the simplex."""
    upper = np.cumsum(rng.standard_exponential((shape[0], num_runs)), axis=1)
    row = np.arange(shape[0])[:, None]
    ladder = (upper / upper[:, -1:] + row).ravel()
    found = np.searchsorted(ladder, rng.random(shape) + row) - row * num_runs
    return np.asarray(np.clip(found, 0, num_runs - 1))
