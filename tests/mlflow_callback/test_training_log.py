"""The context manager, which needs MLflow alone: in a real store, read back by foretune's own reader."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from planner.calibration.compare import compare
from planner.calibration.fit import fit
from planner.calibration.told import Told, told_predictions
from planner.calibration.versions import judge
from planner.catalog.load import load_catalog
from planner.domain.training_run import TrainingRun
from planner.errors import MissingExtraError
from planner.estimator.constants import PRIOR
from planner.mlflow_callback import log_training
from planner.mlflow_callback.training_log import cause_of
from planner.settings import read_settings
from planner.warehouse.build import build
from planner.warehouse.connection import connect
from planner.warehouse.registry import store as save
from planner.warehouse.snapshot import publish

Ingest = Callable[[], list[TrainingRun]]
CONFIG = {
    "model": "llama-3.1-8b", "method": "lora", "lora": {"rank": 16, "targets": "attn_all"}, "precision": "bf16",
    "seq_len": 512, "batching": "packed", "micro_batch_size": 2, "gradient_accumulation_steps": 4, "max_steps": 10,
    "base_quantization": "none", "attention": "sdpa", "loss": "full_logits", "activation_checkpointing": "none",
    "cluster": {"accelerator": "a100-sxm-80gb", "count": 2}, "parallelism": {"zero_stage": 3}, "framework": "own",
}  # fmt: skip


def test_a_training_of_ones_own_says_everything(store: Path, ingest: Ingest, tmp_path: Path) -> None:
    dataset = [{"input_ids": [1] * 512}] * 20
    with log_training(CONFIG, dataset=dataset) as training:
        training.start()
        for step in range(10):
            training.step(tokens=2 * 4 * 512 * 2)
            if step == 4:
                with training.evaluating():
                    pass
                with training.saving(tmp_path / "step-5"):
                    (tmp_path / "step-5").mkdir()
                    (tmp_path / "step-5" / "weights").write_bytes(b"x" * 1000)
        training.say(evaluation_tokens=100)
    (run,) = ingest()
    assert (run.problem, run.dialect, run.status) == (None, "planner", "FINISHED")
    assert run.config.model is not None
    assert (run.config.model.name, run.config.seq_len) == ("llama-3.1-8b", 512)
    assert run.config.cluster is not None
    assert (run.config.cluster.accelerator.slug, run.config.cluster.count) == ("a100-sxm-80gb", 2)
    assert run.config.dataset is not None
    assert run.config.dataset.tokens == 20 * 512
    assert run.config.evaluation is not None
    assert run.config.evaluation.tokens == 100
    assert (run.actual.steps, run.actual.tokens) == (10, 10 * 8192)
    assert (run.actual.num_checkpoints, run.actual.checkpoint_bytes) == (1, 1000)
    assert run.told is not None
    assert run.told.resources["peak_device_bytes"].p10 > 1e9
    told = told_predictions(compare([run], load_catalog().prices).cases, [Told("callback", run.told, run.run_id)])
    assert {row.resource for row in told} >= {"duration_s", "checkpoint_bytes"}
    assert {run.origins[field].kind for field in ("method", "lora.rank", "cluster", "seq_len", "dataset")} == {"logged"}


def test_the_estimate_takes_what_was_learnt_and_names_its_version(store: Path, ingest: Ingest, tmp_path: Path) -> None:
    programme = tmp_path / "team" / "foretune.yaml"
    programme.parent.mkdir()
    programme.write_text("name: team\nsources: [{tracking_uri: 'sqlite:///mlflow.db'}]\n")
    as_of = datetime(2026, 3, 2, tzinfo=UTC)
    learnt = fit([], as_of=as_of, prior=PRIOR)
    settings = read_settings({}, programme)
    with connect(settings.warehouse_path) as db:
        save(db, "calibrations", [learnt])
        save(db, "promotions", [judge(learnt, None, [])])
        build(db, time_zone="UTC", as_of=as_of)
        publish(db, settings.snapshot_path)
    with log_training(CONFIG, config_path=programme):
        pass
    (run,) = ingest()
    assert run.told is not None
    assert run.told.calibration_id == learnt.calibration_id
    assert run.told.config_hash == run.config.config_hash


def test_the_active_run_is_used_and_left_open(store: Path) -> None:
    import mlflow

    with mlflow.start_run() as active:
        with log_training(CONFIG, config_path=None):
            pass
        current = mlflow.active_run()
        assert current is not None
        assert current.info.run_id == active.info.run_id
        assert "planner.run_config" in mlflow.get_run(active.info.run_id).data.params


def out_of_memory() -> None:
    with log_training(CONFIG) as training:
        training.step()
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")


def test_a_training_out_of_memory_stays_as_one(store: Path, ingest: Ingest) -> None:
    with pytest.raises(RuntimeError, match="out of memory"):
        out_of_memory()
    (run,) = ingest()
    assert (run.status, run.failure, run.actual.steps) == ("FAILED", "oom", 1)
    assert run.actual.peak_exceeds_bytes == pytest.approx(80 * 2**30)


def test_what_cannot_be_used_is_a_warning(store: Path, caplog: pytest.LogCaptureFixture, ingest: Ingest) -> None:
    with log_training(
        {**CONFIG, "method": "full", "cluster": {"accelerator": "x900"}, "optimizer": "magic"}
    ) as training:
        training.step(tokens=10)
    assert "method full trains all weights" in caplog.text
    (run,) = ingest()
    assert run.status == "FINISHED"


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (None, None), (KeyboardInterrupt(), "cancelled"), (MemoryError(), "oom"), (ValueError("no"), "crashed"),
        (RuntimeError("HIP out of memory"), "oom"), (type("OutOfMemoryError", (RuntimeError,), {})(), "oom"),
    ],
)  # fmt: skip
def test_the_exception_tells_the_cause(error: BaseException | None, cause: str | None) -> None:
    assert cause_of(error) == cause


def test_importing_needs_neither_torch_nor_transformers_nor_mlflow() -> None:
    script = (
        "import sys\nimport planner.mlflow_callback\n"
        "print({'torch', 'transformers', 'mlflow', 'pandas', 'duckdb'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import planner.mlflow_callback

    monkeypatch.delitem(sys.modules, "planner.mlflow_callback.trainer_callback", raising=False)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"needs transformers: pip install 'foretune\[callback\]'"):
        _ = planner.mlflow_callback.PlannerCallback


def test_mlflow_is_asked_for_before_a_training_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtraError, match="mlflow is not installed"):
        log_training(CONFIG).__enter__()


def test_other_names_are_not_there() -> None:
    import planner.mlflow_callback

    with pytest.raises(AttributeError, match="no attribute"):
        _ = planner.mlflow_callback.nothing
