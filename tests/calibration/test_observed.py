"""What failed and killed runs say: bounds, never measurements."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from planner.calibration.fit import fit
from planner.calibration.observed import bounds_of
from planner.calibration.residuals import Residual, residuals_of
from planner.calibration.resolve import resolve
from planner.calibration.traits import traits_of
from planner.catalog.load import load_catalog
from planner.domain.calibration import Calibration
from planner.domain.run_config import RunConfig
from planner.domain.training_run import Actual, RunStatus, TrainingRun
from planner.estimator.estimate_run import estimate_run

START = datetime(2026, 3, 2, tzinfo=UTC)
CONFIG = RunConfig.model_validate(
    {
        "model": "llama-3.2-1b", "method": "full", "precision": "bf16", "seq_len": 512, "batching": "packed",
        "micro_batch_size": 4, "max_steps": 100, "activation_checkpointing": "none", "attention": "flash",
        "loss": "full_logits", "optimizer": "adamw", "cluster": {"accelerator": "a100-80gb", "count": 1},
    },
    context={"catalog": load_catalog()},
)  # fmt: skip
ESTIMATE = estimate_run(CONFIG)
GIB = 2**30


def run(status: RunStatus, number: int = 0, failure: str | None = None, **actual: float) -> TrainingRun:
    return TrainingRun.model_validate(
        {
            "run_id": f"{status}-{number}", "source": "store", "experiment": "bot", "name": "r", "status": status,
            "started_at": START + timedelta(hours=number), "ended_at": START + timedelta(hours=number + 1),
            "dialect": "unknown", "config": CONFIG, "actual": Actual(**actual), "failure": failure, "origins": {},
        }
    )  # fmt: skip


def finished(number: int, log_ratio: float) -> tuple[Residual, ...]:
    device = ESTIMATE.memory.peak_device_bytes.p50 * math.exp(log_ratio)
    return residuals_of(run("FINISHED", number, peak_device_bytes=device), ESTIMATE)


def device_bias(calibration: Calibration) -> float:
    (learnt,) = (one for one in calibration.resources if one.resource == "peak_device_bytes")
    return resolve(learnt, traits_of(CONFIG, "bot"), {}).log_bias


def test_a_killed_run_needed_at_least_what_it_used() -> None:
    (memory, time) = bounds_of(run("KILLED", peak_device_bytes=20 * GIB, duration_s=900.0), ESTIMATE)
    assert (memory.resource, time.resource) == ("peak_device_bytes", "duration_s")
    assert memory.is_bound
    assert memory.log_ratio == pytest.approx(math.log(20 * GIB / ESTIMATE.memory.peak_device_bytes.p50))
    assert time.log_ratio == pytest.approx(math.log(900 / ESTIMATE.duration_s.p50))


@pytest.mark.parametrize("held_gib", [None, 40.0])
def test_a_run_out_of_memory_needed_more_than_the_accelerator_has(held_gib: float | None) -> None:
    failed = (
        run("FAILED", failure="oom")
        if held_gib is None
        else run("FAILED", failure="oom", peak_device_bytes=held_gib * GIB)
    )
    (bound,) = bounds_of(failed, ESTIMATE)
    assert bound.log_ratio == pytest.approx(
        math.log(ESTIMATE.memory.usable_bytes / ESTIMATE.memory.peak_device_bytes.p50)
    )


@pytest.mark.parametrize("status", ["FINISHED", "RUNNING"])
def test_only_runs_that_failed_or_were_killed_are_bounds(status: RunStatus) -> None:
    assert bounds_of(run(status, peak_device_bytes=20.0 * GIB), ESTIMATE) == ()
    assert residuals_of(run("KILLED", peak_device_bytes=20.0 * GIB), ESTIMATE) == ()


def test_runs_out_of_memory_raise_what_is_expected_and_short_ones_do_not() -> None:
    history = [row for number in range(4) for row in finished(number, 0.0)]

    def learnt(*ended: TrainingRun) -> Calibration:
        bounds = [bound for one in ended for bound in bounds_of(one, ESTIMATE)]
        return fit(history, as_of=START + timedelta(days=9), prior="p", bounds=bounds)

    without = device_bias(learnt())
    out_of_memory = learnt(*(run("FAILED", 10 + number, failure="oom") for number in range(4)))
    assert device_bias(out_of_memory) > without + 0.01
    (told,) = out_of_memory.resources
    assert (told.num_runs, told.num_bounds) == (4, 4)
    early = learnt(*(run("KILLED", 10 + number, peak_device_bytes=1.0 * GIB) for number in range(4)))
    assert device_bias(early) == pytest.approx(without, abs=0.01)
