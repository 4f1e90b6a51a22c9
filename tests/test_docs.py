import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from planner.catalog.load import load_catalog
from planner.cli import COMMANDS, cli
from planner.config_files import load_programme

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def test_every_command_is_in_the_readme() -> None:
    for name in COMMANDS:
        assert f"`foretune {name}`" in README, name


def test_the_readmes_console_commands_run_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FORETUNE_HOME", raising=False)
    commands = [line.removeprefix("$ foretune ") for block in blocks("console") for line in block.splitlines()]
    assert len(commands) >= 5
    for command in commands:
        result = CliRunner().invoke(cli, shlex.split(command))
        assert result.exit_code == 0, f"{command}: {result.output} {result.exception}"


def test_the_readmes_programme_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(cli, ["init"]).exit_code == 0
    (text,) = blocks("yaml")
    (tmp_path / "foretune.yaml").write_text(text)
    programme = load_programme(tmp_path / "foretune.yaml", load_catalog())
    assert programme.planned_updates[0].run.method == "lora"


def test_every_local_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in target:
            assert (ROOT / target).exists(), target


@pytest.mark.parametrize("folder", ["staging", "intermediate", "marts", "checks"])
def test_every_relation_says_its_grain_and_source(folder: str) -> None:
    files = sorted((ROOT / "sql" / folder).glob("*.sql"))
    assert files
    for file in files:
        first = file.read_text().splitlines()[0]
        assert first.startswith("--"), file.name
        assert "grain" in first or folder == "checks", file.name


def test_make_targets_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^make (\w+)", "\n".join(blocks("sh")), flags=re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text()
    assert targets >= {"demo", "test"}
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
