"""Flow: what the automation runs when a drift opens: a fresh calibration, and the snapshot that the gate reads."""

from datetime import UTC, datetime
from pathlib import Path

from prefect import flow

from flows.context import open_context
from flows.log import log
from flows.one_at_a_time import one_at_a_time
from flows.publish_report import publish_report
from flows.recalibrate import recalibrate

WEEKLY_JOB_LIMIT_S = 3600.0


@flow(name="recalibrate-on-drift")
def recalibrate_on_drift(config_path: Path = Path("foretune.yaml"), drift_id: str = "") -> str:
    """Id of the calibration. Waits for the weekly job that found the drift to end."""
    with one_at_a_time(open_context(config_path).settings.home, patience_s=WEEKLY_JOB_LIMIT_S):
        moment = datetime.now(UTC).replace(microsecond=0)
        calibration_id = recalibrate(config_path, moment)
        publish_report(config_path, moment, calibration_id)
    log.info(f"recalibrated because of drift {drift_id or 'unknown'}: calibration {calibration_id}")
    return calibration_id
