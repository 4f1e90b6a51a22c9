"""Runs the libraries' own logging where they are installed, and reads what it logs like the recorded runs."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from planner.catalog.load import Catalog
from planner.dialects.interpret import interpret
from tests.dialects.recorded import facts_of

WHAT_TO_INSTALL = "pip install torch transformers peft accelerate mlflow-skinny sqlalchemy alembic"

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


def library(name: str) -> Any:
    return pytest.importorskip(name, reason=f"needs {name}: {WHAT_TO_INSTALL}")


def logged_run(store: Path) -> dict[str, Any]:
    """The only run of a store."""
    with sqlite3.connect(store) as db:
        run_id, status, start_ms, end_ms = db.execute(
            "select run_uuid, status, start_time, end_time from runs"
        ).fetchone()
        return {
            "status": status,
            "start_ms": start_ms,
            "end_ms": end_ms,
            "params": dict(db.execute("select key, value from params where run_uuid = ?", (run_id,))),
            "tags": dict(db.execute("select key, value from tags where run_uuid = ?", (run_id,))),
            "metrics": db.execute(
                "select key, value, step, timestamp from metrics where run_uuid = ? order by key, timestamp", (run_id,)
            ).fetchall(),
        }


def test_the_trainer_of_today_logs_what_is_read(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch, transformers, peft = library("torch"), library("transformers"), library("peft")
    library("mlflow")
    store = tmp_path / "mlflow.db"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    shape = transformers.LlamaConfig(
        hidden_size=64, intermediate_size=176, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=128,
    )  # fmt: skip
    adapter = peft.LoraConfig(r=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    model = peft.get_peft_model(transformers.LlamaForCausalLM(shape), adapter)
    rows = [{"input_ids": torch.arange(40) % 128, "labels": torch.arange(40) % 128} for _ in range(32)]
    arguments = transformers.TrainingArguments(
        output_dir="out", report_to="mlflow", per_device_train_batch_size=2, max_steps=8, logging_steps=1, use_cpu=True,
        save_strategy="no", disable_tqdm=True, include_num_input_tokens_seen="all",
    )  # fmt: skip
    transformers.Trainer(model, arguments, train_dataset=rows).train()

    run = interpret(facts_of(logged_run(store), "live"), catalog)
    trainable = sum(weights.numel() for weights in model.parameters() if weights.requires_grad)
    assert run.problem is None
    assert (run.config.method, run.config.trainable_params, run.config.seq_len) == ("lora", trainable, 40)
    assert (run.config.micro_batch_size, run.config.max_steps, run.actual.steps) == (2, 8, 8)
    assert run.actual.steady_step_time_s is not None
