from datetime import UTC, datetime

import pytest

from planner.domain.raw_batch import as_batch
from planner.domain.raw_run import RawInput, RawMetric, RawRun
from planner.warehouse.build import build_views
from planner.warehouse.connection import Warehouse
from planner.warehouse.landing import land

START_MS = 1_780_000_000_000


def raw_run(**given: object) -> RawRun:
    run = RawRun("r1", "1", "chat", "run", "FINISHED", "active", START_MS, START_MS + 60_000, {}, {}, (), (), ())
    return run._replace(**given)  # type: ignore[arg-type]


def sample(key: str, value: float | None, at: int = 0) -> RawMetric:
    return RawMetric(f"system/{key}", value, at, START_MS + at)


def landed(db: Warehouse, **given: object) -> Warehouse:
    land(db, "s", [as_batch([raw_run(**given)])])
    build_views(db)
    return db


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("gpu_0_memory_usage_megabytes", 1000.0, ("", 0, "memory_usage_bytes", 1e9)),
        ("gpu_13_memory_usage_gigabytes", 2.5, ("", 13, "memory_usage_bytes", 2.5e9)),
        ("gpu_1_memory_usage_percentage", 50.0, ("", 1, "memory_usage_ratio", 0.5)),
        ("gpu_1_utilization_percentage", 75.0, ("", 1, "utilization_ratio", 0.75)),
        ("node-7/gpu_1_power_usage_watts", 300.0, ("node-7", 1, "power_usage_w", 300.0)),
        ("a/b/cpu_utilization_percentage", 99.0, ("a/b", None, "cpu_utilization_ratio", 0.99)),
        ("system_memory_usage_megabytes", 2.0, ("", None, "system_memory_usage_bytes", 2e6)),
        ("network_receive_megabytes", 3.0, ("", None, "network_receive_bytes", 3e6)),
    ],
)
def test_samples_come_in_base_units_by_node_and_gpu(
    db: Warehouse, key: str, value: float, expected: tuple[object, ...]
) -> None:
    landed(db, system_samples=(sample(key, value),))
    (row,) = db.execute("select node, gpu_index, quantity, value from stg_system_samples")
    assert row[:3] == expected[:3]
    assert row[3] == pytest.approx(expected[3])


def test_samples_of_other_names_and_without_value_are_left_out(db: Warehouse) -> None:
    landed(db, system_samples=(sample("my_own_thing", 1.0), sample("cpu_utilization_percentage", None)))
    assert db.execute("select count(*) from stg_system_samples") == [(0,)]


@pytest.mark.parametrize("time_ms", [None, 0, -1, -(2**63), 2**63 - 1, 4_102_444_800_001])
def test_a_time_that_cannot_be_is_no_time(db: Warehouse, time_ms: int | None) -> None:
    landed(db, start_ms=time_ms, end_ms=time_ms)
    assert db.execute("select started_at, ended_at from stg_runs") == [(None, None)]


def test_times_are_utc_to_the_millisecond(db: Warehouse) -> None:
    landed(db, start_ms=START_MS + 7)
    ((started_at,),) = db.execute("select started_at from stg_runs")
    assert started_at == datetime.fromtimestamp(START_MS / 1000, UTC).replace(microsecond=7000)


def test_system_metrics_are_no_metrics_of_the_training(db: Warehouse) -> None:
    landed(db, metrics=(RawMetric("loss", 1.0, 1, 1), RawMetric("system/cpu_utilization_percentage", 1.0, 1, 1)))
    assert db.execute("select name from stg_run_metrics") == [("loss",)]


@pytest.mark.parametrize(
    ("profile", "rows"), [('{"num_rows": 1200}', 1200), ('{"num_rows": "many"}', None), ("oops", None), (None, None)]
)
def test_rows_of_a_dataset_are_read_from_its_profile(db: Warehouse, profile: str | None, rows: int | None) -> None:
    landed(db, inputs=(RawInput("corpus", "d", "local", None, profile, "training"),))
    assert db.execute("select name, context, num_rows from stg_run_inputs") == [("corpus", "training", rows)]


def test_params_and_tags_keep_their_names(db: Warehouse) -> None:
    landed(db, params={"optim": "sgd"}, tags={"team": "x"})
    assert db.execute("select name, value from stg_run_params") == [("optim", "sgd")]
    assert db.execute("select name, value from stg_run_tags") == [("team", "x")]


def test_a_card_is_measured_by_its_largest_share(db: Warehouse) -> None:
    total_mb = 85_000.0
    samples = []
    for at, used_mb, watts in ((0, 900.0, 60.0), (1, 70_000.0, 390.0), (2, 40_000.0, 200.0)):
        samples += [
            sample("gpu_0_memory_usage_megabytes", used_mb, at),
            sample("gpu_0_memory_usage_percentage", round(100 * used_mb / total_mb, 1), at),
            sample("gpu_0_power_usage_watts", watts, at),
            sample("gpu_0_power_usage_percentage", round(100 * watts / 400, 1), at),
        ]
    landed(db, system_samples=tuple(samples))
    (row,) = db.rows("select * from int_gpu_usage")
    assert row["num_samples"] == 3
    assert row["max_memory_bytes"] == 70_000e6
    assert row["memory_total_bytes"] == pytest.approx(85_000e6, rel=1e-3)
    assert row["power_limit_w"] == pytest.approx(400, rel=1e-3)


def test_a_share_of_zero_gives_no_total(db: Warehouse) -> None:
    landed(
        db, system_samples=(sample("gpu_0_memory_usage_megabytes", 3.0), sample("gpu_0_memory_usage_percentage", 0.0))
    )
    assert db.execute("select memory_total_bytes, power_limit_w from int_gpu_usage") == [(None, None)]


def test_traffic_of_a_run_is_that_of_all_its_nodes(db: Warehouse) -> None:
    samples = [
        sample(f"{node}/network_{way}_megabytes", megabytes, at)
        for node in ("a", "b")
        for way, values in (("receive", (0.0, 10.0)), ("transmit", (0.0, 5.0)))
        for at, megabytes in enumerate(values)
    ]
    landed(db, system_samples=tuple(samples))
    assert db.execute("select num_nodes, network_bytes from int_host_usage") == [(2, 30e6)]


def test_a_run_without_anything_still_has_facts(db: Warehouse) -> None:
    landed(db)
    (row,) = db.rows("select * from int_run_facts")
    assert (row["params"], row["metrics"], row["gpus"], row["num_nodes"]) == ("{}", "{}", "[]", None)
