import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.catalog.load import load_catalog
from planner.dialects.facts import MAX_POINTS
from planner.domain.programme import Programme
from planner.domain.raw_batch import MAX_TEXT, RAW_COLUMNS, as_batch
from planner.domain.raw_run import RawInput, RawMetric, RawRun
from planner.warehouse.build import build_views, run_checks
from planner.warehouse.connection import Warehouse, connect
from planner.warehouse.facts import understand
from planner.warehouse.landing import Landed, land
from planner.warehouse.registry import ensure_tables

MakeRun = Callable[..., RawRun]
Dump = Callable[[Warehouse], dict[str, list[tuple[Any, ...]]]]
SOURCE = "sqlite:///mlflow.db"


def test_landing_twice_changes_nothing(db: Warehouse, make_run: MakeRun, dump: Dump) -> None:
    batches = [as_batch([make_run(1), make_run(2)]), as_batch([make_run(3)])]
    assert land(db, SOURCE, batches) == Landed(3, 3, 1_780_000_003_500)
    first = dump(db)
    assert land(db, SOURCE, batches).num_changed == 0
    assert dump(db) == first
    assert [len(first[name]) for name in ("raw_runs", "raw_params", "raw_metrics", "raw_system_samples")] == [
        3,
        3,
        3,
        3,
    ]


def test_a_run_that_changed_replaces_all_its_rows_and_no_others(db: Warehouse, make_run: MakeRun) -> None:
    land(db, SOURCE, [as_batch([make_run(1, status="RUNNING", end_ms=None), make_run(2)])])
    changed = make_run(
        1, params={"lr": "1"}, tags={}, inputs=(RawInput("corpus", "d", "local", None, "{}", "training"),)
    )
    assert land(db, SOURCE, [as_batch([changed, make_run(2)])]).num_changed == 1
    assert db.execute("select run_id, key from raw_params order by run_id") == [
        (make_run(1).run_id, "lr"),
        (make_run(2).run_id, "optim"),
    ]
    assert db.execute("select status from raw_runs where run_id = ?", (changed.run_id,)) == [("FINISHED",)]
    assert db.execute("select name, context from raw_inputs") == [("corpus", "training")]


def test_equal_ids_of_two_sources_are_two_runs(db: Warehouse, make_run: MakeRun) -> None:
    land(db, SOURCE, [as_batch([make_run(1)])])
    land(db, "http://host", [as_batch([make_run(1, status="FAILED")])])
    assert db.execute("select source, status from raw_runs order by source") == [
        ("http://host", "FAILED"),
        (SOURCE, "FINISHED"),
    ]


def test_a_deleted_run_stays_and_is_marked(db: Warehouse, make_run: MakeRun) -> None:
    land(db, SOURCE, [as_batch([make_run(1)])])
    land(db, SOURCE, [as_batch([make_run(1, lifecycle_stage="deleted")])])
    assert db.execute("select lifecycle_stage from raw_runs") == [("deleted",)]


def test_strange_values_land_as_they_are(db: Warehouse, make_run: MakeRun) -> None:
    params = {"nasty": "'; drop table raw_runs; --", "smile": "🦙", "nul": "a\x00b", "long": "x" * 8000, "": "no name"}
    run = make_run(
        1, params=params, start_ms=-5, end_ms=-(2**62), metrics=(RawMetric("loss", None, -3, -1),), run_name=""
    )
    land(db, SOURCE, [as_batch([run])])
    assert dict(db.execute("select key, value from raw_params")) == params
    assert db.execute("select start_ms, end_ms from raw_runs") == [(-5, -(2**62))]
    assert db.execute("select value, step, timestamp_ms from raw_metrics") == [(None, -3, -1)]


def test_a_run_that_ends_in_the_future_does_not_move_the_next_watermark(db: Warehouse, make_run: MakeRun) -> None:
    landed = land(db, SOURCE, [as_batch([make_run(1), make_run(2, end_ms=9_999_999_999_999)])])
    assert landed.newest_end_ms == make_run(1).end_ms


def test_a_run_that_does_not_fit_is_quarantined_and_the_others_land(db: Warehouse, make_run: MakeRun) -> None:
    runs = [make_run(number) for number in range(9)]
    runs[4] = make_run(4, status=None)
    landed = land(db, SOURCE, [as_batch(runs)])
    assert (landed.num_changed, landed.num_quarantined) == (8, 1)
    ((run_id, reason),) = db.execute("select run_id, reason from quarantined_runs")
    assert run_id == runs[4].run_id
    assert "status" in reason
    assert land(db, SOURCE, [as_batch([make_run(4)])]).num_changed == 1
    assert db.execute("select count(*) from quarantined_runs") == [(0,)]


def test_long_histories_are_thinned_evenly_and_keep_their_last_sample(
    db: Warehouse, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tuple(RawMetric("system/x", float(n), n, n) for n in range(20_001))
    short = tuple(RawMetric("system/y", float(n), n, n) for n in range(10))
    batch = as_batch([make_run(1, system_samples=long + short), make_run(2)])
    land(db, SOURCE, [batch])
    kept = [row[0] for row in db.execute("select step from raw_system_samples where key = 'system/x' order by 1")]
    assert 4000 <= len(kept) <= 5000
    assert (kept[0], kept[-1]) == (0, 20_000)
    assert {later - earlier for earlier, later in pairwise(kept[:-1])} == {5}
    assert db.execute("select count(*) from raw_system_samples where key <> 'system/x'") == [(11,)]
    assert land(db, SOURCE, [batch]).num_changed == 0


@pytest.mark.parametrize("num", [1000, 1001, 1002, 2500])
def test_at_most_a_thousand_points_of_a_metric_are_kept_the_first_and_the_last_among_them(
    db: Warehouse, make_run: MakeRun, num: int
) -> None:
    points = tuple(RawMetric("loss", 1 / (n + 1), n, n) for n in range(num))
    land(db, SOURCE, [as_batch([make_run(1, metric_points=points), make_run(2, metric_points=points[:3])])])
    kept = [
        step
        for (step,) in db.execute(
            "select step from raw_metric_points where run_id = ? order by 1", (make_run(1).run_id,)
        )
    ]
    assert 500 <= len(kept) <= MAX_POINTS
    assert (kept[0], kept[-1]) == (0, num - 1)
    assert len({later - earlier for earlier, later in pairwise(kept[:-1])}) == 1
    assert db.execute("select count(*) from raw_metric_points where run_id = ?", (make_run(2).run_id,)) == [(3,)]


def test_a_run_with_a_hundred_thousand_params_lands(db: Warehouse, make_run: MakeRun) -> None:
    land(db, SOURCE, [as_batch([make_run(1, params={f"p{n}": "x" for n in range(100_000)})])])
    assert db.execute("select count(*) from raw_params") == [(100_000,)]


def test_texts_are_cut_at_the_limit(db: Warehouse, make_run: MakeRun) -> None:
    land(db, SOURCE, [as_batch([make_run(1, params={"long": "🦙" * (MAX_TEXT + 5)}, tags={"odd": "\ud800"})])])
    assert db.execute("select length(value) from raw_params") == [(MAX_TEXT,)]
    assert db.execute("select value from raw_tags") == [("?",)]


TEXTS = st.text(max_size=40)
POINTS = st.builds(
    RawMetric,
    st.sampled_from(["loss", "system/gpu_0_memory_usage_megabytes", "'; drop table raw_runs; --", "<b>"]),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(2**63), 2**63 - 1),
)
RUNS = st.builds(
    RawRun,
    st.sampled_from(["a", "b", "c", "d"]),
    *[TEXTS] * 5,
    *[st.none() | st.integers(-(2**63), 2**63 - 1)] * 2,
    *[st.dictionaries(TEXTS, TEXTS, max_size=4)] * 2,
    *[st.lists(POINTS, max_size=4).map(tuple)] * 2,
    inputs=st.just(()),
    models=st.just(()),
    metric_points=st.lists(POINTS, max_size=4).map(tuple),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(RUNS, unique_by=lambda run: run.run_id))
def test_whatever_strangers_logged_lands_once_and_unchanged(db: Warehouse, runs: list[RawRun]) -> None:
    for table in RAW_COLUMNS:
        db.execute(f"delete from {table}")
    ensure_tables(db)
    db.execute("delete from training_runs")
    assert land(db, SOURCE, [as_batch(runs)]).num_changed == len(runs)
    assert land(db, SOURCE, [as_batch(runs[::-1])]).num_changed == 0
    build_views(db)
    heads = {
        run_id: tuple(rest) for run_id, *rest in db.execute("select * exclude (source, content_hash) from raw_runs")
    }
    assert heads == {run.run_id: run[1:8] for run in runs}
    params = sorted(db.execute("select run_id, key, value from raw_params"))
    assert params == sorted((run.run_id, *item) for run in runs for item in run.params.items())
    assert len(db.execute("select * from int_run_facts")) == len(runs)
    understand(db, load_catalog(), Programme.model_validate({"name": "x", "sources": [{"tracking_uri": SOURCE}]}))
    assert db.execute("select count(*) from training_runs where source = ?", (SOURCE,))[0][0] == len(runs)
    run_checks(db)


def test_a_full_disk_is_one_clear_error_and_the_old_warehouse_stays(tmp_path: Path, make_run: MakeRun) -> None:
    path = tmp_path / "warehouse.duckdb"
    with connect(path) as db:
        land(db, SOURCE, [as_batch([make_run(1)])])
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("cannot write"), done.stderr
    assert "free space" in done.stdout
    with connect(path) as db:
        assert db.execute("select run_id from raw_runs") == [(make_run(1).run_id,)]
        assert db.execute("select count(*) from raw_params") == [(1,)]


FULL_DISK = """
import resource, sys
from pathlib import Path
from planner.domain.raw_batch import as_batch
from planner.domain.raw_run import RawRun
from planner.errors import WarehouseError
from planner.warehouse.connection import connect
from planner.warehouse.landing import land
path = Path(sys.argv[1])
limit = path.stat().st_size + 500_000
def runs(number):
    params = {f"p{n}": f"{number * n * 7919 % 1000003:x}" * 50 for n in range(80)}
    return RawRun(f"{number:032x}", "1", "e", "r", "FINISHED", "active", 1, 2, params, {}, (), (), ())
try:
    with connect(path) as db:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        land(db, "sqlite:///mlflow.db", [as_batch([runs(n) for n in range(2, 2000)])])
except WarehouseError as error:
    print(error)
"""
