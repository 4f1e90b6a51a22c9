"""Variants of a run that change which formulas hold: method, precision, checkpointing, sharding."""

from collections.abc import Iterator
from itertools import product
from typing import Any, Literal, NamedTuple

from planner.advise.request import Freedom
from planner.domain.accelerator import Accelerator
from planner.domain.lora import LORA_TARGET_SETS, Lora
from planner.domain.precision import PRECISIONS, Precision
from planner.domain.run_config import RunConfig
from planner.domain.run_vocabulary import ActivationCheckpointing
from planner.estimator.software import software_class

Fields = dict[str, Any]
NEW_RANK = 16
LIGHTER: dict[str, str] = {"bf16-mixed": "bf16", "fp32": "bf16-mixed"}
"""A precision that halves the bytes of another."""
WITHOUT_BF16: dict[str, str] = {"bf16": "fp16", "bf16-mixed": "fp16-mixed"}


class Structure(NamedTuple):
    """One variant."""

    config: RunConfig
    settings: dict[str, str]
    """Keys of RUN.yaml that differ from the run, with the text of their values."""
    departures: tuple[str, ...]
    """What is learnt differently: another method or precision."""
    only_without_bf16: bool
    """A precision for hardware that lacks the run's own."""

    def runs_on(self, accelerator: Accelerator) -> bool:
        """Whether the accelerator has the precision."""
        has_bf16, precision = "bf16" in accelerator.peak_flop_per_s, self.config.precision
        if self.only_without_bf16:
            return not has_bf16
        return precision is None or precision.compute_dtype in accelerator.peak_flop_per_s


class _Variant(NamedTuple):
    fields: Fields
    settings: dict[str, str]
    departure: str | None = None
    only_without_bf16: bool = False


AS_IT_IS = _Variant({}, {})


def structures(config: RunConfig, keep: frozenset[Freedom]) -> Iterator[Structure]:
    """The run itself first, then its variants; what is in ``keep`` stays."""
    axes = (
        [AS_IT_IS] if "method" in keep else list(_methods(config)),
        [AS_IT_IS] if "precision" in keep else list(_precisions(config)),
        [AS_IT_IS] if "checkpointing" in keep else list(_checkpointings(config)),
    )
    for chosen in product(*axes):
        fields = {name: value for variant in chosen for name, value in variant.fields.items()}
        changed = config.model_copy(update=fields)
        sharding = [AS_IT_IS] if "parallelism" in keep else list(_shardings(changed))
        for shard in sharding:
            parallelism = config.parallelism.model_copy(update=shard.fields)
            yield Structure(
                config=changed.model_copy(update={"parallelism": parallelism}),
                settings={name: text for variant in (*chosen, shard) for name, text in variant.settings.items()},
                departures=tuple(variant.departure for variant in chosen if variant.departure is not None),
                only_without_bf16=any(variant.only_without_bf16 for variant in chosen),
            )


def _methods(config: RunConfig) -> Iterator[_Variant]:
    yield AS_IT_IS
    if config.method == "full":
        lora = Lora(rank=NEW_RANK, targets=LORA_TARGET_SETS["all_linear"])
        yield _Variant(
            {"method": "lora", "lora": lora, "trainable_params": None},
            {"method": "lora", "lora": f"{{rank: {NEW_RANK}, targets: all_linear}}", "trainable_params": "null"},
            f"trains an adapter (LoRA, rank {NEW_RANK}, all linear layers) instead of all weights",
        )
    elif config.method == "lora" and config.base_quantization in (None, "none"):
        yield _Variant(
            {"method": "qlora", "base_quantization": "nf4_dq"},
            {"method": "qlora", "base_quantization": "nf4_dq"},
            "keeps the frozen base in 4 bits (QLoRA)",
        )
    elif config.method == "qlora":
        yield _Variant(
            {"method": "lora", "base_quantization": "none"},
            {"method": "lora", "base_quantization": "none"},
            "keeps the frozen base in 16 bits (LoRA)",
        )


def _precisions(config: RunConfig) -> Iterator[_Variant]:
    yield AS_IT_IS
    name = next((word for word, known in PRECISIONS.items() if known == config.precision), None)
    for table, only_without_bf16 in ((LIGHTER, False), (WITHOUT_BF16, True)):
        if name in table:
            yield _precision(table[name], PRECISIONS[table[name]], only_without_bf16)


def _precision(name: str, precision: Precision, only_without_bf16: bool) -> _Variant:
    return _Variant({"precision": precision}, {"precision": name}, f"trains in {name}", only_without_bf16)


def _checkpointings(config: RunConfig) -> Iterator[_Variant]:
    own = config.activation_checkpointing
    if own is not None:
        yield AS_IT_IS
    is_built_in = software_class(config.framework) in ("tuned", "lean")
    wanted: tuple[ActivationCheckpointing, ...] = ("none", "selective", "full") if is_built_in else ("none", "full")
    for kind in wanted:
        if kind != own:
            yield _Variant({"activation_checkpointing": kind}, {"activation_checkpointing": kind})


def _shardings(config: RunConfig) -> Iterator[_Variant]:
    """DDP, and what divides most; ZeRO-2 only where gradients and states are worth dividing."""
    own = config.parallelism.zero_stage
    if own is not None:
        yield AS_IT_IS
    stages: tuple[Literal[0, 2, 3], ...] = (0, 2, 3) if config.method == "full" else (0, 3)
    for stage in stages:
        if stage != own:
            yield _Variant({"zero_stage": stage}, {"parallelism.zero_stage": str(stage)})
