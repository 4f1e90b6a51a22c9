"""Figures of one structure: its alternatives, spanned, and their cost, as ``estimate_run`` does for one run."""

from collections.abc import Sequence
from datetime import date
from typing import cast

import numpy as np

from planner.domain.price_book import PriceBook
from planner.domain.run_config import RunConfig
from planner.estimator.elementwise import larger, smaller
from planner.estimator.physics import Physics, run_physics
from planner.estimator.quantile_mixture import Triple, mix_columns
from planner.estimator.storage import storage_rows, stored_byte_months
from planner.estimator.sweep_cost import cost_columns
from planner.estimator.unknowns import expand
from planner.estimator.workload_of_run import known
from planner.units import HOUR_S


def figures_of(config: RunConfig, length: int, prices: PriceBook | None, on: date | None) -> tuple[float, ...]:
    """A row each for the figures of ``Swept``, of a configuration with ``length`` sizes in its fields."""
    cluster = known(config.cluster, "cluster", "the accelerator decides what fits and how fast it is")
    alternatives, _ = expand(config)
    weights = [alternative.weight for alternative in alternatives]
    found = [run_physics(alternative.config) for alternative in alternatives]

    def spanned(triples: list[Triple]) -> Triple:
        if len(triples) == 1:
            return triples[0]
        return mix_columns(weights, [_broadcast(triple, length) for triple in triples])

    allocated = spanned([physics.allocated_bytes for physics in found])
    reserved = _at_least(allocated, spanned([physics.reserved_bytes for physics in found]))
    device = _at_least(reserved, spanned([physics.device_bytes for physics in found]))
    fits = smaller(sum(w * physics.fits_probability for w, physics in zip(weights, found, strict=True)), 1.0)
    duration = spanned([physics.duration_s for physics in found])
    stored, uploaded = _shown(found, allocated[1], length)
    low, middle, high = (seconds * (cluster.count / HOUR_S) for seconds in duration)
    return (
        *allocated,
        *reserved,
        *device,
        *spanned([physics.host_bytes for physics in found]),
        fits,
        *spanned([physics.tokens_per_s_per_accelerator for physics in found]),
        *spanned([physics.start_up_s for physics in found]),
        *duration,
        *cost_columns(
            cluster,
            prices,
            on,
            length=length,
            accelerator_hours=(low, middle, high),
            stored_byte_months=stored,
            uploaded_bytes=uploaded,
        ),
    )


def _broadcast(triple: Triple, length: int) -> Triple:
    return cast(Triple, tuple(np.broadcast_to(np.asarray(value, dtype=float), length) for value in triple))


def _at_least(held: Triple, holder: Triple) -> Triple:
    return larger(held[0], holder[0]), larger(held[1], holder[1]), larger(held[2], holder[2])


def _shown(found: Sequence[Physics], allocated_bytes: float, length: int) -> tuple[float, float]:
    """Bytes stored (times months) and uploaded of the alternative that ``estimate_run`` shows: the nearest to p50."""
    sizes = [(_stored_byte_months(physics), physics.checkpoint_bytes) for physics in found]
    if len(found) == 1:
        return sizes[0]
    away = [np.broadcast_to(abs(physics.allocated_bytes[1] - allocated_bytes), length) for physics in found]
    nearest = np.argmin(np.stack(away), axis=0)[None]
    stored, uploaded = (
        np.take_along_axis(np.stack([np.broadcast_to(size, length) for size in kind]), nearest, axis=0)[0]
        for kind in zip(*sizes, strict=True)
    )
    return cast(tuple[float, float], (stored, uploaded))


def _stored_byte_months(physics: Physics) -> float:
    config = physics.config
    rows = storage_rows(config, physics.run, steps=physics.steps, train_tokens=physics.train_tokens)
    return stored_byte_months(config, rows)
