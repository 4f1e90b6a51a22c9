"""What to change in a blocked run: small changes that keep the effective batch, tried one after the other."""

from collections.abc import Callable, Iterator

from planner.domain.run_config import RunConfig

MAX_SUGGESTIONS = 3


def suggestions(config: RunConfig, is_blocked: Callable[[RunConfig], bool]) -> tuple[str, ...]:
    """Up to three changes, each enough by itself to lift the block, least intrusive first.

    ``is_blocked`` estimates a changed configuration and applies the gate's rules to it.
    """
    enough = (text for text, changed in _changes(config) if not is_blocked(changed))
    return tuple(text for text, _ in zip(enough, range(MAX_SUGGESTIONS), strict=False))


def _changes(config: RunConfig) -> Iterator[tuple[str, RunConfig]]:
    if config.loss in (None, "full_logits", "fused_ce"):
        yield "loss: fused_linear_ce (logits never exist as a whole)", _with(config, loss="fused_linear_ce")
    if config.activation_checkpointing != "full":
        yield "activation_checkpointing: full", _with(config, activation_checkpointing="full")
    smaller = _smaller_micro_batch(config)
    if smaller is not None:
        yield f"micro_batch_size: {smaller.micro_batch_size}, gradient_accumulation_steps: {smaller.gradient_accumulation_steps}", smaller
        both = _with(smaller, activation_checkpointing="full", loss="fused_linear_ce")
        yield (
            f"micro_batch_size: {both.micro_batch_size}, gradient_accumulation_steps: {both.gradient_accumulation_steps}, "
            "activation_checkpointing: full and loss: fused_linear_ce",
            both,
        )
    if config.data_parallel > 1 and config.parallelism.zero_stage != 3:
        sharded = config.parallelism.model_copy(update={"zero_stage": 3})
        yield "parallelism.zero_stage: 3 (FSDP)", _with(config, parallelism=sharded)
    if config.method == "full":
        adapter = {"rank": 16, "targets": ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")}
        lora = type(config).model_validate({**_plain(config), "method": "lora", "lora": adapter})
        yield "method: lora with rank 16 on all linear layers (trains an adapter instead of all weights)", lora
    if config.method == "lora":
        quantised = {**_plain(config), "method": "qlora", "base_quantization": "nf4_dq"}
        yield "method: qlora (4-bit base)", type(config).model_validate(quantised)
    if config.cluster is not None:
        cluster = config.cluster
        more = cluster.model_copy(update={"count": cluster.count * 2})
        sharded = config.parallelism.model_copy(update={"zero_stage": 3})
        yield (
            f"cluster.count: {more.count} and parallelism.zero_stage: 3",
            _with(config, cluster=more, parallelism=sharded),
        )


def _smaller_micro_batch(config: RunConfig) -> RunConfig | None:
    size, steps = config.micro_batch_size, config.gradient_accumulation_steps
    if size is None or steps is None or size == 1:
        return None
    return _with(config, micro_batch_size=1, gradient_accumulation_steps=steps * size)


def _plain(config: RunConfig) -> dict[str, object]:
    return config.model_dump()


def _with(config: RunConfig, **changes: object) -> RunConfig:
    return config.model_copy(update=changes)
