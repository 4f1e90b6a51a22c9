"""Joint Monte Carlo of runs to come: what is shared by runs is drawn once, so that totals are as uncertain as they are.

The log of a planned run's duration is the estimate's, with its variance in three parts: drawn once for everything
(``COMMON_VARIANCE_RATIO``), once for the update (``shared_variance_ratio``), and for each run. Independent runs would
average out what is wrong with all of them alike, and a band of their total would be too narrow.
"""

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from planner.domain.estimate import Z_P90, Estimate, Quantiles
from planner.forecast.demand import ExpectedUpdate, ObservedProgramme
from planner.forecast.occupancy import Floats, Occupancy

COMMON_VARIANCE_RATIO = 0.05
"""Part of a run's log variance that all programmes share: a driver, a price of power, a slow file system."""
LEAST_SHARED_VARIANCE_RATIO = 0.1
"""Part that the runs of one update share even after many runs: the next dataset is not like the last."""
BETWEEN_TO_WITHIN_VARIANCE = 7.0
"""Variance of log(actual / estimate) between programmes over that within one: .16 to .023 in runs with effects of
accelerator, model, framework and dataset of SD .25, .2, .15 and .15, an interaction of .1 and noise of .15."""
MOST_FAILED_ATTEMPTS = 5
"""Then somebody repairs it, and the next attempt succeeds."""
MOST_BUNDLES = 16
"""An update with more runs is simulated as so many bundles of equal runs."""
MOST_OBSERVED_DRAWS = 2000
"""An experiment with more runs ahead is simulated as so many bundles of equal runs."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of samples; every generator is named after what it draws, so that a replay is identical."""

    as_of: datetime
    bounds_s: Floats
    """Starts of the weeks and the end of the last one, in seconds after ``as_of``."""
    seed_text: str
    number: int
    num_samples: int

    def generator(self, *purpose: str) -> np.random.Generator:
        text = "|".join((self.seed_text, str(self.as_of.timestamp()), str(self.number), *purpose))
        return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()))


def shared_variance_ratio(estimate: Estimate) -> float:
    """Part of the log variance of a run's duration that all runs of its programme share.

    With between-to-within variance r and n past runs of the experiment behind the calibration, the predictive variance
    is within x (1 + r / (1 + n r)), and the second term is shared (normal model with known variances: Gelman et al.,
    Bayesian Data Analysis, section 2.5).
    """
    r = BETWEEN_TO_WITHIN_VARIANCE
    own = [
        correction.num_runs
        for correction in estimate.provenance.corrections
        if correction.resource == "duration_s" and "experiment=" in correction.group
    ]
    return max(LEAST_SHARED_VARIANCE_RATIO, r / (1 + (max(own, default=0) + 1) * r))


def num_intervals(update: ExpectedUpdate) -> int:
    """Intervals simulated in each sample, repeats of a slot left out: what memory and time grow with."""
    return len(update.slots) * min(update.runs_per_update, MOST_BUNDLES)


def simulate_update(update: ExpectedUpdate, block: Block) -> Occupancy:
    """Runs of a planned update: whether and when each slot happens, how often runs fail, what they take."""
    shared = block.generator(update.name, "shared")
    estimate, cadence, num_samples = update.estimate, update.cadence, block.num_samples
    updates_per_slot = shared.gamma(cadence.shape, 1 / cadence.rate, num_samples)
    failure_probability = shared.beta(cadence.failure_alpha, cadence.failure_beta, num_samples)
    update_z, cost_z, storage_z, network_z = shared.standard_normal((4, num_samples))

    start_s, age, happens = _starts(update, updates_per_slot, block)
    sizes = _bundle_sizes(update.runs_per_update)
    growth = (1 + update.dataset_growth_ratio_per_update) ** age
    run_z = block.generator(update.name, "duration").standard_normal((len(sizes), *start_s.shape))
    z = _split_variance(block, update_z, run_z, shared_variance_ratio(estimate))
    once_s = _duration_p50_s(update, growth)[:, None] * np.exp(_log_deviation(estimate.duration_s, z))
    failed, failed_ratio = _failures(update, failure_probability, run_z.shape, block)
    length_s = once_s * (1 + failed_ratio)
    end_s = start_s + length_s

    runs = sizes[:, None, None] * happens
    network = estimate.network_bytes
    traffic = network.p50 * np.exp(_log_deviation(network, network_z)) * (1 + failed_ratio) * runs
    if update.length_follows_dataset:
        traffic = traffic * growth[:, None]
    return Occupancy(
        start_s=_rows(np.broadcast_to(start_s, end_s.shape)),
        end_s=_rows(end_s),
        runs=_rows(runs * (1 + failed)),
        accelerators=_rows(runs * float(estimate.num_accelerators)),
        network_bytes=_rows(traffic),
        cost_usd=None if estimate.cost_usd is None else _rows(runs * length_s * _usd_per_s(estimate, cost_z)),
        stored_bytes=_stored(update, storage_z, start_s, end_s, runs, growth, block),
    )


def simulate_observed(programme: ObservedProgramme, block: Block) -> Occupancy:
    """Runs of an experiment nobody planned: gamma-Poisson in number, each a past run drawn again.

    Past runs are drawn with weights from a Bayesian bootstrap (Rubin 1981), one set of weights a sample, so that a few
    past runs give a wide band. A run that does not tell a resource others tell takes the mean of the others.
    """
    rng = block.generator(programme.name, "observed")
    edges_s = np.concatenate([[0.0], block.bounds_s])
    lengths_s = np.diff(edges_s)
    rate = rng.gamma(programme.runs_per_week_shape, 1 / programme.runs_per_week_rate, (block.num_samples, 1))
    intensity = np.ones((block.num_samples, len(lengths_s)))
    if programme.weekly_dispersion > 0:
        intensity = rng.gamma(1 / programme.weekly_dispersion, programme.weekly_dispersion, intensity.shape)
    mean_total = programme.runs_per_week_shape / programme.runs_per_week_rate * edges_s[-1] / WEEK_S
    bundle = max(1, math.ceil(mean_total / MOST_OBSERVED_DRAWS))
    counts = rng.poisson(rate * intensity * lengths_s / WEEK_S / bundle)
    last = np.cumsum(counts, axis=1)
    position = np.arange(int(last[:, -1].max()))
    period = np.minimum((position[None, :, None] >= last[:, None, :]).sum(axis=2), len(lengths_s) - 1)
    runs = (position < last[:, -1:]) * float(bundle)
    start_s = edges_s[period] + rng.random(period.shape) * lengths_s[period]
    drawn = _bootstrap(rng, len(programme.runs), period.shape)

    def draw(values: list[float | None]) -> Floats | None:
        known = [value for value in values if value is not None]
        if not known:
            return None
        mean = sum(known) / len(known)
        return np.array([mean if value is None else value for value in values])[drawn] * runs

    stored = draw([run.stored_bytes for run in programme.runs])
    end_s = start_s + np.array([run.duration_s for run in programme.runs])[drawn]
    return Occupancy(
        start_s=start_s,
        end_s=end_s,
        runs=runs,
        accelerators=draw([run.num_accelerators for run in programme.runs]),
        network_bytes=draw([run.network_bytes for run in programme.runs]),
        cost_usd=draw([run.cost_usd for run in programme.runs]),
        stored_bytes=None
        if stored is None
        else np.stack([(stored * (end_s <= week_end_s)).sum(axis=1) for week_end_s in block.bounds_s[1:]], axis=1),
    )
