"""From candidates to advice: each estimated alone, held against the limits, ordered by the objective."""

import math
from collections.abc import Callable, Sequence
from datetime import date

from planner.advise.candidate import Candidate, describe
from planner.advise.request import Objective, Request
from planner.advise.search import search
from planner.advise.sentences import why
from planner.advise.sizes import effective_batch
from planner.domain import Frozen
from planner.domain.accelerator import Cluster
from planner.domain.estimate import Estimate, Quantiles
from planner.domain.price_book import PriceBook
from planner.domain.run_config import RunConfig
from planner.errors import MissingPriceError


class Option(Frozen):
    """One configuration of the front; figures are those that ``foretune estimate`` gives with these settings."""

    what: str
    settings: tuple[str, ...]
    """``key=value`` for ``--set``; empty: the run as it is."""
    accelerator: str
    num_accelerators: int
    method: str | None
    departures: tuple[str, ...]
    """What is learnt differently from the run that was asked for."""
    fits_probability: float
    peak_device_bytes: Quantiles
    usable_bytes: float
    duration_s: Quantiles
    cost_usd: Quantiles
    bottleneck: str
    why: str


class Rejection(Frozen):
    """Candidates that one thing keeps out."""

    reason: str
    num_candidates: int
    example: str


class Advice(Frozen):
    """The Pareto front of time and cost, best first by the objective, and what is not on it."""

    run_name: str
    request: Request
    effective_batch: int
    """Samples of one optimizer step, the same in every option."""
    asked: Option | None
    """The run as it is; None where its hardware or its price is not known."""
    options: tuple[Option, ...]
    rejected: tuple[Rejection, ...]
    num_candidates: int
    """Estimated ones; impossible ones and those without price only count as rejected."""


def advise(
    config: RunConfig,
    clusters: Sequence[Cluster],
    prices: PriceBook | None,
    on: date | None,
    request: Request,
    estimate: Callable[[RunConfig], Estimate],
    *,
    is_calibrated: bool = False,
) -> Advice:
    """Options that keep the run's effective batch, none dominated by another.

    ``clusters`` are one accelerator each of the hardware looked at. ``estimate`` gives the final figures of one
    configuration; with ``is_calibrated`` they may differ from the physics, and more candidates are looked at. Raises
    ``MissingPriceError`` where no hardware has a price, ``UnknownFieldError`` without an effective batch.
    """
    batch = effective_batch(config)
    found = search(config, clusters, prices, on, request, is_final=not is_calibrated)
    if set(found.rejected) == {"no price"}:
        raise MissingPriceError(f"no hardware has a price, so nothing can be weighed: {found.examples['no price']}")
    options = [_option(candidate, estimate(candidate.config)) for candidate in found.candidates]
    front = undominated([option for option in options if option is not None and _holds(option, request)])
    asked = None if config.cluster is None else _option(Candidate(config, {}, ()), estimate(config))
    return Advice(
        run_name=config.name,
        request=request,
        effective_batch=batch,
        asked=asked,
        options=tuple(
            option.model_copy(update={"why": why(option, front, request)})
            for option in ordered(front, request.objective)
        ),
        rejected=tuple(
            Rejection(reason=reason, num_candidates=count, example=found.examples.get(reason, ""))
            for reason, count in found.rejected.most_common()
        ),
        num_candidates=found.num_estimated,
    )


def _option(candidate: Candidate, estimate: Estimate) -> Option | None:
    """None where the cost is not known."""
    if estimate.cost_usd is None:
        return None
    method = candidate.config.adapter if candidate.config.method == "adapter" else candidate.config.method
    return Option(
        what=describe(candidate.config),
        settings=tuple(f"{key}={value}" for key, value in candidate.settings.items()),
        accelerator=estimate.accelerator,
        num_accelerators=estimate.num_accelerators,
        method=method,
        departures=candidate.departures,
        fits_probability=estimate.memory.fits_probability,
        peak_device_bytes=estimate.memory.peak_device_bytes,
        usable_bytes=estimate.memory.usable_bytes,
        duration_s=estimate.duration_s,
        cost_usd=estimate.cost_usd,
        bottleneck=estimate.bottleneck,
        why="",
    )


def _holds(option: Option, request: Request) -> bool:
    return (
        option.fits_probability >= request.min_fits_probability
        and option.duration_s.p50 <= (request.deadline_s or math.inf)
        and option.cost_usd.p50 <= (request.budget_usd or math.inf)
    )


def undominated(options: Sequence[Option]) -> list[Option]:
    """Options that none of the others beats in median cost and time without learning more differently."""
    kept: list[Option] = []
    for option in sorted(options, key=lambda o: (o.cost_usd.p50, o.duration_s.p50, len(o.departures))):
        if all(
            better.duration_s.p50 > option.duration_s.p50 or len(better.departures) > len(option.departures)
            for better in kept
        ):
            kept.append(option)
    return kept


def ordered(options: Sequence[Option], objective: Objective) -> list[Option]:
    """Best first: cheapest, fastest, or the smallest product of both; what learns differently last."""

    def rank(option: Option) -> tuple[int, float]:
        cost, time = option.cost_usd.p50, option.duration_s.p50
        return len(option.departures), {"cost": cost, "time": time, "balanced": cost * time}[objective]

    return sorted(options, key=rank)
