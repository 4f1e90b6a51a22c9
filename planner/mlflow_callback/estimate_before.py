"""The estimate that goes into the run before it trains."""

from datetime import UTC, datetime
from pathlib import Path

from planner.domain.run_config import RunConfig
from planner.domain.told_estimate import ToldEstimate
from planner.errors import PlannerError
from planner.mlflow_callback.harmless import log


def estimate_before(config: RunConfig, config_path: Path) -> ToldEstimate | None:
    """What is expected of the run, with what was learnt where a snapshot is at hand; None where nothing can be said.

    ``config_path`` is the programme file as for ``foretune estimate``; without it the physics alone speaks.
    """
    from planner.cli.session import open_session

    try:
        session = open_session(config_path)
        priced = session.programme.at_own_price(config) if session.programme else config
        return ToldEstimate.of(session.estimate(priced), datetime.now(UTC))
    except PlannerError as error:
        log.warning(f"no estimate of this run: {error}")
        return None
