"""Names of our own: params, tags and metrics by which a run can say what frameworks do not log. They go first.

``planner.run_config``     one param (or tag): a configuration as JSON, models and accelerators by catalog name
``planner.<field>``        a field of ``RunConfig``: ``planner.method``, ``planner.seq_len``, ``planner.precision``
                           (bf16, bf16-mixed, ...), ``planner.trainable_params``, ``planner.model`` (a name), ...
``planner.lora_rank``, ``planner.lora_targets``           rank and modules (``attn_qv``, ``q_proj+v_proj``)
``planner.accelerator``, ``planner.num_accelerators``     hardware by catalog name, and how many;
``planner.provider``, ``planner.region``, ``planner.pricing_category``, ``planner.instance_type``,
``planner.usd_per_accelerator_hour``
``planner.tp``, ``pp``, ``cp``, ``ep``, ``zero_stage``, ``dp_shard``, ``sequence_parallel``, ``cpu_offload``
``planner.checkpoint_every_steps``, ``planner.checkpoint_keep_last``, ``planner.checkpoint_content``
``planner.dataset_rows``, ``planner.dataset_tokens``, ``planner.dataset_size_bytes``
``planner.evaluation_every_steps``, ``planner.evaluation_tokens``
``planner.estimate``       JSON: what was expected of the run before it trained (``ToldEstimate``)
``planner.sample_lengths`` JSON: how long its samples are (``SampleLengths``)
``planner.device_name``    what the driver calls the device; for people, where no catalog knows it
``planner.target``, ``planner.resumed_from``, ``planner.failure`` (oom, preempted, crashed, cancelled)
``planner.problem``        a tag: why whoever wrote the run says that it is not to be used

Metrics: ``planner.<field>`` for each field of ``Actual``: ``planner.duration_s``, ``planner.tokens``,
``planner.peak_allocated_bytes``, ``planner.tokens_per_s_per_accelerator``, ``planner.cost_usd``, ...
"""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from planner.dialects.draft import CONFIG_FIELDS, NESTED, OF_THE_RUN, Draft
from planner.dialects.facts import RunFacts
from planner.domain import Frozen
from planner.domain.accelerator import Cluster
from planner.domain.lora import Lora
from planner.domain.operations import Evaluation
from planner.domain.parallelism import Parallelism
from planner.domain.run_config import Checkpoints, Dataset, RunConfig
from planner.domain.sample_lengths import SampleLengths
from planner.domain.told_estimate import ToldEstimate
from planner.domain.training_run import Actual, OriginKind

Stated = TypeVar("Stated", bound=Frozen)

NAME = "planner"
PREFIX = "planner."
WHOLE = f"{PREFIX}run_config"
PROBLEM = f"{PREFIX}problem"
ESTIMATE = f"{PREFIX}estimate"
LENGTHS = f"{PREFIX}sample_lengths"
CLUSTER_NAMES = {
    "accelerator": "accelerator", "num_accelerators": "count",
    **{name: name for name in Cluster.model_fields if name not in ("accelerator", "count", "owned", "power")},
}  # fmt: skip
NESTED_NAMES = {
    **{f"lora_{part}": f"lora.{part}" for part in Lora.model_fields},
    **{part: f"parallelism.{part}" for part in Parallelism.model_fields},
    **{f"checkpoint_{part}": f"checkpoints.{part}" for part in Checkpoints.model_fields},
}
DEFAULTS = {
    "optimizer": RunConfig.model_fields["optimizer"].default,
    "gradient_accumulation_steps": RunConfig.model_fields["gradient_accumulation_steps"].default,
    "parallelism.zero_stage": Parallelism.model_fields["zero_stage"].default,
}
SINGLE_FIELDS = {*CONFIG_FIELDS, *OF_THE_RUN} - {*NESTED, "cluster", "dataset"}
WHOLES = {
    "cluster": CLUSTER_NAMES,
    "dataset": {f"dataset_{part}": part for part in Dataset.model_fields},
    "evaluation": {f"evaluation_{part}": part for part in Evaluation.model_fields},
}
"""Fields that single names make up together."""


def recognises(facts: RunFacts) -> bool:
    return any(name.startswith(PREFIX) for names in (facts.params, facts.tags, facts.metrics) for name in names)


def stated_problem(facts: RunFacts) -> str | None:
    """Why the run says of itself that it is not to be used."""
    return facts.tags.get(PROBLEM, "")[:500] or None


def describe(facts: RunFacts, draft: Draft) -> None:
    """Puts what is said under these names over whatever else was found."""
    sides: tuple[tuple[OriginKind, dict[str, str]], ...] = (("tag", facts.tags), ("logged", facts.params))
    for kind, values in sides:
        if WHOLE in values:
            _whole_config(values[WHOLE], kind, draft)
    for kind, values in sides:
        _single_fields(values, kind, draft)


def read_actuals(facts: RunFacts, draft: Draft) -> None:
    """Puts the measured figures under these names over whatever else was found."""
    for name in Actual.model_fields:
        value = facts.metric(f"{PREFIX}{name}")
        if value is not None:
            draft.put(f"actual.{name}", value, "logged", f"metric {PREFIX}{name}")


def stated_estimate(facts: RunFacts) -> ToldEstimate | None:
    """What the run says was expected of it; None where it says nothing that can be read."""
    return _stated(facts, ESTIMATE, ToldEstimate)


def stated_lengths(facts: RunFacts) -> SampleLengths | None:
    """How long the run says its samples are; None where it says nothing that can be read."""
    return _stated(facts, LENGTHS, SampleLengths)


def _stated(facts: RunFacts, name: str, row_type: type[Stated]) -> Stated | None:
    text = facts.params.get(name) or facts.tags.get(name)
    try:
        return row_type.model_validate_json(text) if text else None
    except (ValidationError, ValueError, RecursionError):
        return None


def _whole_config(text: str, kind: OriginKind, draft: Draft) -> None:
    rule = f"{'tag' if kind == 'tag' else 'param'} {WHOLE}"
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        draft.unknown("model", f"{rule} is no JSON ({error})")
        return
    if isinstance(given, dict):
        put_config(given, kind, rule, draft)
    for field, default in DEFAULTS.items():
        if not _is_said_unknown(given, field):
            draft.offer(field, default, "inferred", f"{rule} leaves it at its default")


def put_config(given: Mapping[str, Any], kind: OriginKind, rule: str, draft: Draft) -> None:
    """Puts every field of a configuration; None leaves a field alone, as does a name that is no field."""
    for field, value in given.items():
        if field in NESTED and isinstance(value, Mapping):
            for part, inner in value.items():
                if inner is not None and part in NESTED[field].model_fields:
                    draft.put(f"{field}.{part}", inner, kind, rule)
        elif field in CONFIG_FIELDS and value is not None:
            draft.put(field, value, kind, rule)


def _is_said_unknown(given: Any, field: str) -> bool:
    """Whether the JSON holds null for a field: unknown, where a missing one has its default."""
    owner, _, part = field.rpartition(".")
    inside = given.get(owner, {}) if owner and isinstance(given, dict) else given
    return isinstance(inside, dict) and part in inside and inside[part] is None


def _single_fields(values: dict[str, str], kind: OriginKind, draft: Draft) -> None:
    given = {
        name.removeprefix(PREFIX): value for name, value in values.items() if name.startswith(PREFIX) and name != WHOLE
    }
    source = "tag" if kind == "tag" else "param"
    for name, value in given.items():
        field = NESTED_NAMES.get(name, name if name in SINGLE_FIELDS else None)
        if field is not None:
            is_stage = name == "zero_stage" and value.isdigit()
            draft.put(field, int(value) if is_stage else value, kind, f"{source} {PREFIX}{name}")
    for whole, names in WHOLES.items():
        parts = {names[name]: value for name, value in given.items() if name in names}
        if parts:
            _put_whole(whole, parts, kind, source, draft)


def _put_whole(field: str, parts: dict[str, Any], kind: OriginKind, source: str, draft: Draft) -> None:
    known = draft.get(field)
    draft.put(
        field,
        {**(known.model_dump() if known is not None else {}), **parts},
        kind,
        f"{source}s {PREFIX}{', '.join(sorted(parts))}",
    )
