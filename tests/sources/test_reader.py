from pathlib import Path

import pytest

from planner.errors import StoreError
from planner.sources.reader import Experiment, finite, matching, open_reader, without_secrets


def test_messages_of_other_libraries_lose_every_credential() -> None:
    uri = "postgresql://ann:s3cret@db/mlflow?password=s3cret"
    text = f"could not connect to {uri} nor to http://bob:hunter2@proxy/x"
    cleaned = without_secrets(text, uri)
    assert "s3cret" not in cleaned
    assert "hunter2" not in cleaned
    assert "postgresql://db/mlflow" in cleaned


def test_experiments_match_by_any_pattern_and_with_case() -> None:
    experiments = [
        Experiment("1", "Chat-eu", "active"),
        Experiment("2", "triage", "active"),
        Experiment("3", "x", "deleted"),
    ]
    assert [e.experiment_id for e in matching(experiments, ["Chat-*", "x"])] == ["1", "3"]
    assert matching(experiments, ["chat-*"]) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1.7976931348623157e308])
def test_values_that_are_no_numbers_are_unknown(value: float) -> None:
    assert finite(value) is None


def test_a_folder_that_holds_no_store_is_refused_and_stays_empty(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no MLflow file store"):
        open_reader(str(tmp_path / "mlruns"))
    assert list(tmp_path.iterdir()) == []
