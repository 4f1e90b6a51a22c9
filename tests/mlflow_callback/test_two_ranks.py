"""Two real processes that train together on a CPU are one run of two devices."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from planner.domain.training_run import TrainingRun

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
PROGRAM = Path(__file__).with_name("train_on_two_ranks.py")
LAUNCHER = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def test_two_processes_of_one_training_are_one_run(
    library: Callable[[str], Any], store: Path, ingest: Callable[[], list[TrainingRun]]
) -> None:
    for name in ("torch", "transformers", "accelerate"):
        library(name)
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": root, "OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run([*LAUNCHER, PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]

    runs = ingest()
    assert len(runs) == 2
    trainer = next(run for run in runs if run.dialect.startswith("hf_trainer"))
    own = next(run for run in runs if run is not trainer)
    for run, accumulation, steps in ((trainer, 2, 6), (own, 1, 3)):
        config, actual = run.config, run.actual
        assert (run.problem, run.status) == (None, "FINISHED")
        assert config.cluster is not None
        assert (config.cluster.accelerator.kind, config.cluster.count, config.data_parallel) == ("cpu", 2, 2)
        assert (config.micro_batch_size, config.gradient_accumulation_steps, config.seq_len) == (2, accumulation, 32)
        assert (actual.steps, actual.tokens) == (steps, steps * 2 * 2 * accumulation * 32)
        assert actual.host_peak_bytes is not None
        assert actual.host_peak_bytes > 2e8
        assert run.origins["cluster"].kind == "logged"
