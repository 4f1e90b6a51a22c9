from pathlib import Path

import pytest

from planner.sources import artifacts
from planner.sources.artifacts import is_inside, read_artifacts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "run" / "artifacts"
    (root / "model").mkdir(parents=True)
    (root / "model" / "adapter_config.json").write_text('{"r": 16}')
    (root / "weights.bin").write_bytes(b"\0" * 100)
    return root


def test_files_that_fit_a_pattern_are_kept_as_text(folder: Path) -> None:
    (found,) = read_artifacts("a", str(folder), ["adapter_config.json", "*.yaml"])
    assert (found.path, found.num_bytes, found.text, found.problem) == (
        "model/adapter_config.json",
        9,
        '{"r": 16}',
        None,
    )
    (found,) = read_artifacts("a", folder.as_uri(), ["model/*"])
    assert found.text == '{"r": 16}'


def test_what_is_too_large_is_named_and_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "MAX_BYTES", 8)
    (found,) = read_artifacts("a", str(folder), ["*.json"])
    assert found.text is None
    assert found.problem == "not read: 9 bytes, the limit is 8"


def test_a_yaml_bomb_stays_a_text(folder: Path) -> None:
    bomb = "a: &a [x, x]\n" + "\n".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]" for n in range(20)
    )
    (folder / "config.yaml").write_text(bomb)
    (found,) = read_artifacts("a", str(folder), ["*.yaml"])
    assert found.text == bomb


def test_a_link_to_a_file_elsewhere_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("s3cret")
    (folder / "config.json").symlink_to(tmp_path / "secret.json")
    found = {one.path: one for one in read_artifacts("a", str(folder), ["config.json"])}
    assert found["config.json"].text is None
    assert "elsewhere" in (found["config.json"].problem or "")


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "C:/x", "a\\..\\x", "", "a//b", "a\x00b"])
def test_paths_that_leave_the_folder_are_not_asked_for(path: str) -> None:
    assert not is_inside(path)


def test_artifacts_that_cannot_be_listed_are_a_reason_and_no_error(tmp_path: Path) -> None:
    (found,) = read_artifacts("a", "nonsense://ann:s3cret@host/x", ["*"])
    assert "cannot be listed" in (found.problem or "")
    assert "s3cret" not in (found.problem or "")
    assert read_artifacts("a", str(tmp_path / "gone"), ["*"]) == []


def test_files_are_few_and_folders_not_deep(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = folder.joinpath(*"abcdef")
    deep.mkdir(parents=True)
    (deep / "x.json").write_text("{}")
    for number in range(40):
        (folder / f"{number}.json").write_text("{}")
    found = read_artifacts("a", str(folder), ["*.json"])
    assert len(found) == artifacts.MAX_FILES
    monkeypatch.setattr(artifacts, "MAX_FILES", 1000)
    assert not any(one.path.endswith("x.json") for one in read_artifacts("a", str(folder), ["*.json"]))
    monkeypatch.setattr(artifacts, "MAX_LISTED", 10)
    assert len(read_artifacts("a", str(folder), ["*.json"])) <= 10
