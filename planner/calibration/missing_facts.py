"""What past runs leave unsaid, what that costs in accuracy, and the line of training code that says it.

The cost of a field is computed: the 80 % range of an estimate with the field known, and the same with it unknown, all
other fields at their likeliest. Ranges are given as a factor around the middle, the root of p90 over p10.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from statistics import fmean
from typing import Any, Literal, NamedTuple

from planner.domain import Frozen
from planner.domain.estimate import Estimate, Resource
from planner.domain.run_config import RunConfig
from planner.domain.training_run import TrainingRun
from planner.errors import PlannerError
from planner.estimator.estimate_run import estimate_run
from planner.estimator.unknowns import expand

Consequence = Literal["no estimate", "wider estimate", "not learnt"]
COMPARED: tuple[Resource, ...] = ("peak_device_bytes", "duration_s")
"""Ranges of these are compared; the one that moves most is shown."""
EXAMPLES = 3
"""Newest runs of an experiment that ranges are computed for."""
FRAMEWORK, USUAL_FRAMEWORK = "framework", "transformers"
"""Unknown, it is no option among others but a wide spread of its own: it is compared with the usual one."""
LEAST_CHANGE = 0.005
"""A field that widens no range by this natural logarithm is not shown."""


class MissingFact(Frozen):
    """One field of one experiment that some runs leave open, or that had to be inferred."""

    experiment: str
    field: str
    num_runs: int
    """Runs of the experiment to which the field applies."""
    num_unknown: int
    num_inferred: int
    consequence: Consequence
    resource: Resource | None
    """What the ranges are of; None where there is no estimate at all."""
    range_without_ratio: float | None
    """Factor around the middle within which 8 of 10 runs lie, with the field unknown."""
    range_with_ratio: float | None
    """The same with the field known; None where nothing was learnt yet that would tell."""
    line: str
    """What to add to the training code."""


class Field(NamedTuple):
    """A field of a configuration, when it matters, and what stands in code for it."""

    name: str
    value: str
    """A Python expression as users have it in their code."""
    applies: Callable[[RunConfig], bool] = lambda _: True
    emptied: Mapping[str, Any] | None = None
    """Fields that go with it when it is taken away, itself left out; None: itself alone."""

    @property
    def line(self) -> str:
        return f'mlflow.log_param("planner.{LOGGED_AS.get(self.name, self.name)}", {self.value})'


LOGGED_AS = {"lora.rank": "lora_rank", "lora.targets": "lora_targets", "parallelism.zero_stage": "zero_stage"}


def _has_lora(config: RunConfig) -> bool:
    return config.method in ("lora", "qlora")


def _varies(config: RunConfig) -> bool:
    return config.batching in ("dynamic", "padding_free")


def _is_divided(config: RunConfig) -> bool:
    return config.data_parallel > 1


NEEDED = (
    Field("model", '"llama-3.1-8b"'),
    Field("cluster", '"h100-sxm-80gb"'),
    Field("micro_batch_size", "per_device_train_batch_size"),
    Field("seq_len", "max_length"),
)
LENGTHS_OF_RUN = ("max_steps", "train_tokens", "epochs")
OPTIONAL = (
    Field(
        "method",
        '"lora"',
        emptied=dict.fromkeys(("lora", "adapter", "trainable_params", "base_quantization", "virtual_tokens")),
    ),
    Field("precision", '"bf16"'),
    Field("activation_checkpointing", '"full"'),
    Field("parallelism.zero_stage", "3", _is_divided),
    Field("gradient_accumulation_steps", "gradient_accumulation_steps"),
    Field("batching", '"packed"', emptied={"mean_tokens_per_sample": None, "max_tokens_per_sample": None}),
    Field("mean_tokens_per_sample", "mean_length", _varies),
    Field("loss", '"full_logits"'),
    Field("lora.rank", "lora_config.r", _has_lora, emptied={"trainable_params": None}),
    Field("lora.targets", '"q_proj+v_proj"', _has_lora, emptied={"trainable_params": None}),
    Field("attention", '"flash"'),
    Field("optimizer", '"adamw_fused"'),
    Field("base_quantization", '"nf4"', lambda config: config.method == "qlora"),
    Field(FRAMEWORK, '"trl"'),
)
MEASURED: dict[Resource, str] = {
    "peak_device_bytes": "torch.cuda.device_memory_used()",
    "peak_reserved_bytes": "torch.cuda.max_memory_reserved()",
    "tokens_per_s_per_accelerator": "tokens / train_seconds / num_gpus",
    "start_up_s": "seconds_before_the_first_step",
    "checkpoint_bytes": "bytes_of_one_checkpoint",
}
"""Resources that are learnt from what runs measured, and what stands in code for them."""


def missing_facts(
    runs: Iterable[TrainingRun], learnt_ranges: Mapping[Resource, float] | None = None
) -> tuple[MissingFact, ...]:
    """Per experiment what is missing or inferred, the costliest first.

    ``learnt_ranges``: half-ranges of past predictions that had something learnt, by resource.
    """
    found: list[MissingFact] = []
    ordered = sorted(runs, key=lambda run: (run.experiment, -(run.started_at.timestamp() if run.started_at else 0.0)))
    for experiment, members in groupby(ordered, key=lambda run: run.experiment):
        own = list(members)
        found.extend(_needed(experiment, own))
        examples = _examples(own)
        found.extend(_optional(experiment, own, examples))
        found.extend(_measured(experiment, own, examples, learnt_ranges or {}))
    return tuple(found)


def _needed(experiment: str, runs: Sequence[TrainingRun]) -> list[MissingFact]:
    found = []
    for field in NEEDED:
        has_none = [run for run in runs if _value(run.config, field.name) is None]
        if field.name == "seq_len":
            has_none = [run for run in has_none if run.config.mean_tokens_per_sample is None]
        found.append(_fact(experiment, field.name, runs, has_none, "no estimate", _line(field)))
    endless = [run for run in runs if all(getattr(run.config, name) is None for name in LENGTHS_OF_RUN)]
    line = 'mlflow.log_param("planner.max_steps", max_steps)'
    found.append(_fact(experiment, "max_steps", runs, endless, "no estimate", line))
    return sorted((fact for fact in found if fact.num_unknown), key=lambda fact: -fact.num_unknown)


def _line(field: Field) -> str:
    if field.name != "cluster":
        return field.line
    return f'mlflow.log_params({{"planner.accelerator": {field.value}, "planner.num_accelerators": world_size}})'


def _fact(
    experiment: str,
    field: str,
    runs: Sequence[TrainingRun],
    unknown: Sequence[TrainingRun],
    consequence: Consequence,
    line: str,
    **ranges: Any,
) -> MissingFact:
    inferred = sum(run.origins[field].kind == "inferred" for run in runs if field in run.origins and run not in unknown)
    nothing = {"resource": None, "range_without_ratio": None, "range_with_ratio": None}
    return MissingFact(
        experiment=experiment, field=field, num_runs=len(runs), num_unknown=len(unknown), num_inferred=inferred,
        consequence=consequence, line=line, **{**nothing, **ranges},
    )  # fmt: skip


def _examples(runs: Iterable[TrainingRun]) -> list[tuple[RunConfig, Estimate]]:
    """Configurations of the newest runs that can be estimated, every unknown field at its likeliest."""
    found: dict[str, tuple[RunConfig, Estimate]] = {}
    for run in runs:
        if len(found) < EXAMPLES and run.problem is None and run.config.config_hash not in found:
            try:
                whole = max(expand(run.config)[0], key=lambda alternative: alternative.weight).config
                found[run.config.config_hash] = whole, estimate_run(whole)
            except PlannerError:
                continue
    return list(found.values())


def _optional(
    experiment: str, runs: Sequence[TrainingRun], examples: Sequence[tuple[RunConfig, Estimate]]
) -> list[MissingFact]:
    found = []
    for field in OPTIONAL:
        concerned = [run for run in runs if run.problem is None and field.applies(run.config)]
        unknown = [run for run in concerned if _value(run.config, field.name) is None]
        seen = {_value(run.config, field.name) for run in concerned}
        agreed = seen.pop() if len(seen) == 1 else None
        line = field._replace(value=repr(agreed)).line if isinstance(agreed, str | int | float) else field.line
        bare = _fact(experiment, field.name, concerned, unknown, "wider estimate", line.replace("'", '"'))
        if not (bare.num_unknown or bare.num_inferred):
            continue
        ranges = _ranges(field, examples)
        if ranges is not None and math.log(ranges[1] / ranges[2]) > LEAST_CHANGE:
            resource, without, with_it = ranges
            update = {"resource": resource, "range_without_ratio": without, "range_with_ratio": with_it}
            found.append(bare.model_copy(update=update))
    return sorted(found, key=lambda fact: (not fact.num_unknown, -_widening(fact)))


def _ranges(field: Field, examples: Iterable[tuple[RunConfig, Estimate]]) -> tuple[Resource, float, float] | None:
    """Resource that moves most, its half-range without the field, and with it: means over the examples."""
    pairs: dict[Resource, list[tuple[float, float]]] = {}
    for config, estimate in examples:
        known = estimate
        if not field.applies(config):
            continue
        try:
            if field.name == FRAMEWORK and config.framework is None:
                known = estimate_run(config.model_copy(update={FRAMEWORK: USUAL_FRAMEWORK}))
            unknown = estimate_run(_without(config, field))
        except PlannerError:
            continue
        for resource in COMPARED:
            pairs.setdefault(resource, []).append((_log_range(unknown, resource), _log_range(known, resource)))
    means = [
        (resource, math.exp(fmean(one for one, _ in both)), math.exp(fmean(other for _, other in both)))
        for resource, both in pairs.items()
    ]
    return max(means, key=lambda mean: mean[1] / mean[2], default=None)


def _log_range(estimate: Estimate, resource: Resource) -> float:
    quantiles = estimate.quantiles(resource)
    if quantiles is None or quantiles.p10 <= 0:
        return 0.0
    return math.log(quantiles.p90 / quantiles.p10) / 2


def _without(config: RunConfig, field: Field) -> RunConfig:
    """The configuration as if nobody knew the field."""
    owner, _, part = field.name.rpartition(".")
    update = dict(field.emptied or {})
    if owner:
        inner = getattr(config, owner)
        update[owner] = None if inner is None else inner.model_copy(update={part: None})
    else:
        update[part] = None
    return config.model_copy(update=update)


def _value(config: RunConfig, name: str) -> Any:
    value: Any = config
    for part in name.split("."):
        value = getattr(value, part, None)
    return value


def _widening(fact: MissingFact) -> float:
    """How much the estimates of all the runs lose together."""
    if fact.range_without_ratio is None or fact.range_with_ratio is None:
        return 0.0
    return (fact.num_unknown or fact.num_inferred) * math.log(fact.range_without_ratio / fact.range_with_ratio)


def _measured(
    experiment: str,
    runs: Sequence[TrainingRun],
    examples: Sequence[tuple[RunConfig, Estimate]],
    learnt_ranges: Mapping[Resource, float],
) -> list[MissingFact]:
    ended = [run for run in runs if run.status == "FINISHED"]
    found = []
    for resource, value in MEASURED.items():
        on_cpu = all(_is_cpu(run) for run in ended)
        if on_cpu and resource.startswith("peak_"):
            continue
        silent = [run for run in ended if getattr(run.actual, resource) is None]
        physics = [_log_range(known, resource) for _, known in examples]
        if silent:
            line = f'mlflow.log_metric("planner.{resource}", {value})'
            ranges = {
                "resource": resource,
                "range_without_ratio": math.exp(fmean(physics)) if physics else None,
                "range_with_ratio": learnt_ranges.get(resource),
            }
            found.append(_fact(experiment, f"actual.{resource}", ended, silent, "not learnt", line, **ranges))
    return sorted(found, key=lambda fact: -fact.num_unknown)


def _is_cpu(run: TrainingRun) -> bool:
    return run.config.cluster is not None and run.config.cluster.accelerator.kind == "cpu"
