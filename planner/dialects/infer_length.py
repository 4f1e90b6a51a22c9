"""Sequence length and adapter size from the FLOPs a trainer counted.

Hugging Face's Trainer logs ``total_flos`` = 6 x tokens x (base parameters without input embedding + adapter's),
tokens being those of all ranks, padding included. Lengths and adapter sizes are whole numbers, so that the few products
that fit can be told apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from planner.dialects.counted_params import adapter_params, params_without_input_embedding
from planner.domain.lora import LORA_TARGET_SETS
from planner.domain.model_spec import ModelSpec

FLOP_PER_TOKEN_AND_PARAM = 6
COMMON_RANKS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
WHOLE_TOLERANCE = 1e-6
"""How far from a whole number a quotient of two exact counts may lie, relative to it."""
WHOLE_COUNT_TOLERANCE = 0.01
"""Parameters beyond the base model, found from exact counts, are a whole number up to rounding."""
SMALLEST_ADAPTER_RATIO = 2e-5
"""Of the base model's parameters; less is rather a detail of the architecture than an adapter."""
USUAL_LENGTH_WINDOW_RATIO = 0.15


@dataclass(frozen=True)
class Adapter:
    """A possible adapter; ``rank`` None is no adapter at all."""

    params: int
    rank: int | None = None
    targets: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Inferred:
    """What the count tells. None where it leaves more than one possibility."""

    rule: str
    """How, in words; with the range where only a range is known."""
    tokens: float | None = None
    """Fed by all ranks in the whole run, padding included."""
    seq_len: int | None = None
    seq_len_is_exact: bool = False
    every_token_counts: bool = False
    """The logged count leaves padding out and still equals the tokens fed."""
    method: str | None = None
    trainable_params: int | None = None
    rank: int | None = None
    targets: tuple[str, ...] | None = None


def infer_length(
    model: ModelSpec,
    flop: float,
    *,
    samples: float | None,
    logged_tokens: float | None = None,
    logged_without_padding: bool = False,
) -> Inferred:
    """Tokens, sequence length and adapter of a run that counted ``flop``.

    ``samples``: sequences fed by all ranks; None where the number of ranks is unknown. ``logged_tokens``: tokens the
    trainer counted, None where it did not; with ``logged_without_padding`` they are a lower bound of those fed.
    """
    if logged_tokens:
        found = _from_tokens(model, flop, samples=samples, tokens=logged_tokens, without_padding=logged_without_padding)
        if found is not None:
            return found
    if samples is None:
        return Inferred(rule="total_flos: the number of samples fed is unknown (world size is not logged)")
    found = _from_samples(model, flop, samples)
    if logged_tokens and (found.tokens or 0.0) < logged_tokens:
        seq_len, _ = _per_sample(logged_tokens, samples)
        rule = "logged tokens / samples; total_flos counts fewer tokens than were logged"
        return Inferred(rule=rule, tokens=logged_tokens, seq_len=seq_len)
    return found


def _from_tokens(
    model: ModelSpec, flop: float, *, samples: float | None, tokens: float, without_padding: bool
) -> Inferred | None:
    """With the tokens known, what was counted beyond the base model is the adapter."""
    base = params_without_input_embedding(model)
    counted = flop / (FLOP_PER_TOKEN_AND_PARAM * tokens)
    excess = counted - base
    seq_len, is_exact = _per_sample(tokens, samples)
    rule = "total_flos / (6 x logged tokens)"
    if abs(excess) <= WHOLE_TOLERANCE * base:
        return Inferred(
            rule=f"{rule} equals the base model's parameters: no adapter",
            tokens=tokens, seq_len=seq_len, seq_len_is_exact=is_exact, every_token_counts=without_padding,
            method="full",
        )  # fmt: skip
    near = WHOLE_TOLERANCE * counted
    fitting = [a for a in possible_adapters(model) if a.params and abs(excess - a.params) <= near]
    whole = round(excess)
    if fitting:
        rank, targets = _agreed(fitting)
        return Inferred(
            rule=f"{rule} exceeds the base model's parameters by the {whole:,} of an adapter: {listed(fitting)}",
            tokens=tokens, seq_len=seq_len, seq_len_is_exact=is_exact, every_token_counts=without_padding,
            method="lora", trainable_params=whole, rank=rank, targets=targets,
        )  # fmt: skip
    if excess < 0 or without_padding:
        return None
    if abs(excess - whole) > WHOLE_COUNT_TOLERANCE or not SMALLEST_ADAPTER_RATIO <= excess / base <= 1:
        return Inferred(
            rule=f"{rule} is {counted:,.1f}, the model has {base:,} parameters: not explained by an adapter",
            tokens=tokens, seq_len=seq_len, seq_len_is_exact=is_exact,
        )  # fmt: skip
    return Inferred(
        rule=f"{rule} exceeds the base model's parameters by {whole:,}, of no common adapter: only the size is known",
        tokens=tokens, seq_len=seq_len, seq_len_is_exact=is_exact, method="lora", trainable_params=whole,
    )  # fmt: skip


def _from_samples(model: ModelSpec, flop: float, samples: float) -> Inferred:
    """Without tokens, each adapter gives another length: those that come out whole are possible."""
    base = params_without_input_embedding(model)
    lengths = {a: flop / (FLOP_PER_TOKEN_AND_PARAM * (base + a.params) * samples) for a in possible_adapters(model)}
    whole = {a: round(x) for a, x in lengths.items() if round(x) > 0 and abs(x - round(x)) <= WHOLE_TOLERANCE * x}
    longest, shortest = max(lengths.values()), min(lengths.values())
    if not whole:
        return _between(shortest, longest, samples)
    seq_len = min(set(whole.values()), key=lambda n: (_oddness(n), -n))
    left = [a for a, n in whole.items() if n == seq_len]
    rank, targets = _agreed(left)
    sizes = {a.params for a in left}
    others = sorted(set(whole.values()) - {seq_len})
    certain = not others
    rule = f"total_flos / (6 x parameters x samples) is the whole number {seq_len}"
    if others:
        rule += f" (also possible: {', '.join(map(str, others[:5]))})"
    if sizes == {0}:
        return Inferred(
            rule=f"{rule} without an adapter", tokens=seq_len * samples, seq_len=seq_len, seq_len_is_exact=certain,
            method="full" if certain else None,
        )  # fmt: skip
    only_adapters = 0 not in sizes
    size = sizes.pop() if len(sizes) == 1 else None
    return Inferred(
        rule=f"{rule} with an adapter of {size:,} parameters: {listed(left)}" if size else rule,
        tokens=seq_len * samples, seq_len=seq_len, seq_len_is_exact=certain,
        method="lora" if certain and only_adapters else None,
        trainable_params=size if certain else None,
        rank=rank if certain else None,
        targets=targets if certain else None,
    )  # fmt: skip


def _between(shortest: float, longest: float, samples: float) -> Inferred:
    """No whole length: lengths vary, or the adapter is uncommon. The longest, without adapter, is an upper bound."""
    lower = max(shortest, longest * (1 - USUAL_LENGTH_WINDOW_RATIO))
    usual = [n for step in (64, 8) for n in range(int(lower) + 1, int(longest) + 1) if n % step == 0]
    seq_len = usual[0] if len(usual) == 1 else round(longest)
    if seq_len < 1:
        return Inferred(rule="total_flos is less than that of one token a sample: not explained")
    return Inferred(
        rule=f"total_flos / (6 x parameters x samples): {shortest:.1f} to {longest:.1f} tokens a sample, none whole",
        tokens=seq_len * samples,
        seq_len=seq_len,
    )


@lru_cache(maxsize=1024)
def possible_adapters(model: ModelSpec) -> tuple[Adapter, ...]:
    """No adapter, and LoRA of the common ranks on the common sets of modules."""
    return (
        Adapter(0),
        *(
            Adapter(adapter_params(model, targets, rank), rank, targets)
            for rank, targets in product(COMMON_RANKS, LORA_TARGET_SETS.values())
        ),
    )


def listed(adapters: Sequence[Adapter]) -> str:
    """The first of several possible adapters in words."""
    shown = dict.fromkeys(f"rank {adapter.rank} on {'+'.join(adapter.targets or ())}" for adapter in adapters)
    return ", or ".join(list(shown)[:4]) or "no common adapter"


def _agreed(adapters: list[Adapter]) -> tuple[int | None, tuple[str, ...] | None]:
    """Rank and targets where only one adapter fits; each None where several do."""
    ranks, targets = {a.rank for a in adapters}, {a.targets for a in adapters}
    return (ranks.pop() if len(ranks) == 1 else None), (targets.pop() if len(targets) == 1 else None)


def _per_sample(tokens: float, samples: float | None) -> tuple[int | None, bool]:
    if not samples:
        return None, False
    mean = tokens / samples
    whole = max(round(mean), 1)
    return (whole, abs(mean - whole) <= WHOLE_TOLERANCE * mean) if mean >= 0.5 else (None, False)


def _oddness(length: int) -> int:
    """How unusual a sequence length is: 0 for multiples of 64, 1 for multiples of 8, 2 for others."""
    return 0 if length % 64 == 0 else 1 if length % 8 == 0 else 2
