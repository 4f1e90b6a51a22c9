"""Which options no other beats."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def front(departures: NDArray[np.int64], cost_usd: Numbers, duration_s: Numbers, fits: Numbers) -> NDArray[np.intp]:
    """Places of the options that no other dominates, cheapest first.

    One option dominates another that costs and takes no less, changes no fewer of the things that decide what is
    learnt (``departures``), and is worse in one of the three. Of equal options the likeliest to fit stays.
    """
    kept: list[NDArray[np.intp]] = []
    order = np.lexsort((-fits, departures, duration_s, cost_usd))
    for level in np.unique(departures):
        rivals = order[departures[order] <= level]
        times = duration_s[rivals]
        best_before = np.concatenate(([np.inf], np.minimum.accumulate(times)[:-1]))
        winners = rivals[times < best_before]
        kept.append(winners[departures[winners] == level])
    if not kept:
        return np.zeros(0, dtype=np.intp)
    chosen = np.concatenate(kept)
    return chosen[np.lexsort((duration_s[chosen], cost_usd[chosen]))]
