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
from planner.estimator.adapter_size import WITHOUT_MODULES
from planner.estimator.adapter_traits import traits_of
from planner.estimator.elementwise import always, larger, rounded, sometimes
from planner.estimator.software import software_class, usual_loss

MAX_ALTERNATIVES = 16
LAYOUT_FIELDS = ("zero_stage", "sequence_parallel")

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
    "parallelism.sequence_parallel": (
        (0.6, {"sequence_parallel": True}),
        (0.4, {"sequence_parallel": False}),
    ),
    "adapter": (
        (0.5, {"method": "adapter", "adapter": "ia3"}),
        (0.5, {"method": "adapter", "adapter": "lora"}),
    ),
    "virtual_tokens": ((0.5, {"virtual_tokens": 20}), (0.5, {"virtual_tokens": 100})),
    "lora.rank": ((0.4, {"rank": 8}), (0.35, {"rank": 16}), (0.25, {"rank": 64})),
    "lora.targets": (
        (0.5, {"targets": LORA_TARGET_SETS["attn_qv"]}),
        (0.5, {"targets": LORA_TARGET_SETS["all_linear"]}),
    ),
}
"""What open training code and published runs use; weights are assumed."""

TUNED_CHECKPOINTING: tuple[tuple[float, Update], ...] = (
    (0.15, {"activation_checkpointing": "full"}),
    (0.4, {"activation_checkpointing": "selective"}),
    (0.45, {"activation_checkpointing": "none"}),
)
"""Vendor-tuned software: its published recipes repeat the core of attention or nothing."""


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


def _loss_axis(config: RunConfig) -> Axis:
    usual = usual_loss(config.framework)
    own = None if usual is None else ((0.8, {"loss": usual}), (0.2, {"loss": "full_logits"}))
    return Axis("loss", own or OPTIONS["loss"])


def _longest(tokens: float) -> Update:
    longest = larger(1, rounded(tokens))
    return {"seq_len": longest, "max_tokens_per_sample": longest}


def _length_axes(config: RunConfig) -> list[Axis]:
    axes = []
    mean = config.mean_tokens_per_sample
    if config.seq_len is None and mean is not None:
        longest = ((0.4, 1.2), (0.4, 2.0), (0.2, 4.0))
        axes.append(Axis("seq_len", tuple((w, _longest(mean * times)) for w, times in longest)))
    seq_len = next((tokens for tokens in (config.seq_len, mean) if tokens is not None), 1)
    if config.batching is None:
        mean = 0.5 * seq_len if mean is None else mean
        options: tuple[tuple[float, Update], ...] = (
            (0.6, {"batching": "dynamic", "mean_tokens_per_sample": mean}),
            (0.4, {"batching": "packed"}),
        )
        axes.append(Axis("batching", options))
    elif config.batching in ("dynamic", "padding_free") and mean is None:
        means = (0.3 * seq_len, 0.9 * seq_len)
        axes.append(Axis("mean_tokens_per_sample", tuple((0.5, {"mean_tokens_per_sample": each}) for each in means)))
    return axes


def _adapter_axes(config: RunConfig, model: ModelSpec) -> list[Axis]:
    kind, lora = config.adapter or "lora", config.lora or Lora()
    if config.method == "adapter" and config.adapter is None:
        return [Axis("adapter", OPTIONS["adapter"]), *_low_rank_axes(lora)]
    if kind not in WITHOUT_MODULES:
        if kind == "lora" and config.trainable_params is not None and (lora.rank is None or lora.targets is None):
            rank, targets = guess_adapter(model, config.trainable_params, rank=lora.rank, targets=lora.targets)
            missing = "lora.rank" if lora.rank is None else "lora.targets"
            return [Axis(missing, ((1.0, {"rank": rank, "targets": targets}),))]
        return _low_rank_axes(lora, rank_is_needed=config.trainable_params is None)
    traits = traits_of(kind)
    if (traits.adds_tokens or traits.adds_keys) and config.virtual_tokens is None and config.trainable_params is None:
        return [Axis("virtual_tokens", OPTIONS["virtual_tokens"])]
    return []


def _low_rank_axes(lora: Lora, *, rank_is_needed: bool = True) -> list[Axis]:
    axes = []
    if lora.targets is None:
        axes.append(Axis("lora.targets", OPTIONS["lora.targets"]))
    if lora.rank is None and rank_is_needed:
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
        is_tuned = software_class(config.framework) == "tuned"
        checkpointing = TUNED_CHECKPOINTING if is_tuned else OPTIONS["activation_checkpointing"]
        axes.append(Axis("activation_checkpointing", checkpointing))
    if config.parallelism.zero_stage is None:
        single = always(config.data_parallel == 1)
        options: tuple[tuple[float, Update], ...] = ((1.0, {"zero_stage": 0}),)
        axes.append(Axis("parallelism.zero_stage", options if single else OPTIONS["parallelism.zero_stage"]))
    if config.parallelism.sequence_parallel is None and sometimes(config.parallelism.tp > 1):
        axes.append(Axis("parallelism.sequence_parallel", OPTIONS["parallelism.sequence_parallel"]))
    if config.gradient_accumulation_steps is None:
        axes.append(Axis("gradient_accumulation_steps", OPTIONS["gradient_accumulation_steps"]))
    axes.extend(_length_axes(config))
    if config.loss is None:
        axes.append(_loss_axis(config))
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
    layout: dict[str, Any] = {name: fields.pop(name) for name in LAYOUT_FIELDS if name in fields}
    if layout:
        fields["parallelism"] = config.parallelism.model_copy(update=layout)
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
