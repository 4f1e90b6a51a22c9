"""Tiny models, and a store that foretune's own reader reads back."""

import importlib.util
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from planner.catalog.load import load_catalog
from planner.domain.programme import Programme
from planner.domain.training_run import TrainingRun
from planner.sources.reader import open_reader
from planner.warehouse.connection import connect
from planner.warehouse.facts import understand
from planner.warehouse.landing import land
from planner.warehouse.tables import read

Ingest = Callable[[], list[TrainingRun]]


@pytest.fixture(scope="session")
def library() -> Callable[[str], Any]:
    """A library that a test cannot do without: skipped without it, unless FORETUNE_REQUIRE_TORCH is set."""

    def get(name: str) -> Any:
        if importlib.util.find_spec(name) is None and not os.environ.get("FORETUNE_REQUIRE_TORCH"):
            pytest.skip(f"needs {name}: pip install 'foretune[callback]' peft trl")
        return importlib.import_module(name)

    return get


@pytest.fixture(scope="session")
def empty_training_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mlflow.tracking import MlflowClient

    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def store(empty_training_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """MLflow's tracking store for the test, and the working folder."""
    import mlflow

    path = tmp_path / "mlflow.db"
    path.write_bytes(empty_training_store.read_bytes())
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("update experiments set artifact_location = ?", (str(tmp_path / "artifacts"),))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}")
    monkeypatch.delenv("FORETUNE_HOME", raising=False)
    mlflow.set_tracking_uri(f"sqlite:///{path}")
    yield path
    while mlflow.active_run() is not None:
        mlflow.end_run()


@pytest.fixture
def ingest(store: Path, tmp_path: Path) -> Ingest:
    """All runs of the store as foretune understands them."""

    def run() -> list[TrainingRun]:
        programme = Programme.model_validate({"name": "team", "sources": [{"tracking_uri": f"sqlite:///{store}"}]})
        with connect(tmp_path / "warehouse.duckdb") as db, closing(open_reader(f"sqlite:///{store}")) as reader:
            land(db, reader.source, reader.read(["*"]))
            understand(db, load_catalog(), programme, now=datetime.now(UTC))
            return read(db, "training_runs", TrainingRun)

    return run


@pytest.fixture
def tiny_llama(library: Callable[[str], Any]) -> Any:
    """A Llama of two layers without weights from anywhere."""
    transformers = library("transformers")
    shape = transformers.LlamaConfig(
        hidden_size=64, intermediate_size=176, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=128, max_position_embeddings=128, pad_token_id=0, name_or_path="tiny-llama",
    )  # fmt: skip
    return transformers.LlamaForCausalLM(shape)
