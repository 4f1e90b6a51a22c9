"""Fields that are not known become a bounded set of plausible runs, each with a weight."""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from planner.domain.lora import LORA_TARGET_SETS, Lora
from planner.domain.model_spec import ModelSpec
from planner.domain.precision import PRECISIONS, Precision
from planner.domain.run_config import RunConfig
from planner.estimator.adapter_guess import guess_adapter

MAX_ALTERNATIVES = 16

Update = Mapping[str, Any]


class Axis(NamedTuple):
    """One unknown field and what it may be, from the least memory to the most."""

    field: str
    options: tuple[tuple[float, Update], ...]
    """Weight (adding up to 1) and the fields that the option sets."""

    @property
    def likeliest(self) -> tuple[float, Update]:
        return max(self.options, key=lambda option: option[0])


class Alternative(NamedTuple):
    """One fully known run that the configuration may mean."""

    weight: float
    config: RunConfig


AUTOCAST_BF16 = Precision(weights_dtype="bf16", compute_dtype="bf16", amp=True)
AUTOCAST_FP16 = Precision(weights_dtype="fp16", compute_dtype="fp16", amp=True)

OPTIONS: dict[str, tuple[tuple[float, Update], ...]] = {
    "activation_checkpointing": (
        (0.5, {"activation_checkpointing": "full"}),
        (0.5, {"activation_checkpointing": "none"}),
    ),
    "parallelism.zero_stage": ((0.5, {"zero_stage": 3}), (0.15, {"zero_stage": 1}), (0.35, {"zero_stage": 0})),
    "gradient_accumulation_steps": (
        (0.4, {"gradient_accumulation_steps": 1}),
        (0.35, {"gradient_accumulation_steps": 4}),
        (0.25, {"gradient_accumulation_steps": 16}),
    ),
    "loss": ((0.2, {"loss": "fused_linear_ce"}), (0.8, {"loss": "full_logits"})),
    "attention": ((0.85, {"attention": "sdpa"}), (0.15, {"attention": "eager"})),
    "optimizer": (
        (0.15, {"optimizer": "adamw_8bit"}),
        (0.35, {"optimizer": "adamw_fused"}),
        (0.5, {"optimizer": "adamw"}),
    ),
    "base_quantization": ((0.6, {"base_quantization": "nf4_dq"}), (0.4, {"base_quantization": "nf4"})),
    "lora.rank": ((0.4, {"rank": 8}), (0.35, {"rank": 16}), (0.25, {"rank": 64})),
    "lora.targets": (
        (0.5, {"targets": LORA_TARGET_SETS["attn_qv"]}),
        (0.5, {"targets": LORA_TARGET_SETS["all_linear"]}),
    ),
}
"""What open training code and published runs use; weights are assumed."""


def _method_axis(config: RunConfig) -> Axis:
    adapters: tuple[tuple[float, Update], ...] = (
        (0.35, {"method": "qlora", "base_quantization": "nf4"}),
        (0.65, {"method": "lora", "base_quantization": "none"}),
    )
    if config.base_quantization not in (None, "none"):
        return Axis("method", ((1.0, {"method": "qlora"}),))
    if config.base_quantization == "none":
        adapters = ((1.0, {"method": "lora"}),)
    if config.lora is not None:
        return Axis("method", adapters)
    return Axis("method", (*((0.7 * w, u) for w, u in adapters), (0.3, {"method": "full"})))


def _precision_axis(config: RunConfig) -> Axis:
    accelerator = config.cluster.accelerator if config.cluster else None
    if accelerator is not None and accelerator.kind == "cpu":
        options: tuple[tuple[float, Update], ...] = ((1.0, {"precision": PRECISIONS["fp32"]}),)
    else:
        short = "bf16" if accelerator is None or "bf16" in accelerator.peak_flop_per_s else "fp16"
        autocast = AUTOCAST_BF16 if short == "bf16" else AUTOCAST_FP16
        if config.method == "qlora":
            options = ((1.0, {"precision": autocast}),)
        else:
            options = ((0.6, {"precision": PRECISIONS[short]}), (0.4, {"precision": PRECISIONS[f"{short}-mixed"]}))
    return Axis("precision", options)


def _batching_axis(config: RunConfig) -> Axis | None:
    seq_len = config.seq_len or 1
    if config.batching is None:
        mean = config.mean_tokens_per_sample or 0.5 * seq_len
        options: tuple[tuple[float, Update], ...] = (
            (0.6, {"batching": "dynamic", "mean_tokens_per_sample": mean}),
            (0.4, {"batching": "packed"}),
        )
        return Axis("batching", options)
    if config.batching in ("dynamic", "padding_free") and config.mean_tokens_per_sample is None:
        means = (0.3 * seq_len, 0.9 * seq_len)
        return Axis("mean_tokens_per_sample", tuple((0.5, {"mean_tokens_per_sample": mean}) for mean in means))
    return None


def _adapter_axes(config: RunConfig, model: ModelSpec) -> list[Axis]:
    lora = config.lora or Lora()
    if lora.rank is not None and lora.targets is not None:
        return []
    if config.trainable_params is not None:
        rank, targets = guess_adapter(model, config.trainable_params, rank=lora.rank, targets=lora.targets)
        missing = "lora.rank" if lora.rank is None else "lora.targets"
        return [Axis(missing, ((1.0, {"rank": rank, "targets": targets}),))]
    axes = []
    if lora.targets is None:
        axes.append(Axis("lora.targets", OPTIONS["lora.targets"]))
    if lora.rank is None:
        axes.append(Axis("lora.rank", OPTIONS["lora.rank"]))
    return axes


def unknown_axes(config: RunConfig) -> list[Axis]:
    """The unknown fields of a configuration, those that move an estimate most first."""
    axes: list[Axis] = []
    if config.method is None:
        axes.append(_method_axis(config))
    if config.precision is None:
        axes.append(_precision_axis(config))
    if config.activation_checkpointing is None:
        axes.append(Axis("activation_checkpointing", OPTIONS["activation_checkpointing"]))
    if config.parallelism.zero_stage is None:
        single = config.data_parallel == 1
        options: tuple[tuple[float, Update], ...] = ((1.0, {"zero_stage": 0}),)
        axes.append(Axis("parallelism.zero_stage", options if single else OPTIONS["parallelism.zero_stage"]))
    if config.gradient_accumulation_steps is None:
        axes.append(Axis("gradient_accumulation_steps", OPTIONS["gradient_accumulation_steps"]))
    batching = _batching_axis(config)
    if batching is not None:
        axes.append(batching)
    if config.loss is None:
        axes.append(Axis("loss", OPTIONS["loss"]))
    if config.method != "full" and config.model is not None:
        axes.extend(_adapter_axes(config, config.model))
    if config.attention is None:
        axes.append(Axis("attention", OPTIONS["attention"]))
    if config.optimizer is None:
        axes.append(Axis("optimizer", OPTIONS["optimizer"]))
    if config.method == "qlora" and config.base_quantization is None:
        axes.append(Axis("base_quantization", OPTIONS["base_quantization"]))
    return axes


def _apply(config: RunConfig, updates: Sequence[Update]) -> RunConfig:
    fields: dict[str, Any] = {}
    for update in updates:
        fields.update(update)
    adapter: dict[str, Any] = {name: fields.pop(name) for name in ("rank", "targets") if name in fields}
    if adapter:
        fields["lora"] = (config.lora or Lora()).model_copy(update=adapter)
    if "zero_stage" in fields:
        stage = fields.pop("zero_stage")
        fields["parallelism"] = config.parallelism.model_copy(update={"zero_stage": stage})
    return config.model_copy(update=fields) if fields else config


def describe(config: RunConfig, names: Sequence[str]) -> str:
    """What one alternative takes for the unknown fields: ``loss full_logits, lora.rank 16``."""

    def value(name: str) -> Any:
        found: Any = config
        for part in name.split("."):
            found = getattr(found, part, None)
        if isinstance(found, Precision):
            return next((word for word, known in PRECISIONS.items() if known == found), "bf16 under autocast")
        return "+".join(found) if isinstance(found, tuple) else found

    return ", ".join(f"{name} {value(name)}" for name in names if value(name) is not None)


def expand(config: RunConfig) -> tuple[tuple[Alternative, ...], tuple[str, ...]]:
    """The runs that a configuration may mean, weights adding up to 1, and the names of the unknown fields.

    All combinations where there are at most 16. Else all of the fields that matter most, with the others at their
    likeliest, and the two corners in which every field has its lightest or its heaviest option.
    """
    axes = unknown_axes(config)
    names = tuple(axis.field for axis in axes)
    if not axes:
        return (Alternative(1.0, config),), ()
    chosen: list[tuple[tuple[float, Update], ...]] = []
    if math.prod(len(axis.options) for axis in axes) <= MAX_ALTERNATIVES:
        chosen = list(product(*(axis.options for axis in axes)))
    else:
        grid, count = [], 1
        for axis in axes:
            options = axis.options
            if count * len(options) > MAX_ALTERNATIVES - 2:
                options = (axis.likeliest,)
            count *= len(options)
            grid.append(options)
        chosen = list(product(*grid))
        chosen.append(tuple(axis.options[0] for axis in axes))
        chosen.append(tuple(axis.options[-1] for axis in axes))
    weights = [math.prod(weight for weight, _ in options) for options in chosen]
    total = sum(weights)
    alternatives = tuple(
        Alternative(weight / total, _apply(config, [update for _, update in options]))
        for weight, options in zip(weights, chosen, strict=True)
    )
    return alternatives, names
