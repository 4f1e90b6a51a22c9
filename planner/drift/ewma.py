"""Exponentially weighted moving average: the smooth line of a drift's picture. Alarms come from the CUSUM alone."""

import math

import numpy as np

from planner.calibration.robust import Floats

WEIGHT = 0.2
WIDTH = 2.86
"""With this weight and width the chart alarms as seldom as a CUSUM with k = .5, h = 4.8 (Lucas and Saccucci 1990)."""


def ewma(values: Floats) -> Floats:
    """E_t = (1 - w) E_(t-1) + w x_t from E_0 = 0 (Roberts 1959)."""
    level, found = 0.0, np.empty(values.size)
    for index, value in enumerate(values):
        level += WEIGHT * (float(value) - level)
        found[index] = level
    return found


def band(sd: float) -> float:
    """Half the width within which the average stays while all is in control, in the unit of ``sd``, once settled."""
    return WIDTH * sd * math.sqrt(WEIGHT / (2 - WEIGHT))
