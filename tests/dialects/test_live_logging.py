"""Runs the libraries' own logging where they are installed, and reads what it logs like the recorded runs."""

import importlib
import importlib.util
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from planner.catalog.load import Catalog
from planner.dialects.interpret import interpret
from planner.domain.training_run import TrainingRun
from tests.dialects.recorded import facts_of

WHAT_TO_INSTALL = "pip install torch transformers peft trl accelerate datasets lightning torchtune torchao"

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
Logged = Callable[[], TrainingRun]


def library(name: str) -> Any:
    """The module; the test is skipped without it, unless FORETUNE_REQUIRE_TORCH asks for what its extras bring."""
    must_be_there = name in ("torch", "transformers") and os.environ.get("FORETUNE_REQUIRE_TORCH")
    if importlib.util.find_spec(name.partition(".")[0]) is None and not must_be_there:
        pytest.skip(f"needs {name}: {WHAT_TO_INSTALL}")
    return importlib.import_module(name)


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store without runs; making one takes seconds, copying it nothing."""
    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    library("mlflow").MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def logged(
    empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalog: Catalog
) -> Iterator[Callable[[], TrainingRun]]:
    """Where libraries log to; gives the only run in it as foretune understands it."""
    mlflow = library("mlflow")
    store = tmp_path / "mlflow.db"
    store.write_bytes(empty_store.read_bytes())
    with closing(sqlite3.connect(store)) as db, db:
        db.execute("update experiments set artifact_location = ?", (str(tmp_path / "artifacts"),))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow.set_tracking_uri(f"sqlite:///{store}")
    yield lambda: interpret(facts_of(_only_run(store), "live"), catalog)
    while mlflow.active_run() is not None:
        mlflow.end_run()


def _only_run(store: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(store)) as db:
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


def tiny_llama() -> Any:
    transformers = library("transformers")
    shape = transformers.LlamaConfig(
        hidden_size=64, intermediate_size=176, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=128,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(shape)


def train(model: Any) -> None:
    torch, transformers = library("torch"), library("transformers")
    rows = [{"input_ids": torch.arange(40) % 128, "labels": torch.arange(40) % 128} for _ in range(32)]
    arguments = transformers.TrainingArguments(
        output_dir="out", report_to="mlflow", per_device_train_batch_size=2, max_steps=8, logging_steps=1, use_cpu=True,
        save_strategy="no", disable_tqdm=True, include_num_input_tokens_seen="all",
    )  # fmt: skip
    transformers.Trainer(model, arguments, train_dataset=rows).train()


def test_the_trainer_of_today_logs_what_is_read(logged: Logged) -> None:
    peft = library("peft")
    adapter = peft.LoraConfig(r=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    model = peft.get_peft_model(tiny_llama(), adapter)
    train(model)
    run = logged()
    trainable = sum(weights.numel() for weights in model.parameters() if weights.requires_grad)
    assert run.problem is None
    assert (run.config.method, run.config.trainable_params, run.config.seq_len) == ("lora", trainable, 40)
    assert (run.config.micro_batch_size, run.config.max_steps, run.actual.steps) == (2, 8, 8)
    assert run.actual.steady_step_time_s is not None


def test_flattened_params_of_the_trainer_say_the_same(logged: Logged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_FLATTEN_PARAMS", "TRUE")
    train(tiny_llama())
    run = logged()
    assert run.problem is None
    assert (run.config.method, run.config.seq_len, run.config.micro_batch_size) == ("full", 40, 2)
    assert run.config.model is not None
    assert (run.config.model.num_layers, run.config.model.num_kv_heads) == (2, 2)


def test_trl_of_today_logs_lengths_and_packing(logged: Logged) -> None:
    library("torch")
    trl, datasets, tokenizers = library("trl"), library("datasets"), library("tokenizers")
    transformers = library("transformers")
    names = dict.fromkeys(("unk_token", "pad_token", "eos_token"), "<pad>")
    words = tokenizers.models.WordLevel({"<pad>": 0}, names["unk_token"])
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizers.Tokenizer(words), **names)
    rows = datasets.Dataset.from_list([{"input_ids": [number % 127 + 1 for number in range(50)]} for _ in range(40)])
    settings = trl.SFTConfig(
        output_dir="out", report_to="mlflow", per_device_train_batch_size=2, max_steps=6, logging_steps=1, use_cpu=True,
        bf16=False, save_strategy="no", disable_tqdm=True, max_length=64, packing=True,
    )  # fmt: skip
    trl.SFTTrainer(tiny_llama(), settings, train_dataset=rows, processing_class=tokenizer).train()
    run = logged()
    assert (run.problem, run.dialect) == (None, "hf_trainer+trl")
    assert (run.config.objective, run.config.batching, run.config.seq_len) == ("sft", "packed", 64)
    assert (run.config.micro_batch_size, run.config.max_steps) == (2, 6)


def test_lightnings_logger_says_what_its_trainer_was_told(logged: Logged) -> None:
    torch = library("torch")
    lightning = library("lightning")
    loggers = library("lightning.pytorch.loggers")
    logger = loggers.MLFlowLogger(experiment_name="Default", tracking_uri=os.environ["MLFLOW_TRACKING_URI"])
    told = {"max_steps": 4, "devices": 1, "num_nodes": 1, "precision": "32-true", "accumulate_grad_batches": 2}
    logger.log_hyperparams({"micro_batch_size": 2, "trainer": told})

    def training_step(self: Any, batch: Any, _index: int) -> Any:
        loss = self.layer(batch).pow(2).mean()
        self.log("train_loss", loss)
        return loss

    methods = {
        "training_step": training_step,
        "configure_optimizers": lambda self: torch.optim.AdamW(self.parameters()),
    }
    module = type("Line", (lightning.LightningModule,), methods)()
    module.layer = torch.nn.Linear(4, 1)
    trainer = lightning.Trainer(
        max_steps=4, accelerator="cpu", devices=1, logger=logger, log_every_n_steps=1, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False,
    )  # fmt: skip
    trainer.fit(module, torch.utils.data.DataLoader(torch.ones(64, 4), batch_size=2))
    run = logged()
    assert run.dialect == "lightning"
    assert (run.config.micro_batch_size, run.config.max_steps) == (2, 4)
    assert run.config.gradient_accumulation_steps == 2
    assert run.problem is not None


def test_torchtunes_logger_says_its_whole_recipe(logged: Logged, tmp_path: Path) -> None:
    library("omegaconf")
    if importlib.util.find_spec("torchtune") is None:
        pytest.skip(f"needs torchtune: {WHAT_TO_INSTALL}")
    recipe = {
        "output_dir": str(tmp_path / "out"),
        "model": {
            "_component_": "torchtune.models.llama3_1.lora_llama3_1_8b", "lora_rank": 16, "lora_alpha": 32,
            "lora_attn_modules": ["q_proj", "v_proj"], "apply_lora_to_mlp": False,
        },
        "tokenizer": {"_component_": "torchtune.models.llama3.llama3_tokenizer", "max_seq_len": 1024},
        "dataset": {"_component_": "torchtune.datasets.alpaca_dataset", "packed": True},
        "optimizer": {"_component_": "torch.optim.AdamW", "fused": True},
        "batch_size": 2, "gradient_accumulation_steps": 8, "epochs": 1, "max_steps_per_epoch": 4, "dtype": "bf16",
        "enable_activation_checkpointing": True, "device": "cpu",
    }  # fmt: skip
    program = Path(__file__).with_name("log_with_torchtune.py")
    done = subprocess.run([sys.executable, program, json.dumps(recipe)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    run = logged()
    assert run.dialect == "torchtune"
    assert run.config.model is not None
    assert run.config.model.name == "llama-3.1-8b"
    assert run.config.lora is not None
    assert (run.config.method, run.config.lora.rank, run.config.lora.targets) == ("lora", 16, ("q_proj", "v_proj"))
    assert (run.config.seq_len, run.config.batching, run.config.micro_batch_size) == (1024, "packed", 2)
    assert (run.config.optimizer, run.config.activation_checkpointing) == ("adamw_fused", "full")
    assert run.actual.peak_allocated_bytes == 3 * 2**30
