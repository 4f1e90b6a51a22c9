"""What runs left among their artifacts reaches their interpretation."""

import json
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from flows.ingest_runs import land_files, sync_store
from planner.catalog.load import load_catalog
from planner.domain.programme import Programme
from planner.domain.training_run import TrainingRun
from planner.warehouse.connection import Warehouse, connect
from planner.warehouse.facts import understand
from planner.warehouse.tables import read

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's own use of SQLAlchemy
NOW_MS = 1_790_000_000_000
MODEL = {
    "_name_or_path": "tiny", "model_type": "llama", "hidden_size": "64", "num_hidden_layers": "2",
    "num_attention_heads": "4", "num_key_value_heads": "2", "intermediate_size": "128", "vocab_size": "128",
    "tie_word_embeddings": "False", "gradient_accumulation_steps": "2", "optim": "adamw_torch", "max_steps": "6",
    "per_device_train_batch_size": "2",
}  # fmt: skip
ADAPTER = {"peft_type": "LORA", "r": 8, "target_modules": ["q_proj", "v_proj"]}


def ingest(db: Warehouse, uri: str, *, artifacts: bool = True) -> dict[str, TrainingRun]:
    sync_store(db, uri, ("*",), now_ms=NOW_MS)
    if artifacts:
        land_files.fn(db, uri, ("*",))
    understand(db, load_catalog(), Programme.model_validate({"name": "t", "sources": [{"tracking_uri": uri}]}))
    return {run.name: run for run in read(db, "training_runs", TrainingRun)}


def test_adapters_logs_and_checkpoints_among_the_artifacts_are_understood(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(uri)
    experiment = client.create_experiment("chat", artifact_location=(tmp_path / "artifacts").as_uri())
    ids = {}
    for name, status in (("adapter", "FINISHED"), ("fails", "FAILED")):
        ids[name] = client.create_run(experiment, start_time=NOW_MS - 9000, run_name=name).info.run_id
        for key, value in MODEL.items():
            client.log_param(ids[name], key, value)
        client.set_terminated(ids[name], status, NOW_MS - 1000)
    client.log_text(ids["adapter"], json.dumps(ADAPTER), "checkpoint-6/adapter_config.json")
    client.log_text(ids["adapter"], "x" * 1000, "checkpoint-6/optimizer.pt")
    client.log_text(ids["fails"], "step 1\ntorch.OutOfMemoryError: CUDA out of memory", "logs/train.log")
    client.log_text(ids["fails"], "a: &a [x]\nb: [*a, *a]", "config.yaml")
    with connect(tmp_path / "w.duckdb") as db:
        before = ingest(db, uri, artifacts=False)
        assert (before["adapter"].config.lora, before["fails"].failure) == (None, None)
        after = ingest(db, uri)
        lora = after["adapter"].config.lora
        assert lora is not None
        assert (lora.rank, lora.targets) == (8, ("q_proj", "v_proj"))
        assert after["adapter"].origins["lora.rank"].kind == "artifact"
        assert after["adapter"].actual.num_checkpoints == 1
        assert after["adapter"].actual.checkpoint_bytes == 1000 + len(json.dumps(ADAPTER))
        assert after["fails"].failure == "oom"
        landed = db.execute("select * from raw_artifacts order by all")
        assert ingest(db, uri) == after
        assert db.execute("select * from raw_artifacts order by all") == landed
        client.log_text(ids["adapter"], "x" * 5000, "checkpoint-12/optimizer.pt")
        client.set_tag(ids["adapter"], "resumed", "yes")
        assert ingest(db, uri)["adapter"].actual.num_checkpoints == 2
