"""How many values pass before a CUSUM alarms: exact, by a Markov chain."""

import math
from functools import lru_cache

import numpy as np

from planner.calibration.robust import Floats

NUM_STATES = 120
"""Of the chain. Against twice as many the length changes by less than .5 % up to a limit of 12."""


@lru_cache(maxsize=4096)
def average_run_length(h: float, k: float = 0.5, shift: float = 0.0, winsor: float = math.inf) -> float:
    """Mean number of values up to the alarm of a two-sided CUSUM that starts at 0, for normal values of SD 1.

    ``h`` limit, ``k`` reference, ``shift`` mean of the values, ``winsor`` how far out a value counts at most; all in
    SDs. The sides are joined as 1/ARL = 1/ARL_up + 1/ARL_down (Kemp 1961; exact for sums that start at 0), each side
    by the chain of Brook and Evans (1972).
    """
    return 1 / (1 / _one_sided(h, k, shift, winsor) + 1 / _one_sided(h, k, -shift, winsor))


@lru_cache(maxsize=4096)
def alarm_probability(h: float, num_values: int, k: float = 0.5, shift: float = 0.0, winsor: float = math.inf) -> float:
    """Chance that a two-sided CUSUM from 0 alarms within so many values; arguments as in ``average_run_length``.

    The sides are taken as independent, which errs by their product.
    """
    silent = 1.0
    for mean in (shift, -shift):
        chain = _chain(h, k, mean, winsor)
        still = np.ones(len(chain))
        for _ in range(num_values):
            still = chain @ still
        silent *= float(still[0])
    return 1 - silent


def _one_sided(h: float, k: float, shift: float, winsor: float) -> float:
    chain = _chain(h, k, shift, winsor)
    return float(np.linalg.solve(np.eye(len(chain)) - chain, np.ones(len(chain)))[0])


def _chain(h: float, k: float, shift: float, winsor: float) -> Floats:
    """Chances of going from one state below the limit to another: state 0 is the sum 0, the others equal strips."""
    width = 2 * h / (2 * NUM_STATES - 1)
    steps = range(-NUM_STATES, NUM_STATES)
    below = np.array([_distribution((step + 0.5) * width + k, shift, winsor) for step in steps])
    state = np.arange(NUM_STATES)
    chain: Floats = np.diff(below)[state[None, :] - state[:, None] + NUM_STATES - 1]
    chain[:, 0] = below[NUM_STATES - state]
    return chain


def _distribution(value: float, mean: float, winsor: float) -> float:
    """Distribution function of a normal value of SD 1 that is winsorised about 0."""
    if value >= winsor:
        return 1.0
    return 0.0 if value < -winsor else 0.5 * math.erfc((mean - value) / math.sqrt(2))
