from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.dialects.failure import LOG_TAIL_CHARACTERS
from planner.domain.raw_run import RawArtifact
from planner.sources import artifacts
from planner.sources.artifacts import is_inside, read_artifacts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "run" / "artifacts"
    (root / "model").mkdir(parents=True)
    (root / "model" / "adapter_config.json").write_text('{"r": 16}')
    (root / "model" / "tokenizer.json").write_text("{}")
    (root / "weights.bin").write_bytes(b"\0" * 100)
    return root


def read(folder: Path) -> dict[str, RawArtifact]:
    return {one.path: one for one in read_artifacts("a", str(folder))}


def test_configurations_are_kept_as_text_and_of_other_files_the_size(folder: Path) -> None:
    assert read(folder) == {
        "model/adapter_config.json": ("a", "model/adapter_config.json", 9, '{"r": 16}', None),
        "model/tokenizer.json": ("a", "model/tokenizer.json", 2, None, None),
        "weights.bin": ("a", "weights.bin", 100, None, None),
    }
    assert read_artifacts("a", folder.as_uri()) == list(read_artifacts("a", str(folder)))


def test_of_a_log_the_end_is_kept(folder: Path) -> None:
    (folder / "train.log").write_text("step\n" * 100_000 + "CUDA out of memory")
    found = read(folder)["train.log"]
    assert found.num_bytes == 500_018
    assert len(found.text or "") == LOG_TAIL_CHARACTERS
    assert (found.text or "").endswith("CUDA out of memory")


def test_what_is_too_large_is_named_and_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "MAX_BYTES", 8)
    found = read(folder)["model/adapter_config.json"]
    assert (found.num_bytes, found.text, found.problem) == (9, None, "not read: 9 bytes, the limit is 8")


def test_a_yaml_bomb_stays_a_text(folder: Path) -> None:
    bomb = "a: &a [x, x]\n" + "\n".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]" for n in range(20)
    )
    (folder / "config.yaml").write_text(bomb)
    assert read(folder)["config.yaml"].text == bomb


def test_a_link_to_a_file_or_folder_elsewhere_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.json").write_text("s3cret")
    (folder / "config.json").symlink_to(tmp_path / "elsewhere" / "secret.json")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    found = read(folder)
    for path in ("config.json", "linked/secret.json"):
        if path in found:
            assert found[path].text is None
            assert "elsewhere" in (found[path].problem or "")
    assert "config.json" in found
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "a/../../x", "C:/x", "a\\..\\x", "", "a//b", "a\x00b", "x" * 1001]
)
def test_paths_that_leave_the_folder_are_not_asked_for(path: str) -> None:
    assert not is_inside(path)


class Liar:
    """A store that lists and hands over whatever it likes."""

    def __init__(self, entries: list[tuple[str, bool, int | None]], outside: Path) -> None:
        self.entries, self.outside, self.asked = entries, outside, [""]

    def list_artifacts(self, folder: str | None) -> list[Any]:
        return [SimpleNamespace(path=path, is_dir=is_dir, file_size=size) for path, is_dir, size in self.entries]

    def download_artifacts(self, path: str, _folder: str) -> str:
        self.asked.append(path)
        return str(self.outside)


@given(
    st.lists(
        st.tuples(st.text(max_size=20) | st.sampled_from(["../x.json", "a.json", "d", "a/b.yaml"]), st.booleans(),
                  st.none() | st.integers(-5, 2**40)), max_size=8
    )
)  # fmt: skip
def test_whatever_a_store_lists_nothing_outside_is_read(tmp_path_factory: Any, entries: Any) -> None:
    outside = tmp_path_factory.getbasetemp() / "outside.json"
    outside.write_text("s3cret")
    liar = Liar(entries, outside)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(artifacts, "get_artifact_repository", lambda *_args, **_given: liar)
        found = read_artifacts("a", "s3://bucket/a")
    assert all(is_inside(path) for path in liar.asked[1:])
    assert "s3cret" not in repr(found)
    assert len({one.path for one in found}) == len(found)


def test_a_server_elsewhere_cannot_name_folders_of_this_machine(folder: Path) -> None:
    (found,) = read_artifacts("a", str(folder), "https://mlflow.example.com")
    assert (found.text, found.problem) == (None, "not read: a folder of this machine, named by another one")
    assert len(read_artifacts("a", str(folder), "http://localhost:5000")) == 3


def test_artifacts_that_cannot_be_listed_are_a_reason_and_no_error(tmp_path: Path) -> None:
    (found,) = read_artifacts("a", "nonsense://ann:s3cret@host/x")
    assert "cannot be listed" in (found.problem or "")
    assert "s3cret" not in (found.problem or "")
    assert read_artifacts("a", str(tmp_path / "gone")) == []


def test_files_are_few_and_folders_not_deep(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = folder.joinpath(*"abcdef")
    deep.mkdir(parents=True)
    (deep / "x.json").write_text("{}")
    for number in range(40):
        (folder / f"{number}.json").write_text("{}")
    found = read(folder)
    assert sum(one.text is not None for one in found.values()) == artifacts.MAX_FILES
    assert found["9.json"].problem == "not read: 20 files were before it"
    assert not any(path.endswith("x.json") for path in found)
    monkeypatch.setattr(artifacts, "MAX_LISTED", 10)
    assert len(read(folder)) <= 10
