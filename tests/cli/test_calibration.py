"""`foretune calibration` and estimates of the past, on a warehouse with two versions."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from planner.calibration.cadence import learn_cadences
from planner.calibration.fit import fit
from planner.calibration.residuals import Residual
from planner.calibration.seen_updates import SeenUpdates
from planner.calibration.versions import Promotion
from planner.cli import cli
from planner.domain.calibration import Calibration
from planner.errors import ConfigError
from planner.forecast.cadence_rows import cadence_row
from planner.settings import read_settings
from planner.warehouse.build import build
from planner.warehouse.connection import connect
from planner.warehouse.registry import ensure_tables, store
from planner.warehouse.snapshot import publish

DAYS = (datetime(2026, 9, 7, tzinfo=UTC), datetime(2026, 10, 5, tzinfo=UTC))
RUN = """
model: llama-3.2-1b
method: full
precision: bf16
seq_len: 512
batching: packed
micro_batch_size: 1
max_steps: 100
activation_checkpointing: none
attention: flash
loss: full_logits
cluster: {accelerator: a100-80gb, count: 1}
"""


def version(day: datetime, log_ratio: float) -> Calibration:
    """Learnt from five runs on an A100 whose speed was off by this."""
    rows = [
        Residual(
            run_id=f"r{number}-{log_ratio}",
            experiment="bot",
            resource="tokens_per_s_per_accelerator",
            ended_at=datetime(2026, 8, 3 + number, tzinfo=UTC),
            groups=("all", "accelerator=a100-80gb"),
            actual=1.0,
            estimate_p10=0.8,
            estimate_p50=1.0,
            estimate_p90=1.2,
            log_ratio=log_ratio,
        )
        for number in range(5)
    ]
    return fit(rows, as_of=day, prior="p")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("FORETUNE_HOME", raising=False)
    path = tmp_path / "foretune.yaml"
    path.write_text("name: team\nsources: [{tracking_uri: 'sqlite:///mlflow.db'}]\n")
    (tmp_path / "run.yaml").write_text(RUN)
    settings = read_settings({}, path)
    versions = [version(day, log_ratio) for day, log_ratio in zip(DAYS, (-0.5, 0.5), strict=True)]
    seen = SeenUpdates(name="[red]bot", weeks_observed=10, planned_updates=10, skipped_updates=2, finished_updates=8,
                       attempts=10, failed_attempts=2, slot_s=604_800.0)  # fmt: skip
    with connect(settings.warehouse_path) as db:
        ensure_tables(db)
        store(db, "calibrations", versions)
        promotions = [
            Promotion(
                as_of=one.as_of,
                calibration_id=one.calibration_id,
                action="promoted",
                decided_by="weekly",
                champion_id=None,
                reasons=("better",),
            )
            for one in versions
        ]
        store(db, "promotions", promotions)
        store(db, "cadences", [cadence_row(learn_cadences([seen])[0], day) for day in DAYS])
        build(db, time_zone="UTC", as_of=DAYS[1])
        publish(db, settings.snapshot_path)
    return path


def foretune(config: Path, *words: str) -> Result:
    result = CliRunner().invoke(cli, [*words, "--config", str(config)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def listed(config: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(foretune(config, "calibration", "list", "--json").stdout)
    return found


def test_a_version_is_shown_with_its_effects_and_the_cadence_of_the_updates(config: Path) -> None:
    shown = foretune(config, "calibration", "show").stdout
    for text in ("Throughput", "5 runs up to 2026-08-07", "[red]bot", "planned against done", "17% ("):
        assert text in shown
    parts = json.loads(foretune(config, "calibration", "show", "--json").stdout)
    assert parts["num_runs"] == 5
    assert (parts["cadences"][0]["planned_updates"], parts["cadences"][0]["skipped_updates"]) == (10, 2)


def test_one_command_rolls_back_and_another_promotes_again(config: Path) -> None:
    new, old = listed(config)
    assert (new["is_in_use"], old["is_in_use"]) == (True, False)
    assert "is in use, instead of" in foretune(config, "calibration", "rollback").stdout
    newest = listed(config)[0]
    assert (newest["action"], newest["calibration_id"]) == ("rolled back", old["calibration_id"])
    assert [row["is_in_use"] for row in listed(config)] == [True, False, False]
    with pytest.raises(ConfigError, match="no version was in use before"):
        foretune(config, "calibration", "rollback")
    foretune(config, "calibration", "promote", str(new["calibration_id"])[:6])
    assert listed(config)[0]["calibration_id"] == new["calibration_id"]
    with pytest.raises(ConfigError, match="no version starts with 'zzz'"):
        foretune(config, "calibration", "promote", "zzz")


def test_an_earlier_estimate_comes_out_again_whatever_was_learnt_since(config: Path) -> None:
    run = str(config.parent / "run.yaml")
    new, old = listed(config)

    def estimate(*words: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(foretune(config, "estimate", run, "--json", *words).stdout)
        return found

    then = estimate("--as-of", "2026-09-20")
    assert then == estimate("--calibration", str(old["calibration_id"]), "--as-of", "2026-09-20")
    assert then != estimate()
    assert estimate("--calibration", str(new["calibration_id"])) == estimate()
    assert estimate("--as-of", "2026-09-01")["provenance"] == estimate("--prior")["provenance"]
    assert estimate("--as-of", "2026-09-07")["provenance"] == then["provenance"], "the very moment of a weekly run"
    foretune(config, "calibration", "rollback")
    assert estimate("--as-of", "2026-09-20") == then


def test_ranges_at_another_level_are_printed_when_asked_for(config: Path) -> None:
    run = str(config.parent / "run.yaml")
    shown = foretune(config, "estimate", run, "--level", "0.95").stdout
    assert "in 95 of 100 runs" in shown
    assert shown.count("Throughput") == 1
    with pytest.raises(ConfigError, match="--level"):
        foretune(config, "estimate", run, "--level", "0.95", "--json")
    assert foretune(config, "estimate", run, "--level", "1.5").exit_code == 2


def test_what_all_runs_share_is_shown_with_the_range_it_is_known_in(config: Path) -> None:
    shown = foretune(config, "calibration", "show").stdout
    (row,) = (line for line in shown.splitlines() if "all runs" in line)
    factor, low, high = (float(row.split()[place]) for place in (4, 5, 7))
    assert low < factor < high


def test_each_reason_for_a_version_has_a_line_of_its_own(config: Path) -> None:
    new, _ = listed(config)
    with connect(read_settings({}, config).warehouse_path) as db:
        held = Promotion(
            as_of=DAYS[1], calibration_id=str(new["calibration_id"]), action="held", decided_by="weekly",
            champion_id=None, reasons=("the first reason", "the second reason"),
        )  # fmt: skip
        store(db, "promotions", [held], complete=False)
        build(db, time_zone="UTC", as_of=DAYS[1])
        publish(db, read_settings({}, config).snapshot_path)
    lines = foretune(config, "calibration", "list").stdout.splitlines()
    assert [line.rstrip().endswith(" reason") for line in lines].count(True) == 2
