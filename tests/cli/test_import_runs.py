from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from planner.cli import cli
from planner.warehouse.connection import connect

TABLE = """id,method,lora_rank,lora_targets,model,accelerator,n_accel,seq_len,micro_batch,tokens_per_s_per_accel
a,lora,16,attn_all,mistral-7b,a100-80gb,1,4096,4,3000
b,lora,16,attn_all,mistral-7b,a100-80gb,1,4096,8,3100
c,lora,16,attn_all,mistral-7b,a100-80gb,1,many,8,3100
a,lora,16,attn_all,mistral-7b,a100-80gb,1,4096,1,2000
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FORETUNE_HOME", raising=False)
    assert CliRunner().invoke(cli, ["init"]).exit_code == 0
    (tmp_path / "runs.csv").write_text(TABLE)
    return tmp_path


def import_runs(*words: str) -> Result:
    result = CliRunner().invoke(cli, ["import-runs", *words])
    assert result.exit_code == 0, result.exception
    return result


def test_rows_land_once_however_often_they_are_imported(folder: Path) -> None:
    first = import_runs("runs.csv")
    assert "3 runs read, 3 new or changed, 2 can be learnt from; 1 rows repeat an id" in first.stdout
    assert "seq_len 'many' is not a number" in first.stdout
    assert "importing rows" in first.stderr
    again = import_runs("runs.csv")
    assert "3 runs read, 0 new or changed, 2 can be learnt from" in again.stdout
    with connect(folder / ".foretune" / "warehouse.duckdb") as db:
        assert db.execute("select count(*) from training_runs") == [(3,)]


def test_a_changed_row_replaces_the_old_one(folder: Path) -> None:
    import_runs("runs.csv", "--experiment", "bot", "--ended-at", "2026-09-01")
    (folder / "runs.csv").write_text(TABLE.replace("many", "2048"))
    changed = import_runs("runs.csv", "--experiment", "bot", "--ended-at", "2026-09-01")
    assert "3 runs read, 1 new or changed, 3 can be learnt from" in changed.stdout
    with connect(folder / ".foretune" / "warehouse.duckdb") as db:
        found = db.execute("select distinct experiment, ended_at::date::varchar from training_runs")
    assert found == [("bot", "2026-09-01")]
