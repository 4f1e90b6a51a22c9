"""Interruptions: how often, what they cost, and how often to write checkpoints against them."""

import math
from typing import NamedTuple

from planner.estimator.elementwise import always, exp, expm1, larger, smaller, sqrt, where

MOST_REPEATED_RATIO = 100.0
"""Bound of the loss, in times of the work: beyond it a run is as good as never finished."""


class Interruptions(NamedTuple):
    """What a run may expect."""

    expected: float
    """Number of interruptions."""
    lost_s: float
    """Mean seconds of work done twice, of rescheduling and of starting again."""
    lost_sd_s: float


def interruptions_per_s(
    *, num_accelerators: int, num_nodes: int, failures_per_accelerator_hour: float, per_node_hour: float
) -> float:
    """Rate at which any part of the run stops it: independent parts, so rates add up."""
    return (num_accelerators * failures_per_accelerator_hour + num_nodes * per_node_hour) / 3600.0


def expect_interruptions(
    *, work_s: float, interval_s: float, writing_s: float, restart_s: float, rate_per_s: float
) -> Interruptions:
    """Expected loss of a run of ``work_s`` that writes a checkpoint of ``writing_s`` every ``interval_s`` of work.

    Total = e^(rate x restart) x (e^(rate x (interval + writing)) - 1) / rate for each interval: J. T. Daly, A higher
    order estimate of the optimum checkpoint interval, FGCS 22 (2006), equation 13. The spread takes interruptions as
    Poisson, each losing a uniform part of an interval. The loss is bounded by 100 times the work.
    """
    if always(rate_per_s <= 0.0) or always(work_s <= 0.0):
        return Interruptions(0.0, 0.0, 0.0)
    interval = smaller(interval_s, work_s)
    intervals, most = work_s / interval, MOST_REPEATED_RATIO * work_s
    exponents = (smaller(rate_per_s * part, 300.0) for part in (restart_s, interval + writing_s))
    restarting, stretch = exponents
    total = intervals * exp(restarting) * expm1(stretch) / rate_per_s
    lost = smaller(larger(0.0, total - work_s - intervals * writing_s), most)
    expected = rate_per_s * (work_s + intervals * writing_s + lost)
    lost_square = interval**2 / 3.0 + interval * restart_s + restart_s**2
    return Interruptions(expected, lost, smaller(sqrt(expected * lost_square), most))


def best_interval_s(writing_s: float, rate_per_s: float) -> float:
    """Seconds of work between checkpoints that lose least; infinite where nothing interrupts.

    Daly (2006), equation 37, the higher order of Young's sqrt(2 x writing x mean time between interruptions).
    """
    if always(rate_per_s <= 0.0):
        return math.inf
    between = 1.0 / rate_per_s
    x = writing_s / (2.0 * between)
    higher_order = sqrt(2.0 * writing_s * between) * (1.0 + sqrt(x) / 3.0 + x / 9.0) - writing_s
    return where(writing_s >= 2.0 * between, between, higher_order)
