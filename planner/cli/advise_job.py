"""Advice from what a session holds: catalog, prices, fleet and calibration."""

from collections.abc import Sequence

from planner.advise.advice import Advice, advise
from planner.advise.offers import offers
from planner.advise.request import Request
from planner.cli.session import Session
from planner.domain.accelerator import Accelerator
from planner.domain.run_config import RunConfig
from planner.errors import ConfigError


def advise_run(
    session: Session, config: RunConfig, request: Request, names: Sequence[str], *, calibrated: bool
) -> Advice:
    """Advice on a run; ``names`` of accelerators narrow the hardware, at the fleet's prices where it has them."""
    at_own_price = session.programme.at_own_price if session.programme else lambda run: run
    clusters = offers(config, _hardware(session, config, request, names), at_own_price)
    if names:
        wanted = {name.strip().lower() for name in names}
        clusters = tuple(cluster for cluster in clusters if cluster.accelerator.slug in wanted)
    if not clusters:
        raise ConfigError(
            f"--accelerator {' '.join(names):.200}: the run's software does not move there from "
            f"{config.cluster.accelerator.slug if config.cluster else 'a GPU'}: name hardware of the same kind"
        )
    return advise(
        config,
        clusters,
        session.catalog.prices,
        session.now.date(),
        request,
        lambda changed: session.estimate(changed, calibrated=calibrated),
        is_calibrated=calibrated and session.calibration is not None,
    )


def _hardware(session: Session, config: RunConfig, request: Request, names: Sequence[str]) -> Sequence[Accelerator]:
    if "hardware" in request.keep and config.cluster is not None:
        return (config.cluster.accelerator,)
    if not names:
        return tuple(session.catalog.accelerators.values())
    found = [session.catalog.find("accelerator", name) for name in names]
    return [accelerator for accelerator in found if isinstance(accelerator, Accelerator)]
