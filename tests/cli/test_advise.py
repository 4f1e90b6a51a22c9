import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import planner.cli
from planner.advise.advice import Advice
from planner.cli import cli
from planner.domain.estimate import Estimate
from planner.units import parse_duration

TEMPLATES = Path(planner.cli.__file__).parent / "templates"
FEW = ("--max-devices", "8", "--accelerator", "h100-sxm-80gb", "--accelerator", "a100-80gb")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for file in TEMPLATES.glob("*.yaml"):
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FORETUNE_HOME", raising=False)
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def test_advise_prints_the_front_and_how_to_take_the_first_option() -> None:
    result = run("advise", "run.yaml", *FEW)
    assert result.exit_code == 0
    for text in ("effective batch of 64", "as it is: 4 x a100-80gb", "The cheapest", "foretune estimate run.yaml"):
        assert text in result.output


@pytest.mark.parametrize(
    "given",
    [(), ("method=full", "lora=null", "precision=bf16-mixed", "framework=nemo", "epochs=1")],
    ids=["lora", "full"],
)
def test_every_option_is_exactly_what_estimate_says_with_its_settings(given: tuple[str, ...]) -> None:
    own = [word for setting in given for word in ("--set", setting)]
    advice = Advice.model_validate_json(run("advise", "run.yaml", *FEW, *own, "--json").output)
    assert len(advice.options) > 1
    assert any(option.departures for option in advice.options) == bool(given)
    for option in advice.options:
        words = [word for setting in option.settings for word in ("--set", setting)]
        estimate = Estimate.model_validate_json(run("estimate", "run.yaml", "--json", *own, *words).output)
        assert estimate.duration_s == option.duration_s
        assert estimate.cost_usd == option.cost_usd
        assert estimate.memory.fits_probability == option.fits_probability


def test_the_command_of_the_first_option_keeps_what_was_set() -> None:
    printed = run("advise", "run.yaml", *FEW, "--set", "seq_len=1024").output
    assert "foretune estimate run.yaml --set seq_len=1024 --set" in printed


def test_the_page_holds_the_picture_and_the_table(folder: Path) -> None:
    assert run("advise", "run.yaml", *FEW, "--html", "front.html").exit_code == 0
    page = (folder / "front.html").read_text(encoding="utf-8")
    for text in ("time-and-cost", "Options, best first", "What broke", "h100-sxm-80gb"):
        assert text in page


def test_limits_that_nothing_keeps_end_with_3_and_what_broke() -> None:
    result = run("advise", "run.yaml", *FEW, "--deadline", "5min", "--budget", "1")
    assert result.exit_code == 3
    assert "no option keeps within the limits" in result.output
    assert "out, deadline" in result.output
    empty = json.loads(run("advise", "run.yaml", *FEW, "--deadline", "1s", "--json").output)
    assert empty["options"] == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--deadline", "soon"), "--deadline 'soon' is no duration: write 12h, 90min, 2d or 1d 12h"),
        (("--accelerator", "tpu-v5e"), "does not move there from a100-80gb"),
        (("--accelerator", "h1000"), "unknown accelerator 'h1000'"),
        (("--set", "micro_batch_size=null"), "micro_batch_size is not known"),
        (("--html", "missing/front.html", *FEW), "--html missing/front.html: cannot be written"),
    ],
)
def test_bad_input_is_named(words: tuple[str, ...], message: str) -> None:
    result = run("advise", "run.yaml", *words)
    assert message in str(result.exception)


def test_durations_are_read_as_people_write_them() -> None:
    assert [parse_duration(text) for text in ("12h", "90 min", "1d 12h", "0.5d", "30s")] == [
        43_200.0, 5_400.0, 129_600.0, 43_200.0, 30.0
    ]  # fmt: skip
    for text in ("", "12", "h", "1x", "-3h", "0h", "1h and"):
        with pytest.raises(ValueError, match="duration"):
            parse_duration(text)
