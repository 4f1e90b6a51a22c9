import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from planner.cli import cli
from planner.domain.raw_batch import as_batch
from planner.domain.raw_run import RawRun
from planner.domain.training_run import TrainingRun
from planner.errors import BillError
from planner.warehouse.connection import connect
from planner.warehouse.landing import land
from planner.warehouse.tables import read

HEADER = "BilledCost,EffectiveCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,ProviderName,Tags"
START_MS = 1_793_523_600_000  # 2026-11-01T09:00:00Z


def charge(usd: str, tag: str, currency: str = "USD") -> str:
    tags = json.dumps({"run_id": tag}).replace('"', '""')
    return f'{usd},{usd},{currency},2026-11-01T09:00:00Z,2026-11-01T10:00:00Z,AWS,"{tags}"'


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FORETUNE_HOME", raising=False)
    assert run("init").exit_code == 0
    source = f"sqlite:///{(tmp_path / 'mlflow.db').resolve()}"
    raw = RawRun("a", "1", "chat", "one", "FINISHED", "active", START_MS, START_MS + 1_800_000, {}, {}, (), (), ())
    with connect(tmp_path / ".foretune" / "warehouse.duckdb") as db:
        land(db, source, [as_batch([raw])])
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def test_a_bill_gives_runs_their_actual_cost(team: Path) -> None:
    (team / "bill.csv").write_text("\n".join((HEADER, charge("12.34", "a"), charge("5", "b"), charge("7", "a"))))
    first = run("import-bill", "bill.csv")
    assert first.exit_code == 0, (first.output, first.exception)
    assert "3 charges read, 3 of them tagged" in first.output
    assert "19.34 USD belong to 1 runs" in first.output
    assert "5.00 USD in 1 charges belong to no run" in first.output
    again = run("import-bill", "bill.csv", "--tag-key", "run_id")
    assert "3 charges of the same days replaced" in again.output
    with connect(team / ".foretune" / "warehouse.duckdb") as db:
        (known,) = read(db, "training_runs", TrainingRun)
    assert known.actual.cost_usd == 19.34


def test_a_bill_in_another_currency_changes_nothing(team: Path) -> None:
    (team / "bill.csv").write_text("\n".join((HEADER, charge("1", "a"), charge("1", "a", "EUR"))))
    result = run("import-bill", "bill.csv")
    assert isinstance(result.exception, BillError)
    with connect(team / ".foretune" / "warehouse.duckdb") as db:
        assert db.execute("select count(*) from raw_bill_lines") == [(0,)]
