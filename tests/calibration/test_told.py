from datetime import UTC, datetime, timedelta

import pytest

from planner.calibration.compare import compare
from planner.calibration.told import Told, told_predictions
from planner.catalog.load import load_catalog
from planner.domain.run_config import RunConfig
from planner.domain.told_estimate import ToldEstimate
from planner.domain.training_run import Actual, TrainingRun
from planner.estimator.estimate_run import estimate_run

CATALOG = load_catalog()
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
CONFIG = RunConfig.model_validate(
    {
        "model": "llama-3.2-1b", "method": "full", "precision": "bf16", "seq_len": 512, "batching": "packed",
        "micro_batch_size": 1, "max_steps": 500, "activation_checkpointing": "none", "attention": "sdpa",
        "loss": "full_logits", "cluster": {"accelerator": "a100-sxm-80gb"},
    },
    context={"catalog": CATALOG},
)  # fmt: skip
ESTIMATE = estimate_run(CONFIG)
RUN = TrainingRun(
    run_id="r", source="s", experiment="e", name="n", status="FINISHED", started_at=START,
    ended_at=START + timedelta(hours=1), dialect="planner", config=CONFIG, actual=Actual(duration_s=3600), origins={},
)  # fmt: skip


def told_at(moment: datetime, run_id: str | None, *, config_hash: str = CONFIG.config_hash) -> Told:
    estimate = ToldEstimate.of(ESTIMATE, moment).model_copy(update={"config_hash": config_hash})
    return Told("gate" if run_id is None else "callback", estimate, run_id)


def test_a_short_estimate_says_the_same_as_the_whole() -> None:
    short = ToldEstimate.of(ESTIMATE, START)
    assert short.quantiles("duration_s") == ESTIMATE.duration_s
    assert short.quantiles("peak_device_bytes") == ESTIMATE.memory.peak_device_bytes
    assert ToldEstimate.model_validate_json(short.model_dump_json()) == short


@pytest.mark.parametrize(
    ("told", "origins"),
    [
        (told_at(START - timedelta(days=1), None), ["gate"]),
        (told_at(START - timedelta(days=8), None), []),
        (told_at(START + timedelta(seconds=5), None), []),
        (told_at(START + timedelta(seconds=5), "r", config_hash="another"), ["callback"]),
        (told_at(START + timedelta(seconds=5), "q"), []),
        (told_at(START + timedelta(hours=2), "r"), []),
    ],
)
def test_an_estimate_meets_its_run_by_id_or_by_configuration_and_time(told: Told, origins: list[str]) -> None:
    """What a run logged about itself once it was over is no estimate."""
    found = told_predictions(compare([RUN], CATALOG.prices).cases, [told])
    assert [row.origin for row in found if row.resource == "duration_s"] == origins
