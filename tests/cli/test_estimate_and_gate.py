import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import planner.cli
from planner.cli import cli, main
from planner.domain.estimate import Estimate
from planner.gate.decision import GateDecision

TEMPLATES = Path(planner.cli.__file__).parent / "templates"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for file in TEMPLATES.glob("*.yaml"):
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FORETUNE_HOME", raising=False)
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def exit_of(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["foretune", *words])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def test_estimate_prints_headlines_timeline_and_what_it_rests_on(folder: Path) -> None:
    printed = run("estimate", "run.yaml").output
    for text in ("peak memory device", "tokens/s per accelerator", "cost", "backward", "bottleneck", "physics"):
        assert text in printed


def test_estimate_as_json_is_the_whole_estimate(folder: Path) -> None:
    estimate = Estimate.model_validate_json(run("estimate", "run.yaml", "--json").output)
    assert estimate.num_accelerators == 4
    assert estimate.cost_usd is not None


def test_settings_change_the_estimate(folder: Path) -> None:
    usual = Estimate.model_validate_json(run("estimate", "run.yaml", "--json").output)
    longer = Estimate.model_validate_json(run("estimate", "run.yaml", "--json", "--set", "seq_len=4096").output)
    assert longer.memory.peak_device_bytes.p50 > usual.memory.peak_device_bytes.p50


def test_the_fleets_own_price_goes_before_the_price_book(folder: Path) -> None:
    estimate = Estimate.model_validate_json(run("estimate", "run.yaml", "--json").output)
    assert estimate.cost_breakdown_usd["compute"] == pytest.approx(1.40 * estimate.accelerator_hours.p50)


def test_a_models_own_configuration_goes_where_its_name_goes_and_a_note_says_so(folder: Path) -> None:
    config = {
        "model_type": "llama", "num_hidden_layers": 32, "hidden_size": 4096, "num_attention_heads": 32,
        "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256,
    }  # fmt: skip
    (folder / "own-model").mkdir()
    (folder / "own-model" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    listed, read = (
        Estimate.model_validate_json(run("estimate", "run.yaml", "--json", "--set", f"model={model}").output)
        for model in ("llama-3.1-8b", "own-model")
    )
    assert read.memory == listed.memory
    assert "model own-model: dimensions from the Hugging Face configuration own-model" in read.notes


def test_an_unstated_field_is_named_and_widens_the_interval(folder: Path) -> None:
    stated = Estimate.model_validate_json(run("estimate", "run.yaml", "--json").output)
    open_ = Estimate.model_validate_json(
        run("estimate", "run.yaml", "--json", "--set", "activation_checkpointing=null").output
    )
    assert open_.unknowns == ("activation_checkpointing",)
    spans = [e.memory.peak_allocated_bytes.p90 / e.memory.peak_allocated_bytes.p10 for e in (stated, open_)]
    assert spans[1] > spans[0]


def test_estimate_writes_one_html_page(folder: Path) -> None:
    result = run("estimate", "run.yaml", "--html", "estimate.html")
    assert result.exit_code == 0, result.output
    assert "<html" in (folder / "estimate.html").read_text()


def test_a_run_that_fits_is_allowed_and_its_decision_left_in_the_inbox(folder: Path) -> None:
    result = run("gate", "run.yaml")
    assert result.exit_code == 0, result.output
    assert "ALLOW" in result.output
    (file,) = (folder / ".foretune" / "inbox").glob("*.json")
    assert GateDecision.model_validate_json(file.read_bytes()).verdict == "allow"


def test_a_run_that_does_not_fit_is_blocked_with_number_limit_and_a_way_out(folder: Path) -> None:
    result = run("gate", "run.yaml", "--set", "method=full", "--set", "lora=null", "--no-log")
    assert result.exit_code == 3
    for text in ("BLOCK", "memory", "of 76.0 GiB", "90% wanted", "would pass with"):
        assert text in result.output
    assert not (folder / ".foretune").exists()


def test_a_run_too_dear_for_the_budget_is_blocked_with_both_figures(folder: Path) -> None:
    decision = GateDecision.model_validate_json(
        run("gate", "run.yaml", "--json", "--no-log", "--set", "epochs=900").output
    )
    reason = next(reason for reason in decision.reasons if reason.rule == "run_budget")
    assert reason.verdict == "block"
    assert reason.limit == 500
    assert reason.value is not None
    assert reason.value > 500


def test_a_run_without_a_price_warns_with_the_reason_alone(folder: Path) -> None:
    words = ("--set", "cluster.provider=nobody", "--set", "cluster.accelerator=h100-sxm-80gb", "--no-log", "--json")
    decision = GateDecision.model_validate_json(run("gate", "run.yaml", *words).output)
    (reason,) = (reason for reason in decision.reasons if reason.rule == "price")
    assert reason.message.startswith("the cost cannot be checked: no accelerator price for")
    assert "framework" not in reason.message


def test_a_warning_fails_only_where_asked(folder: Path) -> None:
    words = ("gate", "run.yaml", "--no-log", "--set", "attention=null")
    assert run(*words).exit_code == 0
    assert run(*words, "--fail-on", "warn").exit_code == 4


def test_without_a_programme_the_gate_still_checks_memory(folder: Path) -> None:
    (folder / "foretune.yaml").unlink()
    assert run("gate", "run.yaml", "--no-log").exit_code == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("gate", "missing.yaml"), "missing.yaml: no such file"),
        (("gate", "run.yaml", "--config", "other.yaml"), "other.yaml: no such file"),
        (("gate", "run.yaml", "--set", "seq_len=null"), "run.yaml: seq_len is not known"),
        (("estimate", "run.yaml", "--set", "cluster=null"), "Set it there or with --set cluster=..."),
        (("estimate", "run.yaml", "--set", "epochs=null"), "run.yaml: max_steps is not known"),
        (("estimate", "run.yaml", "--set", "model=lama"), "unknown model 'lama'"),
        (("estimate", "run.yaml", "--set", "cluster.count=0"), "cluster.count"),
        (("estimate", "run.yaml", "--set", "micro_batch_size=-4"), "micro_batch_size"),
        (("forecast",), "run `foretune weekly`"),
        (("drift",), "run `foretune weekly`"),
        (("weekly", "--as-of", "next monday"), "YYYY-MM-DD"),
        (("weekly", "--as-of", "2999-01-01"), "future"),
        (("init",), "exists already"),
        (("init", "run.yaml/folder"), "cannot write into"),
        (("estimate", "run.yaml", "--html", "missing/page.html"), "cannot be written"),
        (("estimate", "run.yaml", "--html", "."), "cannot be written"),
    ],
)
def test_bad_input_is_one_message_and_exit_2(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    expected: str,
) -> None:
    assert exit_of(monkeypatch, *words) == 2
    printed = capsys.readouterr()
    assert expected in printed.err
    assert "Traceback" not in printed.err


def test_a_home_that_nobody_has_is_bad_input(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORETUNE_HOME", "~no-such-user/foretune")
    assert exit_of(monkeypatch, "gate", "run.yaml") == 2
    assert "FORETUNE_HOME" in capsys.readouterr().err


def test_a_name_can_neither_colour_nor_forge_a_line(folder: Path) -> None:
    name = r'name="[red]x[/] [/bold] \x1b[31m\nBLOCK y"'
    printed = run("gate", "run.yaml", "--no-log", "--set", name).output
    assert "[red]x[/] [/bold]" in printed
    assert "\x1b" not in printed
    assert not any(line.startswith("BLOCK") for line in printed.splitlines())


def test_a_narrow_terminal_cuts_no_figure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = run("estimate", "run.yaml").output
    monkeypatch.setenv("COLUMNS", "20")
    assert run("estimate", "run.yaml").output == wide


def test_a_letter_that_the_terminal_lacks_is_written_in_another_way(folder: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    words = ("gate", "run.yaml", "--no-log", "--set", "name=ü")
    done = subprocess.run(
        [sys.executable, "-m", "planner.cli", *words],
        env={**environment, "PYTHONPATH": str(Path(planner.cli.__file__).parents[2])},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert rb"\xfc" in done.stdout


@pytest.mark.parametrize("reason", ["loss=full_logits", "parallelism.zero_stage=0"])
def test_what_would_pass_does_pass(folder: Path, reason: str) -> None:
    full = ("--no-log", "--json", "--set", "method=full", "--set", "lora=null", "--set", reason)
    decision = GateDecision.model_validate_json(run("gate", "run.yaml", *full).output)
    changes = {
        "parallelism.zero_stage: 3 (FSDP)": ("parallelism.zero_stage=3",),
        "cluster.count: 8 with parallelism.zero_stage: 3": ("cluster.count=8", "parallelism.zero_stage=3"),
    }
    offered = [change for change in decision.way_out if change in changes]
    assert offered
    for change in offered:
        words = [word for setting in changes[change] for word in ("--set", setting)]
        assert run("gate", "run.yaml", *full, *words).exit_code == 0


def test_the_gate_starts_without_the_libraries_that_take_long_to_load() -> None:
    slow = ("numpy", "pandas", "scipy", "mlflow", "prefect", "altair")
    code = f"import sys, planner.cli.session, planner.report.text; print([n for n in {slow} if n in sys.modules])"
    root = str(Path(planner.cli.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": root}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_typo_in_a_command_suggests_the_right_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_of(monkeypatch, "wekly") == 2
    assert "Did you mean weekly" in capsys.readouterr().err


def test_an_internal_error_is_exit_1_without_a_traceback(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_path: Path) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("planner.cli.session.open_session", broken)
    assert exit_of(monkeypatch, "estimate", "run.yaml") == 1
    assert "RuntimeError: boom" in capsys.readouterr().err
    monkeypatch.setenv("FORETUNE_DEBUG", "1")
    monkeypatch.setattr("sys.argv", ["foretune", "estimate", "run.yaml"])
    with pytest.raises(RuntimeError):
        main()


def test_every_command_has_help_with_an_example() -> None:
    for name in planner.cli.COMMANDS:
        printed = run(name, "--help").output
        assert "Example" in printed, name
        assert f"foretune {name}" in printed, name


def test_init_writes_files_that_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("init", "team").exit_code == 0
    assert run("estimate", "team/run.yaml", "--config", "team/foretune.yaml").exit_code == 0


@pytest.mark.parametrize("kind", ["programme", "run"])
def test_the_json_schema_admits_names_and_is_the_published_one(kind: str) -> None:
    printed = run("schema", kind).output
    published = Path(planner.cli.__file__).parents[2] / "docs" / "schemas" / f"{kind}.schema.json"
    assert json.loads(printed) == json.loads(published.read_text())
    run_config = json.loads(printed) if kind == "run" else json.loads(printed)["$defs"]["RunConfig"]
    assert {"type": "string"} in run_config["properties"]["model"]["anyOf"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("models", "llama-3.1"), "llama-3.1-8b"),
        (("accelerators", "h100"), "h100-sxm-80gb"),
        (("prices", "h100"), "Standard"),
    ],
)
def test_the_catalogs_can_be_searched(words: tuple[str, ...], expected: str) -> None:
    assert expected in run("catalog", *words).output


def test_a_search_without_result_says_so() -> None:
    assert "no models" in run("catalog", "models", "zzz").output
