import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from planner.cli import cli
from planner.dialects.run_table_cells import FORBIDDEN_COLUMNS
from planner.errors import ConfigError

SHIPPED = Path(__file__).parents[2] / "examples" / "published_runs.csv"
SHARED = Path(__file__).parents[2] / ".." / "shared" / "measured_runs" / "runs.csv"

COMMON = {
    "kind": "finetune", "method": "lora", "base_quant": "none", "lora_rank": "16", "lora_targets": "attn_all",
    "model": "mistral-7b", "accelerator": "a100-80gb", "accelerator_memory_gib": "80", "n_accel": "1",
    "param_dtype": "bf16", "compute_dtype": "bf16", "amp": "false", "optimizer": "adamw", "seq_len": "4096",
    "batching": "packed", "micro_batch": "4", "grad_accum": "1", "sharding": "none", "activation_ckpt": "full",
    "attention": "flash", "fused_loss": "none", "framework": "hf-trl", "outcome": "ok", "evidence": "measured",
    "memory_tier": "A", "throughput_tier": "A", "source": "some/where", "tokens_per_s_per_accel": "3000",
    "peak_allocated_gib": "30", "peak_reserved_gib": "32", "peak_device_gib": "34", "notes": "a | b",
}  # fmt: skip


def table(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)
    return path


def rows_of(*changes: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"id": f"r{number}", **COMMON, **change} for number, change in enumerate(changes)]


def backtest(*words: object) -> Result:
    result = CliRunner().invoke(cli, ["backtest", *map(str, words)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def predicted(runs: Path, *words: object) -> list[dict[str, str]]:
    out = runs.with_suffix(".out.csv")
    assert backtest("--runs", runs, "--out", out, *words).exit_code == 0
    with out.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_gets_every_figure_with_its_interval(tmp_path: Path) -> None:
    (found,) = predicted(table(tmp_path / "runs.csv", rows_of({})))
    assert found["id"] == "r0"
    assert found["error"] == ""
    for figure in ("peak_allocated_gib", "peak_reserved_gib", "peak_device_gib", "tokens_per_s_per_accel"):
        low, middle, high = (float(found[f"pred_{figure}{level}"]) for level in ("_p10", "", "_p90"))
        assert 0 < low <= middle <= high
    assert 0 <= float(found["prob_fits"]) <= 1


def test_blanked_measurements_leave_the_predictions_byte_identical(tmp_path: Path) -> None:
    rows = rows_of({}, {"micro_batch": "8"}, {"method": "full", "outcome": "oom"}, {"seq_len": "bad"})
    blank = [{**row, **dict.fromkeys(FORBIDDEN_COLUMNS & set(row), "")} for row in rows]
    with_figures, without = table(tmp_path / "with.csv", rows), table(tmp_path / "without.csv", blank)
    predicted(with_figures)
    predicted(without)
    assert (tmp_path / "with.out.csv").read_bytes() == (tmp_path / "without.out.csv").read_bytes()


def test_a_published_table_is_predicted_the_same_without_its_outcomes(tmp_path: Path) -> None:
    if not SHARED.exists():
        pytest.skip(f"no table of measured runs at {SHARED}")
    with SHARED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[::40]
    blank = [{**row, **dict.fromkeys(FORBIDDEN_COLUMNS, "")} for row in rows]
    predicted(table(tmp_path / "with.csv", rows))
    predicted(table(tmp_path / "without.csv", blank))
    assert (tmp_path / "with.out.csv").read_bytes() == (tmp_path / "without.out.csv").read_bytes()


def test_the_shipped_table_is_predicted_row_by_row(tmp_path: Path) -> None:
    with SHIPPED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = predicted(table(tmp_path / "runs.csv", rows))
    assert [line["id"] for line in found] == [row["id"] for row in rows]
    assert not [line["error"] for line in found if line["error"]]


def test_rows_that_ask_for_the_same_run_get_the_same_figures(tmp_path: Path) -> None:
    first, second, other = predicted(table(tmp_path / "runs.csv", rows_of({}, {}, {"micro_batch": "8"})))
    assert {**first, "id": second["id"]} == second
    assert first["pred_peak_device_gib"] != other["pred_peak_device_gib"]


@pytest.mark.slow
def test_nearly_every_measured_row_of_a_published_table_is_predictable(tmp_path: Path) -> None:
    if not SHARED.exists():
        pytest.skip(f"no table of measured runs at {SHARED}")
    result = backtest("--runs", SHARED, "--out", tmp_path / "out.csv", "--json")
    assert result.exit_code == 0
    with SHARED.open(encoding="utf-8", newline="") as file, (tmp_path / "out.csv").open(newline="") as out:
        pairs = list(zip(csv.DictReader(file), csv.DictReader(out), strict=True))
    memory = ("peak_allocated_gib", "peak_reserved_gib", "peak_device_gib")
    measured = [pair for pair in pairs if any(pair[0][column] for column in memory)]
    timed = [pair for pair in pairs if pair[0]["tokens_per_s_per_accel"]]
    assert share_of([p for p in measured if p[0]["memory_tier"] == "A"], memory) >= 0.97
    assert share_of([p for p in timed if p[0]["throughput_tier"] == "A"], ("tokens_per_s_per_accel",)) >= 0.97
    assert share_of(measured, memory) >= 0.90
    assert share_of(timed, ("tokens_per_s_per_accel",)) >= 0.85
    assert all(prediction["error"] for _, prediction in pairs if not prediction["pred_peak_device_gib"])


def share_of(pairs: list[tuple[dict[str, str], dict[str, str]]], columns: Sequence[str]) -> float:
    return sum(all(prediction[f"pred_{column}"] for column in columns) for _, prediction in pairs) / len(pairs)


def test_missing_and_extra_columns_are_no_obstacle(tmp_path: Path) -> None:
    small = [{"model": "mistral-7b", "accelerator": "a100-80gb", "n_accel": "1", "micro_batch": "1", "mood": "fine"}]
    (found,) = predicted(table(tmp_path / "small.csv", small))
    assert found["id"] == "line 2"
    assert float(found["pred_peak_device_gib_p90"]) > float(found["pred_peak_device_gib_p10"])


def test_hostile_cells_cost_their_row_and_no_other(tmp_path: Path) -> None:
    rows = rows_of(
        {}, {"seq_len": "nan?"}, {"micro_batch": "-1"}, {"params": "1e30"}, {"model": "=cmd|'/c calc'!A1"},
        {"n_accel": "3", "tp": "2"}, {"method": "sorcery"}, {"seq_len": "99999999", "micro_batch": "999999"},
    )  # fmt: skip
    found = predicted(table(tmp_path / "runs.csv", rows))
    assert len(found) == len(rows)
    assert not found[0]["error"]
    assert all(line["error"] for line in found[1:7])


def test_an_id_that_looks_like_a_formula_is_written_as_text(tmp_path: Path) -> None:
    (found,) = predicted(table(tmp_path / "runs.csv", [{**rows_of({})[0], "id": "=1+1"}]))
    assert found["id"] == "'=1+1"


def test_history_corrects_what_the_physics_says(tmp_path: Path) -> None:
    runs = table(tmp_path / "runs.csv", rows_of({"micro_batch": "2"}))
    (prior,) = predicted(runs)
    factor = 1.5
    past = [
        {
            **row,
            "id": f"past{number}",
            "tokens_per_s_per_accel": str(factor * float(prior["pred_tokens_per_s_per_accel"])),
        }
        for number, row in enumerate(rows_of(*[{"micro_batch": "2"}] * 12))
    ]
    (told,) = predicted(runs, "--history", table(tmp_path / "past.csv", past))
    assert float(told["pred_tokens_per_s_per_accel"]) == pytest.approx(
        factor * float(prior["pred_tokens_per_s_per_accel"]), rel=0.1
    )


def test_a_row_to_predict_teaches_nothing_about_itself(tmp_path: Path) -> None:
    runs = table(tmp_path / "runs.csv", rows_of({}, {"micro_batch": "8"}))
    prior = predicted(runs)
    assert predicted(runs, "--history", runs) == prior


def test_claims_oom_rows_and_tier_c_teach_nothing(tmp_path: Path) -> None:
    runs = table(tmp_path / "runs.csv", rows_of({}))
    prior = predicted(runs)
    useless = [
        {**row, "id": f"past{number}"}
        for number, row in enumerate(
            rows_of({"evidence": "claimed"}, {"outcome": "oom"}, {"memory_tier": "C", "throughput_tier": "C"})
        )
    ]
    assert predicted(runs, "--history", table(tmp_path / "past.csv", useless)) == prior


def test_the_summary_scores_by_source_method_and_accelerator(tmp_path: Path) -> None:
    runs = table(
        tmp_path / "runs.csv", rows_of({}, {"method": "full", "lora_rank": "", "lora_targets": ""}, {"tp": "x"})
    )
    result = backtest("--runs", runs, "--out", tmp_path / "out.csv", "--json")
    summary = json.loads(result.stdout)
    assert (summary["num_rows"], summary["num_predicted"]) == (3, 2)
    assert {score["by"] for score in summary["scores"]} == {"all", "source", "method", "accelerator"}
    by_method = {
        s["group"]: s for s in summary["scores"] if s["by"] == "method" and s["resource"] == "peak_device_bytes"
    }
    assert by_method["full"]["num_measured"] == 1
    assert by_method["lora"]["num_measured"] == 2
    assert list(summary["errors"].values()) == [1]
    text = backtest("--runs", runs, "--out", tmp_path / "out.csv")
    assert "2 of 3 rows predicted" in text.stdout
    assert "predicting rows" in text.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no column of a run table"),
        (b"a,b\n1,2\n", "found a, b"),
        (b"model,seq_len\n", "no rows"),
        (b"model,model\nx,y\n", "twice"),
        (b"\xff\xfe\x00model", "no column of a run table"),
    ],
)
def test_a_file_that_is_no_run_table_is_refused_with_the_reason(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        backtest("--runs", path, "--out", tmp_path / "out.csv")


def test_missing_files_and_options_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        backtest("--runs", tmp_path / "none.csv", "--out", tmp_path / "out.csv")
    with pytest.raises(ConfigError, match="--out is missing"):
        backtest("--runs", tmp_path / "none.csv")
    runs = table(tmp_path / "runs.csv", rows_of({}))
    with pytest.raises(ConfigError, match="choose another file"):
        backtest("--runs", runs, "--out", runs)
    with pytest.raises(ConfigError, match="cannot be written"):
        backtest("--runs", runs, "--out", tmp_path / "no" / "folder.csv")


def test_ragged_lines_and_broken_letters_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(
        b"\xef\xbb\xbfID,Model,accelerator,n_accel,micro_batch,seq_len\na,mistral-7b,a100-80gb,1,1,512,9,9\nb,mis\xfftral\n"
    )
    first, second = predicted(path)
    assert first["pred_peak_device_gib"]
    assert second["error"]
