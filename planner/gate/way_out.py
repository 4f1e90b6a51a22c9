"""What to change in a blocked run: small changes that keep the effective batch, then more and more of them together."""

from collections.abc import Callable, Sequence
from itertools import islice

from planner.domain.lora import LORA_TARGET_SETS
from planner.domain.run_config import RunConfig

MAX_SUGGESTIONS = 3

Change = Callable[[RunConfig], tuple[str, RunConfig] | None]
"""A change in words and the changed configuration; None where it does not apply."""


def suggestions(config: RunConfig, is_blocked: Callable[[RunConfig], bool]) -> tuple[str, ...]:
    """Up to three changes, each enough by itself to lift the block, least intrusive first.

    Where no single change is enough, the first list of changes that is, without those it can do without.
    ``is_blocked`` estimates a changed configuration and applies the gate's rules to it.
    """
    single = (step for change in CHANGES if (step := change(config)) is not None)
    enough = tuple(islice((text for text, changed in single if not is_blocked(changed)), MAX_SUGGESTIONS))
    return enough or _together(config, is_blocked)


def _together(config: RunConfig, is_blocked: Callable[[RunConfig], bool]) -> tuple[str, ...]:
    same_hardware = [change for change in CHANGES if change is not _more_accelerators]
    tries = (same_hardware, list(CHANGES))
    needed = next((changes for changes in tries if not is_blocked(_changed(config, changes)[1])), None)
    if needed is None:
        return ()
    for change in reversed(CHANGES):
        without = [kept for kept in needed if kept is not change]
        if not is_blocked(_changed(config, without)[1]):
            needed = without
    return ("; ".join(_changed(config, needed)[0]),)


def _changed(config: RunConfig, changes: Sequence[Change]) -> tuple[list[str], RunConfig]:
    texts: list[str] = []
    for change in changes:
        if (step := change(config)) is not None:
            text, config = step
            texts.append(text)
    return texts, config


def _fused_loss(config: RunConfig) -> tuple[str, RunConfig] | None:
    if config.loss in ("chunked_ce", "fused_linear_ce"):
        return None
    return "loss: fused_linear_ce (logits never exist as a whole)", _with(config, loss="fused_linear_ce")


def _full_checkpointing(config: RunConfig) -> tuple[str, RunConfig] | None:
    if config.activation_checkpointing in ("full", "offloaded"):
        return None
    return "activation_checkpointing: full", _with(config, activation_checkpointing="full")


def _smaller_micro_batch(config: RunConfig) -> tuple[str, RunConfig] | None:
    size, steps = config.micro_batch_size, config.gradient_accumulation_steps
    if size is None or steps is None or size == 1:
        return None
    changed = _with(config, micro_batch_size=1, gradient_accumulation_steps=steps * size)
    return f"micro_batch_size: 1 and gradient_accumulation_steps: {steps * size}", changed


def _sharded(config: RunConfig) -> tuple[str, RunConfig] | None:
    if config.data_parallel == 1 or config.parallelism.zero_stage == 3:
        return None
    parallelism = config.parallelism.model_copy(update={"zero_stage": 3})
    return "parallelism.zero_stage: 3 (FSDP)", _with(config, parallelism=parallelism)


def _adapter(config: RunConfig) -> tuple[str, RunConfig] | None:
    if config.method != "full":
        return None
    lora = {"rank": 16, "targets": LORA_TARGET_SETS["all_linear"]}
    changed = RunConfig.model_validate(
        {**config.model_dump(), "method": "lora", "lora": lora, "trainable_params": None}
    )
    return "method: lora with rank 16 on all linear layers (trains an adapter, not all weights)", changed


def _quantised_base(config: RunConfig) -> tuple[str, RunConfig] | None:
    if config.method != "lora":
        return None
    changed = {**config.model_dump(), "method": "qlora", "base_quantization": "nf4_dq"}
    return "method: qlora (4-bit base)", RunConfig.model_validate(changed)


def _more_accelerators(config: RunConfig) -> tuple[str, RunConfig] | None:
    if config.cluster is None:
        return None
    cluster = config.cluster.model_copy(update={"count": config.cluster.count * 2})
    parallelism = config.parallelism.model_copy(update={"zero_stage": 3})
    text = f"cluster.count: {cluster.count} with parallelism.zero_stage: 3"
    return text, _with(config, cluster=cluster, parallelism=parallelism)


CHANGES: tuple[Change, ...] = (
    _fused_loss,
    _full_checkpointing,
    _smaller_micro_batch,
    _sharded,
    _more_accelerators,
    _adapter,
    _quantised_base,
)


def _with(config: RunConfig, **changes: object) -> RunConfig:
    return config.model_copy(update=changes)
