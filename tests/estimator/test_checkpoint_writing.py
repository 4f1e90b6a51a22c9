import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.domain.run_config import Checkpoints
from planner.estimator.checkpoint_writing import write_checkpoint

PLAIN = Checkpoints(write_bytes_per_s=1e9)
ASYNC = Checkpoints(write_bytes_per_s=1e9, asynchronous=True)


def test_training_stands_still_while_a_plain_checkpoint_is_written() -> None:
    assert write_checkpoint(PLAIN, size_bytes=5e9, interval_s=100.0, num_nodes=1).blocked_s == 5.0
    assert write_checkpoint(Checkpoints(), size_bytes=2e9, interval_s=100.0, num_nodes=1).blocked_s == 2.0


def test_asynchronous_writing_stops_only_for_the_copy() -> None:
    assert write_checkpoint(ASYNC, size_bytes=40e9, interval_s=100.0, num_nodes=2).blocked_s == pytest.approx(1.0)


def test_what_is_not_written_when_the_next_is_due_blocks() -> None:
    found = write_checkpoint(ASYNC, size_bytes=40e9, interval_s=30.0, num_nodes=2)
    assert found.blocked_s == pytest.approx(1.0 + 10.0)


def test_storage_must_take_in_a_checkpoint_in_a_twentieth_of_the_interval() -> None:
    found = write_checkpoint(PLAIN, size_bytes=1024.0**3, interval_s=20.0, num_nodes=1)
    assert found.needed_bytes_per_s == pytest.approx(1024.0**3)
    assert found.needed_iops == pytest.approx(1024.0)


@given(st.floats(1, 1e13), st.floats(0.1, 1e6), st.integers(1, 64))
def test_asynchronous_never_blocks_longer(size_bytes: float, interval_s: float, num_nodes: int) -> None:
    both = [
        write_checkpoint(c, size_bytes=size_bytes, interval_s=interval_s, num_nodes=num_nodes) for c in (PLAIN, ASYNC)
    ]
    assert both[1].blocked_s <= both[0].blocked_s
