"""Estimates every candidate at once and keeps those that may be worth an estimate of their own."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planner.advise.candidate import Candidate
from planner.advise.choose import Block, Pool, choose, count_rejected
from planner.advise.request import Request
from planner.advise.sizes import FIELDS, Sizes, sizes
from planner.advise.structures import Structure, structures
from planner.domain.accelerator import Cluster
from planner.domain.price_book import PriceBook
from planner.domain.run_config import RunConfig
from planner.estimator.cost import accelerator_quote
from planner.estimator.hardware import Hardware
from planner.estimator.sweep import sweep_columns
from planner.estimator.throughput_constants import THROUGHPUT

NETWORK = "cluster.inter_node_bytes_per_s_per_accelerator"


class Found(NamedTuple):
    """Candidates worth an estimate, how many there were, and why the others are out."""

    candidates: tuple[Candidate, ...]
    num_estimated: int
    rejected: Counter[str]
    examples: dict[str, str]


def search(
    config: RunConfig,
    clusters: Sequence[Cluster],
    prices: PriceBook | None,
    on: date | None,
    request: Request,
    *,
    is_final: bool,
) -> Found:
    """Candidates that fit and that no other beats.

    Where corrections by past runs are still to come (``is_final`` false), none that is on the front of its own
    hardware and variant is left out: corrections differ mostly between those. Deadline and budget only count what they
    exclude; they are applied to the final figures.
    """
    rejected, examples = Counter[str](), dict[str, str]()
    priced = []
    for cluster in clusters:
        quote = accelerator_quote(cluster, prices, on)
        if quote.usd is None:
            rejected["no price"] += 1
            examples.setdefault("no price", quote.note)
        else:
            priced.append(cluster)
    blocks: list[Block] = []
    variants = list(structures(config, request.keep))
    per_node = max((cluster.accelerator.accelerators_per_node for cluster in priced), default=1)
    base = config if config.cluster is not None else config.model_copy(update={"cluster": clusters[0]})
    found = sizes(base, request, per_node)
    rejected["no price"] *= len(variants) * len(found.columns)
    rejected.update({reason: n * len(variants) * len(priced) for reason, n in found.impossible.items()})
    if found.example:
        examples["impossible parallelism"] = found.example
    for structure in variants:
        fitting = [cluster for cluster in priced if structure.runs_on(cluster.accelerator)]
        if not structure.only_without_bf16 and not structure.departures and len(fitting) < len(priced):
            missing = next(cluster for cluster in priced if cluster not in fitting)
            rejected["unsupported precision"] += (len(priced) - len(fitting)) * len(found.columns)
            precision = structure.config.precision
            examples.setdefault(
                "unsupported precision",
                f"{missing.accelerator.slug} has no {precision.compute_dtype if precision else 'such precision'}",
            )
        if fitting and len(found.columns):
            block = _estimated(structure, fitting, found, prices, on)
            if block is not None:
                blocks.append(block._replace(place=_places(fitting, priced)[block.place]))
    if not blocks:
        return Found((), 0, +rejected, examples)
    pool = Pool(config, priced, found, blocks)
    count_rejected(pool, request, rejected, examples)
    candidates = choose(pool, request.min_fits_probability, is_final=is_final)
    return Found(candidates, len(pool.fits), +rejected, examples)


def _places(some: Sequence[Cluster], every: Sequence[Cluster]) -> NDArray[np.intp]:
    numbers = {id(cluster): number for number, cluster in enumerate(every)}
    return np.array([numbers[id(cluster)] for cluster in some], dtype=np.intp)


def _estimated(
    structure: Structure, clusters: Sequence[Cluster], found: Sizes, prices: PriceBook | None, on: date | None
) -> Block | None:
    """All sizes on all hardware that can hold them: what ZeRO divides needs ranks, tensor parallelism a node."""
    count = len(found.columns)
    place, size = np.repeat(np.arange(len(clusters)), count), np.tile(np.arange(count), len(clusters))
    stage = structure.config.parallelism.zero_stage
    per_node = np.array([cluster.accelerator.accelerators_per_node for cluster in clusters])
    useful = found.columns[size, FIELDS.index("parallelism.tp")] <= per_node[place]
    if stage and "parallelism.zero_stage" in structure.settings:
        useful &= found.data_parallel[size] > 1
    if not useful.any():
        return None
    place, size = place[useful], size[useful]
    columns: dict[str, NDArray[np.float64] | Hardware] = {
        name: found.columns[size, number].astype(float) for number, name in enumerate(FIELDS)
    }
    network = [
        cluster.inter_node_bytes_per_s_per_accelerator or THROUGHPUT.default_inter_node_bytes_per_s
        for cluster in clusters
    ]
    columns[NETWORK] = np.array(network)[place]
    columns["cluster.accelerator"] = Hardware(clusters, place)
    config = structure.config.model_copy(
        update={"cluster": clusters[0], "parallelism": _divided(structure.config).parallelism}
    )
    swept = sweep_columns(config, columns, prices, on)
    return Block(structure, place, size, swept.fits_probability, swept.duration_s[1], swept.cost_usd[1])


def _divided(config: RunConfig) -> RunConfig:
    """Sequence parallelism beside tensor parallelism, unless the run says otherwise."""
    if config.parallelism.sequence_parallel is not None:
        return config
    parallelism = config.parallelism.model_copy(update={"sequence_parallel": True})
    return config.model_copy(update={"parallelism": parallelism})
