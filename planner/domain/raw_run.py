"""A run as its tracking store holds it: nothing renamed, nothing converted."""

from typing import NamedTuple


class RawMetric(NamedTuple):
    """One metric point. ``value`` is None where the store holds NaN or an infinity."""

    key: str
    value: float | None
    step: int
    timestamp_ms: int


class RawInput(NamedTuple):
    """A dataset that was logged as an input of the run; ``schema`` and ``profile`` are the JSON text received."""

    name: str
    digest: str
    source_type: str
    schema: str | None
    profile: str | None
    context: str | None


class RawModel(NamedTuple):
    """A model that the run logged as its output; ``created_ms`` since 1970 in UTC."""

    model_id: str
    name: str
    model_type: str
    step: int
    created_ms: int | None


class RawArtifact(NamedTuple):
    """A file of a run as text, or the ``problem`` because of which it was not read."""

    run_id: str
    path: str
    num_bytes: int | None
    text: str | None
    problem: str | None


class RawRun(NamedTuple):
    """One run. Times are milliseconds since 1970 in UTC; every sequence is sorted, so that equal runs are equal."""

    run_id: str
    experiment_id: str
    experiment_name: str
    run_name: str
    status: str
    lifecycle_stage: str
    start_ms: int | None
    end_ms: int | None
    params: dict[str, str]
    tags: dict[str, str]
    metrics: tuple[RawMetric, ...]
    """The latest point of each metric."""
    system_samples: tuple[RawMetric, ...]
    """All points of the metrics whose key starts with ``system/``."""
    inputs: tuple[RawInput, ...]
    models: tuple[RawModel, ...] = ()
    metric_points: tuple[RawMetric, ...] = ()
    """All points of the metrics that are logged as training goes on."""
