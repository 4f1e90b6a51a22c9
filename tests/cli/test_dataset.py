"""foretune dataset, as a user calls it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from planner.cli import cli
from planner.cli.dataset_job import measure

LINES = "".join(json.dumps({"text": "word " * count}) + "\n" for count in (1, 2, 3, 10))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "train.jsonl"
    file.write_text(LINES, encoding="utf-8")
    return file


@pytest.fixture
def tokenizer_folder(tmp_path: Path) -> Path:
    library = pytest.importorskip("tokenizers", reason="needs `pip install 'foretune[tokenizer]'`")
    built = library.Tokenizer(library.models.WordLevel({"word": 0}, "word"))
    built.pre_tokenizer = library.pre_tokenizers.Whitespace()
    built.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def run(*arguments: object) -> str:
    result = CliRunner().invoke(cli, ["dataset", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_with_a_tokenizer_tokens_are_counted(path: Path, tokenizer_folder: Path) -> None:
    found = json.loads(run(path, "--tokenizer", tokenizer_folder, "--seq-len", 5, "--batch-size", 2, "--json"))
    assert found["is_counted"]
    assert found["tokens"] == {"p10": 16, "p50": 16, "p90": 16}
    assert found["max_tokens_per_sample"] == 10
    assert found["at_seq_len"]["cut_ratio"] == 0.25
    assert found["at_seq_len"]["mean_tokens_per_sample"] == pytest.approx(11 / 4, abs=0.06)


def test_without_a_tokenizer_tokens_are_a_range_that_holds_the_truth(path: Path, tokenizer_folder: Path) -> None:
    counted = json.loads(run(path, "--tokenizer", tokenizer_folder, "--json"))["tokens"]["p50"]
    found = json.loads(run(path, "--json"))
    assert not found["is_counted"]
    assert found["tokens"]["p10"] <= counted <= found["tokens"]["p90"] * 1.05


def test_the_text_ends_with_lines_for_a_run_file(path: Path) -> None:
    text = run(path, "--seq-len", 8)
    assert "no tokenizer given" in text
    assert "rows: 4" in text
    assert f"size_bytes: {path.stat().st_size}" in text


def test_stored_tokens_need_no_tokenizer(tmp_path: Path) -> None:
    file = tmp_path / "ids.jsonl"
    file.write_text('{"input_ids": [1, 2, 3]}\n', encoding="utf-8")
    assert json.loads(run(file, "--json"))["tokens"]["p90"] == 3


@pytest.mark.parametrize(
    ("content", "arguments", "expected"),
    [
        ("", (), "empty"),
        ("{oops\n", (), "row 1: no JSON"),
        ('{"text": "a"}\n', ("--field", "body"), "no field 'body'"),
        ('{"text": "a"}\n{"input_ids": [1]}\n', (), "give --tokenizer"),
        ('{"text": "a"}\n', ("--tokenizer", "nowhere"), "tokenizer.json"),
    ],
)
def test_mistakes_are_explained(tmp_path: Path, content: str, arguments: tuple[str, ...], expected: str) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text(content, encoding="utf-8")
    result = CliRunner().invoke(cli, ["dataset", str(file), *arguments])
    assert expected in str(result.exception)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    import tracemalloc

    file = tmp_path / "big.jsonl"
    with file.open("w", encoding="utf-8") as lines:
        for number in range(20_000):
            lines.write(json.dumps({"text": "x" * (number % 500)}) + "\n")
    tracemalloc.start()
    measured = measure(file, None, None, lambda _: None)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert measured.lengths.rows == 20_000
    assert peak_bytes < 2_000_000 < file.stat().st_size


def test_long_rows_do_not_gather_in_memory(tmp_path: Path) -> None:
    import tracemalloc

    file = tmp_path / "long.jsonl"
    line = json.dumps({"text": "x" * 1_000_000}) + "\n"
    with file.open("w", encoding="utf-8") as lines:
        for _ in range(60):
            lines.write(line)
    tracemalloc.start()
    measured = measure(file, None, None, lambda _: None)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert measured.lengths.rows == 60
    assert measured.lengths.total == 60_000_000
    assert peak_bytes < 20_000_000 < file.stat().st_size
