from typing import Any

import pytest

from planner.estimator.network import inter_node_bytes_per_s, network_rows


def test_each_node_fetches_the_model_and_each_checkpoint_goes_up(make_workload: Any) -> None:
    rows = network_rows(
        make_workload(count=16), model_bytes=10.0, dataset_bytes=5.0, checkpoint_bytes=2.0, num_written=3
    )
    assert rows == {"model_staging": 20.0, "dataset_staging": 5.0, "checkpoint_upload": 6.0}


def test_one_node_sends_nothing_to_others(make_workload: Any) -> None:
    assert inter_node_bytes_per_s(make_workload(count=8, method="full"), 1.0) == 0.0


def test_a_node_sends_the_gradients_once_for_all_its_devices(make_workload: Any) -> None:
    run = make_workload(count=16, method="full")
    once = 2 * 2 * run.params.total * 15 / 16
    assert inter_node_bytes_per_s(run, 2.0) == pytest.approx(once / 8 / 2.0)


def test_sharding_sends_more_than_gradients_alone(make_workload: Any) -> None:
    ddp = make_workload(count=16, method="full")
    sharded = make_workload(count=16, method="full", parallelism={"zero_stage": 3})
    assert inter_node_bytes_per_s(sharded, 1.0) > inter_node_bytes_per_s(ddp, 1.0)
