"""Rows of dataset files, as they come from strangers."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.errors import ConfigError
from planner.sources import dataset_file
from planner.sources.dataset_file import Row, read_rows


def rows(path: Path, field: str | None = None) -> list[Row]:
    return list(read_rows(path, field, lambda _: None))


def write(path: Path, *lines: object) -> Path:
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("row", "texts"),
    [
        ({"text": "abc", "id": "7"}, ("abc",)),
        ({"prompt": "a", "completion": "b", "score": 3}, ("a", "b")),
        ({"instruction": "i", "input": "", "output": "o"}, ("i", "", "o")),
        ({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}, ("q", "a")),
        ({"conversations": [{"from": "human", "value": "q"}]}, ("q",)),
        ({"chosen": [{"role": "user", "content": "x"}], "rejected": "y"}, ("x", "y")),
        ({"unusual": {"deep": ["p", "q"]}}, ("p", "q")),
        ("only text", ("only text",)),
    ],
)
def test_the_usual_forms_give_their_texts(tmp_path: Path, row: object, texts: tuple[str, ...]) -> None:
    assert rows(write(tmp_path / "d.jsonl", json.dumps(row))) == [Row(texts, None, None)]


def test_stored_token_ids_are_counted_and_one_field_can_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path / "d.jsonl", {"input_ids": [1, 2, 3], "text": "abc"})
    assert rows(path) == [Row((), 3, None)]
    assert rows(path, "text") == [Row(("abc",), None, None)]
    assert "no field 'body'" in (rows(path, "body")[0].problem or "")


def test_bad_lines_cost_only_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_file, "LONGEST_LINE_BYTES", 5000)
    path = write(
        tmp_path / "d.jsonl", "{broken", "[1]", "7", "", "[" * 4000, {"text": "x" * 9000}, {"n": 1}, {"text": "good"}
    )
    found = rows(path)
    assert [row.texts for row in found if row.problem is None] == [("good",)]
    assert sum(row.problem is not None for row in found) == 6


def test_gzipped_files_are_read_and_progress_counts_bytes_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "abc"}\n' * 100))
    seen: list[int] = []
    assert len(list(read_rows(path, None, seen.append))) == 100
    assert seen[-1] == path.stat().st_size


def test_a_missing_or_cut_file_is_an_error_with_its_name(tmp_path: Path) -> None:
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(b'{"text": "abc"}\n' * 1000)[:30])
    for path in (tmp_path / "none.jsonl", tmp_path, cut):
        with pytest.raises(ConfigError, match=path.name):
            rows(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_break_the_reading(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "fuzz.jsonl"
    path.write_bytes(content)
    try:
        found = rows(path)
    except ConfigError:
        return
    assert all(row.problem or row.texts or row.tokens is not None for row in found)
