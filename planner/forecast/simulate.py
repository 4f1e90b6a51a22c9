"""Joint Monte Carlo of planned updates: what runs share is drawn once, so that totals are as uncertain as they are.

The log of a run's duration is the estimate's, with its variance in three parts: drawn once for all programmes
(``COMMON_VARIANCE_RATIO``), once for the update (``shared_variance_ratio``), and for each run. Independent runs would
average out what is wrong with all of them alike, and a band of their total would be too narrow.
"""

import math

import numpy as np

from planner.domain.estimate import Estimate
from planner.forecast.block import Block
from planner.forecast.demand import ExpectedUpdate
from planner.forecast.footprint import cost_usd, network_bytes, stored_bytes
from planner.forecast.normal_score import at_normal_score
from planner.forecast.occupancy import Floats, Occupancy

COMMON_VARIANCE_RATIO = 0.05
"""Part of a run's log variance that all programmes share: a driver, a slow file system. A judgement."""
LEAST_SHARED_VARIANCE_RATIO = 0.1
"""Part that the runs of one update share even after many runs: the next dataset is not like the last. A judgement."""
BETWEEN_TO_WITHIN_VARIANCE = 7.0
"""Variance of log(actual / estimate) between programmes over that within one: .16 to .023 in runs with effects of
accelerator, model, framework and dataset of SD .25, .2, .15 and .15, an interaction of .1 and noise of .15."""
MOST_FAILED_ATTEMPTS = 5
"""Then somebody repairs it, and the next attempt succeeds."""
NEVER = 1e-6
"""Extra updates that are expected this seldom are not simulated."""
MOST_LOG_GROWTH = math.log(1e6)
"""Bound of a sample's growth over the horizon: beyond it the plan is refused."""
MOST_BUNDLES = 16
"""An update of more runs is simulated as so many bundles of equal runs."""


def num_intervals(update: ExpectedUpdate) -> int:
    """Intervals simulated in each sample: what memory and time grow with."""
    return len(update.slots) * (1 + _most_extra(update)) * min(update.runs_per_update, MOST_BUNDLES)


def shared_variance_ratio(estimate: Estimate) -> float:
    """Part of the log variance of a run's duration that all runs of its update share.

    With between-to-within variance r and n past runs of the experiment behind the calibration, the predictive variance
    is within x (1 + r / (1 + n r)), and its second term is shared (normal model with known variances: Gelman et al.,
    Bayesian Data Analysis, 3rd edition, section 2.5).
    """
    own_runs = [
        correction.num_runs
        for correction in estimate.provenance.corrections
        if correction.resource in ("duration_s", "tokens_per_s_per_accelerator")
        and "experiment=" in correction.group
        and "experiment=unknown" not in correction.group
    ]
    r = BETWEEN_TO_WITHIN_VARIANCE
    return max(LEAST_SHARED_VARIANCE_RATIO, r / (1 + (max(own_runs, default=0) + 1) * r))


def simulate_update(update: ExpectedUpdate, block: Block) -> Occupancy:
    """Whether and when each slot happens, how often its runs fail, and what they take.

    Arrays inside are bundles x updates x samples: a run more leaves the draws of the others as they were.
    """
    estimate, cadence = update.estimate, update.cadence
    shared = block.generator(update.name, "shared")
    skip, extra, failure = cadence.skip_probability, cadence.extra_updates_ratio, cadence.failure_probability
    skip_probability = shared.beta(skip.alpha, skip.beta, block.num_samples)
    extra_ratio = shared.gamma(extra.shape, 1 / extra.rate, block.num_samples)
    failure_probability = shared.beta(failure.alpha, failure.beta, block.num_samples)
    duration_z, cost_z, storage_z, network_z, growth_z = shared.standard_normal((5, block.num_samples))

    start_s, happens, age = _starts(update, skip_probability, extra_ratio, block)
    log_growth = update.growth_log_per_slot.mean + update.growth_log_per_slot.sd * growth_z
    growth = np.exp(np.minimum(age[:, None] * log_growth, MOST_LOG_GROWTH))
    sizes = _bundle_sizes(update.runs_per_update)[:, None, None]
    runs = sizes * happens
    z = _run_scores(update, duration_z, runs.shape, block)
    once_s = at_normal_score(estimate.duration_s, z) * _duration_growth(update, growth)
    failed, wasted_ratio = _failures(update.name, failure_probability, runs.shape, block)
    length_s = once_s * (1 + wasted_ratio)
    end_s = start_s + length_s
    traffic = network_bytes(estimate, network_z, runs=runs, failed=failed, wasted_ratio=wasted_ratio, growth=growth)
    cost = cost_usd(estimate, cost_z, runs=runs, length_s=length_s)
    return Occupancy(
        start_s=_rows(np.broadcast_to(start_s, end_s.shape)),
        end_s=_rows(end_s),
        runs=_rows(runs * (1 + failed)),
        accelerators=_rows(runs * float(estimate.num_accelerators)),
        network_bytes=_rows(traffic),
        cost_usd=None if cost is None else _rows(cost),
        stored_bytes=stored_bytes(
            estimate,
            storage_z,
            runs=runs,
            start_s=start_s,
            end_s=end_s,
            growth=growth,
            week_ends_s=block.bounds_s[1:],
            keep_updates=update.keep_checkpoints_of_last_updates,
        ),
    )


def _most_extra(update: ExpectedUpdate) -> int:
    """Extra updates that one slot may have: beyond the mean and four standard deviations none are simulated."""
    extra = update.cadence.extra_updates_ratio
    return math.ceil(extra.mean + 4 * math.sqrt(extra.mean + extra.sd**2)) if extra.mean > NEVER else 0


def _starts(
    update: ExpectedUpdate, skip_probability: Floats, extra_ratio: Floats, block: Block
) -> tuple[Floats, Floats, Floats]:
    """Start times and whether they happen (1 or 0), updates x samples; and the age of each update's dataset in slots.

    A slot that is not skipped has one update and a Poisson number of extra ones; they divide the time to the next slot
    evenly.
    """
    slots_s = np.array([slot.timestamp() - block.as_of.timestamp() for slot in update.slots])
    gaps_s = np.maximum(np.diff(slots_s, append=block.bounds_s[-1]), 0.0)
    rng = block.generator(update.name, "slots")
    shape, most = (len(slots_s), block.num_samples), _most_extra(update)
    is_used = rng.random(shape) >= skip_probability
    counts = is_used * (1.0 + np.minimum(block.generator(update.name, "extra").poisson(extra_ratio, shape), most))
    repeat = np.arange(1 + most)[:, None]
    share = repeat / np.maximum(counts, 1.0)[:, None, :]
    points_s = np.array(update.cadence.slip_points_s)
    slips_s = points_s[block.generator(update.name, "slips").integers(points_s.size, size=shape)]
    start_s = (slots_s[:, None] + slips_s)[:, None, :] + share * gaps_s[:, None, None]
    happens = (repeat < counts[:, None, :]).astype(float)
    flat = (len(slots_s) * len(repeat), block.num_samples)
    return start_s.reshape(flat), happens.reshape(flat), np.repeat(np.arange(len(slots_s)), len(repeat)).astype(float)


def _run_scores(update: ExpectedUpdate, duration_z: Floats, shape: tuple[int, ...], block: Block) -> Floats:
    """Standard normal scores of the runs' durations, with the shared parts of the variance in common."""
    common_z = block.generator("common").standard_normal(block.num_samples)
    own_z = block.generator(update.name, "durations").standard_normal(shape)
    shared_ratio = (1 - COMMON_VARIANCE_RATIO) * shared_variance_ratio(update.estimate)
    own_ratio = 1 - COMMON_VARIANCE_RATIO - shared_ratio
    common = math.sqrt(COMMON_VARIANCE_RATIO) * common_z + math.sqrt(shared_ratio) * duration_z
    return np.asarray(common + math.sqrt(own_ratio) * own_z)


def _bundle_sizes(runs_per_update: int) -> Floats:
    bundles = min(runs_per_update, MOST_BUNDLES)
    return np.array([len(range(bundle, runs_per_update, bundles)) for bundle in range(bundles)], dtype=float)


def _duration_growth(update: ExpectedUpdate, growth: Floats) -> Floats | float:
    """Factor on the duration: training grows with the dataset, start-up does not."""
    estimate = update.estimate
    if not update.length_follows_dataset or estimate.duration_s.p50 <= 0:
        return 1.0
    start_up_ratio = min(1.0, estimate.start_up_s.p50 / estimate.duration_s.p50)
    return start_up_ratio + (1 - start_up_ratio) * growth


def _failures(name: str, failure_probability: Floats, shape: tuple[int, ...], block: Block) -> tuple[Floats, Floats]:
    """Failed attempts before the one that succeeds, and the time they waste in lengths of a run.

    An attempt fails at any point of the run alike, and the next one starts at once from the beginning.
    """
    failed, wasted_ratio, fails = np.zeros(shape), np.zeros(shape), np.ones(shape, dtype=bool)
    for attempt in range(MOST_FAILED_ATTEMPTS):
        rng = block.generator(name, "attempt", str(attempt))
        chance, point = np.moveaxis(rng.random((shape[0], 2, *shape[1:])), 1, 0)
        fails &= chance < failure_probability
        if not fails.any():
            break
        failed += fails
        wasted_ratio += fails * point
    return failed, wasted_ratio


def _rows(by_sample: Floats) -> Floats:
    """Bundles x updates x samples to samples x intervals."""
    return np.ascontiguousarray(by_sample.reshape(-1, by_sample.shape[-1]).T)
