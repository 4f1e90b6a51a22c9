"""Writes the names of our own as ``planner_contract`` reads them: params and metrics of a run."""

import json
from typing import Any

from planner.catalog.load import Catalog
from planner.dialects.planner_contract import ESTIMATE, LENGTHS, PREFIX, WHOLE
from planner.domain.accelerator import Cluster
from planner.domain.model_spec import ModelSpec
from planner.domain.run_config import RunConfig
from planner.domain.sample_lengths import SampleLengths
from planner.domain.told_estimate import ToldEstimate
from planner.domain.training_run import Actual, Failure

LONGEST_PARAM = 6000
"""What every MLflow server of today takes."""
NOT_LOGGED = ("name", "operations")
OWN_PRICE = ("owned", "power")
"""The run has a name; how it is operated is said by whoever plans it; own prices are nobody else's business."""


def config_params(config: RunConfig, catalog: Catalog) -> dict[str, str]:
    """The configuration as one param; unknown fields are left out, but for those that would get a default."""
    given = config.model_dump(
        mode="json", exclude={**dict.fromkeys(NOT_LOGGED, True), "cluster": {*OWN_PRICE}}, exclude_none=True
    )
    for owner, field in (("", "optimizer"), ("", "gradient_accumulation_steps"), ("parallelism", "zero_stage")):
        (given.setdefault(owner, {}) if owner else given).setdefault(field, None)
    if config.model is not None:
        given["model"] = _model(config.model, catalog)
    if config.cluster is not None:
        given["cluster"] |= _accelerator(config.cluster, catalog)
    return {WHOLE: json.dumps(given, separators=(",", ":"))}


def field_params(fields: dict[str, Any]) -> dict[str, str]:
    """Single fields by their names after ``planner.``; unknown ones are left out."""
    return {f"{PREFIX}{name}": str(value) for name, value in fields.items() if value is not None}


def estimate_params(told: ToldEstimate | None) -> dict[str, str]:
    """The estimate made before the run, to four digits."""
    if told is None:
        return {}
    content = told.model_dump(mode="json", exclude_none=True)
    content["resources"] = {
        name: {level: float(f"{value:.4g}") for level, value in quantiles.items()}
        for name, quantiles in content["resources"].items()
    }
    return {ESTIMATE: json.dumps(content, separators=(",", ":"))}


def length_params(lengths: SampleLengths | None) -> dict[str, str]:
    """How long the samples are."""
    return {} if lengths is None else {LENGTHS: lengths.model_dump_json()}


def failure_params(failure: Failure | None) -> dict[str, str]:
    return {} if failure is None else {f"{PREFIX}failure": failure}


def actual_metrics(actual: Actual) -> dict[str, float]:
    """What the run used, known figures alone."""
    return {f"{PREFIX}{name}": float(value) for name, value in actual if value is not None}


def _model(model: ModelSpec, catalog: Catalog) -> str | dict[str, Any]:
    listed = catalog.models.get(model.name)
    return model.name if listed == model else model.model_dump(mode="json", exclude_none=True)


def _accelerator(cluster: Cluster, catalog: Catalog) -> dict[str, Any]:
    slug = cluster.accelerator.slug
    return {"accelerator": slug} if catalog.accelerators.get(slug) == cluster.accelerator else {}
