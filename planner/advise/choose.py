"""Of all candidates those that may be worth an estimate of their own, and what the others break."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planner.advise.candidate import Candidate, candidate_of, describe
from planner.advise.pareto import front
from planner.advise.request import Request
from planner.advise.sizes import Sizes
from planner.advise.structures import Structure
from planner.domain.accelerator import Cluster
from planner.domain.run_config import RunConfig
from planner.units import format_duration, format_usd


class Block(NamedTuple):
    """Figures of all candidates of one structure."""

    structure: Structure
    place: NDArray[np.intp]
    """Of the cluster."""
    size: NDArray[np.intp]
    """Of the size."""
    fits: NDArray[np.float64]
    duration_s: NDArray[np.float64]
    cost_usd: NDArray[np.float64]


class Pool:
    """All candidates side by side."""

    def __init__(self, config: RunConfig, clusters: Sequence[Cluster], found: Sizes, blocks: Sequence[Block]) -> None:
        self._config, self._clusters, self._sizes, self._blocks = config, clusters, found.columns.tolist(), blocks
        self._block = np.repeat(np.arange(len(blocks)), [len(block.fits) for block in blocks])
        self._place = np.concatenate([block.place for block in blocks])
        self._size = np.concatenate([block.size for block in blocks])
        self.fits = np.concatenate([block.fits for block in blocks])
        self.duration_s = np.concatenate([block.duration_s for block in blocks])
        self.cost_usd = np.concatenate([block.cost_usd for block in blocks])
        self.departures = np.array([len(block.structure.departures) for block in blocks])[self._block]
        self.variant = self._place * (1 + int(self.departures.max())) + self.departures
        """Numbers hardware and departures together."""

    def __getitem__(self, which: int) -> Candidate:
        structure = self._blocks[self._block[which]].structure
        return candidate_of(self._config, structure, self._clusters[self._place[which]], self._sizes[self._size[which]])

    def front(self, chosen: NDArray[np.intp]) -> NDArray[np.intp]:
        """Those of the chosen ones that no other of them dominates."""
        return chosen[front(self.departures[chosen], self.cost_usd[chosen], self.duration_s[chosen], self.fits[chosen])]


def count_rejected(pool: Pool, request: Request, rejected: Counter[str], examples: dict[str, str]) -> None:
    """Adds what breaks a limit, each candidate under its first, with the one that came nearest as example."""
    longest, dearest = request.deadline_s or np.inf, request.budget_usd or np.inf
    out = np.zeros(len(pool.fits), dtype=bool)
    for reason, is_broken, distance in (
        ("memory", pool.fits < request.min_fits_probability, -pool.fits),
        ("deadline", pool.duration_s > longest, pool.duration_s),
        ("budget", pool.cost_usd > dearest, pool.cost_usd),
    ):
        newly = np.flatnonzero(is_broken & ~out)
        out |= is_broken
        if newly.size:
            rejected[reason] += len(newly)
            which = int(newly[np.argmin(distance[newly])])
            says = {
                "memory": f"fits with probability {pool.fits[which]:.1%}",
                "deadline": f"takes {format_duration(float(pool.duration_s[which]))}",
                "budget": f"costs {format_usd(float(pool.cost_usd[which]))}",
            }[reason]
            examples[reason] = f"the nearest, {describe(pool[which].config)}, {says}"


def choose(pool: Pool, min_fits_probability: float, *, is_final: bool) -> tuple[Candidate, ...]:
    """The front; where figures are still to be corrected, the fronts of each hardware and variant apart.

    Corrections move the limit of memory too: then the front of what is half as likely to fit is looked at as well.
    """
    wanted: set[int] = set()
    for least in (min_fits_probability,) if is_final else (min_fits_probability, 0.5 * min_fits_probability):
        holding = np.flatnonzero(pool.fits >= least)
        groups = np.zeros(len(holding), dtype=int) if is_final else pool.variant[holding]
        for group in np.unique(groups):
            wanted.update(pool.front(holding[groups == group]).tolist())
    return tuple(pool[which] for which in sorted(wanted))
