"""A run as MLflow's client gives it, or as a server's JSON holds it: both become the same raw run."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mlflow.entities import Run

from planner.domain.raw_run import RawInput, RawMetric, RawRun
from planner.sources.reader import PERSONAL_TAGS, finite

CONTEXT_TAG = "mlflow.data.context"


class FoundRun(NamedTuple):
    """A run without what has to be asked for apart: its histories and its models."""

    raw: RawRun
    model_outputs: tuple[tuple[str, int], ...] = ()
    """Id and step of each model that the run logged."""


def from_entity(run: Run, experiment_name: str) -> FoundRun:
    """Of MLflow's own object."""
    inputs = [
        RawInput(
            name=given.dataset.name,
            digest=given.dataset.digest,
            source_type=given.dataset.source_type,
            schema=given.dataset.schema or None,
            profile=given.dataset.profile or None,
            context={tag.key: tag.value for tag in given.tags}.get(CONTEXT_TAG),
        )
        for given in (run.inputs.dataset_inputs if run.inputs else ())
    ]
    info = run.info
    head = (info.run_id, str(info.experiment_id), experiment_name, info.run_name or "", str(info.status))
    points = [point(m.key, m.value, m.step, m.timestamp) for m in run.data.to_proto().metrics]
    outputs = run.outputs.model_outputs if run.outputs else ()
    return FoundRun(
        RawRun(
            *head, info.lifecycle_stage, info.start_time, info.end_time, run.data.params, _kept(run.data.tags),
            tuple(points), (), tuple(inputs),
        ),
        tuple((output.model_id, output.step) for output in outputs),
    )  # fmt: skip


def from_json(run: Mapping[str, Any], experiment_name: str) -> FoundRun:
    """Of a server's answer: a fifth of the work of making MLflow's objects first."""
    info, data = run["info"], run.get("data", {})
    points = [
        point(m["key"], float(m.get("value", 0.0)), int(m.get("step", 0)), int(m.get("timestamp", 0)))
        for m in data.get("metrics", ())
    ]
    inputs = [
        RawInput(
            name=given["dataset"]["name"],
            digest=given["dataset"]["digest"],
            source_type=given["dataset"]["source_type"],
            schema=given["dataset"].get("schema") or None,
            profile=given["dataset"].get("profile") or None,
            context=_texts(given.get("tags", ())).get(CONTEXT_TAG),
        )
        for given in run.get("inputs", {}).get("dataset_inputs", ())
    ]
    head = (info["run_id"], str(info["experiment_id"]), experiment_name, info.get("run_name", ""), info["status"])
    start_ms, end_ms = (int(info[name]) if name in info else None for name in ("start_time", "end_time"))
    outputs = run.get("outputs", {}).get("model_outputs", ())
    return FoundRun(
        RawRun(
            *head, info["lifecycle_stage"], start_ms, end_ms, _texts(data.get("params", ())),
            _kept(_texts(data.get("tags", ()))), tuple(points), (), tuple(inputs),
        ),
        tuple((output["model_id"], int(output.get("step", 0))) for output in outputs),
    )  # fmt: skip


def point(key: str, value: float, step: int, timestamp_ms: int) -> RawMetric:
    """A metric point as it is landed."""
    return RawMetric(key, finite(value), step, timestamp_ms)


def _texts(pairs: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {pair["key"]: pair.get("value", "") for pair in pairs}


def _kept(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key not in PERSONAL_TAGS}
