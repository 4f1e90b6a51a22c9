import platform
from datetime import timedelta

import pytest

from planner.mlflow_callback.ranks import largest, leave


class Store:
    """A key-value store as torch's process groups have one."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def set(self, key: str, value: str) -> None:
        self.values[key] = value

    def get(self, key: str) -> bytes:
        return self.values[key].encode()

    def wait(self, keys: list[str], timeout: timedelta) -> None:
        if any(key not in self.values for key in keys):
            raise TimeoutError(f"no {keys} within {timeout}")


def test_the_fullest_device_counts_and_hosts_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    for rank, (host, peak) in enumerate((("b", 5.0), ("b", 7.0)), start=1):
        monkeypatch.setattr(platform, "node", lambda host=host: host)
        leave(store, 1, rank, {"peak_allocated_bytes": peak, "host_peak_bytes": 2.0})
    monkeypatch.setattr(platform, "node", lambda: "a")
    own = {"peak_allocated_bytes": 6.0, "host_peak_bytes": 3.0}
    assert largest(store, 1, 3, own) == {"peak_allocated_bytes": 7.0, "host_peak_bytes": 4.0}


def test_a_rank_that_says_nothing_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("planner.mlflow_callback.ranks.PATIENCE_S", 0.0)
    assert largest(Store(), 1, 2, {"host_peak_bytes": 3.0}) == {"host_peak_bytes": 3.0}
    assert "rank 1" in caplog.text
