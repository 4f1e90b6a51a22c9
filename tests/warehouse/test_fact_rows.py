"""What the warehouse knows of a run before it is interpreted."""

import json
from collections.abc import Callable

import pytest

from planner.catalog.load import load_catalog
from planner.domain.programme import Programme
from planner.domain.raw_batch import as_batch
from planner.domain.raw_run import RawMetric, RawRun
from planner.warehouse.build import build_views
from planner.warehouse.connection import Warehouse
from planner.warehouse.facts import read_facts, understand
from planner.warehouse.landing import land

MakeRun = Callable[..., RawRun]


def test_facts_hold_values_and_steps_of_metrics(db: Warehouse, make_run: MakeRun) -> None:
    point = RawMetric("loss", 1.25, 7, 9)
    land(
        db,
        "a",
        [as_batch([make_run(1, metrics=(point, RawMetric("nan", None, 7, 9)), params={"k": json.dumps({"q": '"'})})])],
    )
    build_views(db)
    (facts,) = read_facts(db, "a", [make_run(1).run_id])
    assert facts.metrics["loss"] == (1.25, 7)
    assert facts.metrics["nan"] == (None, 7)
    assert facts.params == {"k": '{"q": "\\""}'}


def test_facts_hold_the_histories_of_training_and_when_it_ended(db: Warehouse, make_run: MakeRun) -> None:
    points = (RawMetric("loss", None, 2, 30), RawMetric("loss", 1.5, 1, 20), RawMetric("eval_runtime", 3.0, 2, 40))
    run = make_run(1, metric_points=points, metrics=(RawMetric("train_runtime", 9.0, 2, 50),))
    land(db, "a", [as_batch([run, make_run(2)])])
    build_views(db)
    facts, other = read_facts(db, "a", [run.run_id, make_run(2).run_id])
    assert facts.histories == {
        "loss": ((1, 2), (20, 30), (1.5, None)),
        "eval_runtime": ((2,), (40,), (3.0,)),
        "train_runtime": ((2,), (50,), (9.0,)),
    }
    assert other.histories == {}


def test_facts_are_read_in_parts_without_gap_or_double(
    db: Warehouse, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("planner.warehouse.facts.RUNS_PER_QUERY", 2)
    land(db, "a", [as_batch([make_run(n) for n in range(5)])])
    land(db, "b", [as_batch([make_run(n) for n in range(12, 15)])])
    assert (
        understand(db, load_catalog(), Programme.model_validate({"name": "test", "sources": [{"tracking_uri": "a"}]}))
        == 8
    )
