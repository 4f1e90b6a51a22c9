import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from planner.cli import cli
from planner.drift.report import DriftStatus
from planner.drift.verdict import Segment, Verdict
from planner.errors import ConfigError, UnknownNameError
from planner.settings import read_settings
from planner.warehouse.build import build
from planner.warehouse.connection import connect
from planner.warehouse.registry import ensure_tables, store
from planner.warehouse.snapshot import publish

AS_OF = datetime(2026, 11, 23, tzinfo=UTC)
DRIFT = DriftStatus(
    as_of=AS_OF, resource="duration_s", group="experiment=[red]faq-bot", num_runs=40, baseline_log_bias=0.0,
    recent_log_bias=0.3, statistic=9.0, limit=6.0, state="drifting", direction="above", since=AS_OF, factor=1.35,
    drift_id="3f2a91c0", stage="open", alarm_at=AS_OF,
    verdict=Verdict(
        kind="driver", name="driver_version", level="570.1",
        sentence="what moved: driver (driver_version) from 550.2 to 570.1",
        before=Segment(num_runs=30, log_bias=0.0, levels={"550.2": 30}),
        after=Segment(num_runs=10, log_bias=0.3, levels={"570.1": 10}),
    ),
)  # fmt: skip
CALM = DriftStatus(
    as_of=AS_OF, resource="duration_s", group="experiment=calm", num_runs=20, baseline_log_bias=0.0,
    recent_log_bias=0.0, statistic=1.0, limit=6.0, state="ok",
)  # fmt: skip


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A snapshot with one open drift."""
    monkeypatch.delenv("FORETUNE_HOME", raising=False)
    path = tmp_path / "foretune.yaml"
    path.write_text("name: team\nsources: [{tracking_uri: 'sqlite:///mlflow.db'}]\n")
    settings = read_settings({}, path)
    with connect(settings.warehouse_path) as db:
        ensure_tables(db)
        store(db, "drift_statuses", [DRIFT, CALM])
        build(db, time_zone="UTC", as_of=AS_OF)
        publish(db, settings.snapshot_path)
    return path


def drift(config: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["drift", "--config", str(config), *words])


def test_an_open_drift_is_printed_with_what_moved_and_fails_only_when_asked_to(config: Path) -> None:
    plain = drift(config)
    assert plain.exit_code == 0, plain.output
    assert "3f2a91c0" in plain.output
    assert " experiment=[red]faq-bot: what moved: driver (driver_version) from 550.2 to 570.1" in plain.output
    assert drift(config, "--fail-on", "open").exit_code == 3


def test_groups_in_control_are_counted_and_printed_when_asked_for(config: Path) -> None:
    shown = drift(config).output
    assert "experiment=calm" not in shown
    assert "in control: 1 groups; too few runs to watch: 0 (--all prints them)" in shown
    everything = drift(config, "--all").output
    assert "experiment=calm" in everything
    assert "--all prints them" not in everything


def test_a_drift_that_ended_says_why_and_what_was_noted(config: Path) -> None:
    shown = drift(config, "--close", "3f2a91c0", "--note", "new [b]driver").output
    assert "from 550.2 to 570.1; closed " in shown
    assert ": by hand; note: new [b]driver" in shown


def test_an_acknowledged_drift_fails_no_more_and_waits_in_the_inbox(config: Path) -> None:
    assert drift(config, "--acknowledge", "3f2a91c0", "--note", "new driver").exit_code == 0
    again = drift(config, "--fail-on", "open")
    assert again.exit_code == 0
    assert "acknowledged" in again.output
    (row,) = (row for row in json.loads(drift(config, "--json").output) if row["drift_id"])
    assert row["stage"] == "acknowledged"
    assert row["note"] == "new driver"
    (left,) = read_settings({}, config).drift_inbox_path.glob("*.json")
    assert json.loads(left.read_text())["action"] == "acknowledge"


def test_a_drift_that_was_closed_is_one_no_more(config: Path) -> None:
    assert drift(config, "--close", "3f2a91c0").exit_code == 0
    (row,) = (row for row in json.loads(drift(config, "--json").output) if row["drift_id"])
    assert (row["stage"], row["state"], row["closed_because"]) == ("closed", "ok", "by hand")
    assert isinstance(drift(config, "--acknowledge", "3f2a91c0").exception, UnknownNameError)


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (("--close", "0000"), UnknownNameError, "known are 3f2a91c0"),
        (("--close", "3f2a91c0", "--acknowledge", "3f2a91c0"), ConfigError, "give one of them"),
        (("--note", "x"), ConfigError, "--acknowledge ID or --close ID"),
        (("--close", "3f2a91c0", "--note", "x" * 3000), ConfigError, "2000"),
    ],
)
def test_a_decision_that_cannot_be_meant_is_refused(
    config: Path, words: tuple[str, ...], error: type[Exception], message: str
) -> None:
    refused = drift(config, *words)
    assert isinstance(refused.exception, error)
    assert message in str(refused.exception)
    assert not read_settings({}, config).drift_inbox_path.exists()


def test_a_decision_of_another_kind_is_refused_by_the_warehouse(config: Path) -> None:
    with (
        connect(read_settings({}, config).warehouse_path) as db,
        pytest.raises(duckdb.ConstraintException, match="CHECK"),
    ):
        db.execute("insert into drift_decisions values ('d', now(), '3f2a91c0', 'forget', '')")
