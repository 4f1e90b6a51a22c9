"""How large an adapter is: its trained parameters, what it adapts, its virtual tokens."""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from planner.domain.layer_matrices import attention_matrices, feed_forward_matrices, norm_size
from planner.domain.lora import LORA_TARGET_SETS, Lora
from planner.domain.model_spec import ModelSpec
from planner.domain.run_config import RunConfig
from planner.domain.run_vocabulary import AdapterKind
from planner.errors import UnknownFieldError
from planner.estimator.adapter_traits import Keeps, traits_of
from planner.estimator.elementwise import cached_for_numbers, rounded
from planner.estimator.params import AdapterCounts, count_adapter, count_params


class AdapterSize(NamedTuple):
    """One adapter on one model."""

    counts: AdapterCounts
    trainable_params: int
    """Modules that are trained whole included."""
    virtual_tokens: float
    """Tokens that pass through the model before each sample."""
    virtual_keys: float
    """Tokens that each layer's attention sees beside the sample."""
    delta_params_per_layer: float
    """Elements of the matrices that some kinds make in each forward pass."""
    keeps: Keeps


NO_COUNTS = AdapterCounts(0, 0, 0, 0, 0, 0)
NO_ADAPTER = AdapterSize(NO_COUNTS, 0, 0.0, 0.0, 0.0, "nothing")
WITHOUT_MODULES: frozenset[AdapterKind] = frozenset(
    {
        "ln_tuning",
        "trainable_tokens",
        "prompt_tuning",
        "p_tuning",
        "p_tuning_v2",
        "prefix_tuning",
        "adaption_prompt",
        "llama_adapter",
        "bottleneck",
    }
)
"""Kinds that sit on no matrix of the model."""


def _width_params(inputs: float, outputs: float, rank: int) -> dict[AdapterKind, float]:
    """Trained parameters of all adapted matrices, from the sums of their input and output widths."""
    low_rank = rank * (inputs + outputs)
    return {
        "lora": low_rank,
        "dora": low_rank + outputs,
        "adalora": 1.5 * low_rank,
        "lora_fa": rank * outputs,
        "loha": 2.0 * low_rank,
        "vera": outputs + rank,
        "ia3": outputs,
        "bone": rank * outputs,
        "bone_bat": rank * outputs,
        "oft": inputs * (rank - 1) / 2.0,
        "road": 2.0 * outputs,
        "lokr": 2.0 * rank * math.sqrt(inputs + outputs),
    }


def _virtual_params(model: ModelSpec, kind: AdapterKind, tokens: float) -> float | None:
    """Trained parameters of kinds that put virtual tokens before a sample."""
    h, layers = model.hidden_dim, model.num_layers
    if kind == "prompt_tuning":
        return tokens * h
    if kind == "p_tuning":
        return tokens * h + _encoder_params(model)
    if kind in ("prefix_tuning", "p_tuning_v2"):
        return tokens * 2.0 * model.kv_dim * layers
    if kind in ("adaption_prompt", "llama_adapter"):
        return tokens * h * layers + layers
    return None


def _encoder_params(model: ModelSpec) -> float:
    """Three square matrices that make the virtual tokens of p-tuning (arXiv 2103.10385)."""
    return 3.0 * (model.hidden_dim**2 + model.hidden_dim)


def _recurrent_encoder_params(model: ModelSpec) -> float:
    """Two layers of LSTM in both directions and two matrices: the other encoder of p-tuning."""
    return 46.0 * model.hidden_dim**2 + 35.0 * model.hidden_dim


@lru_cache(maxsize=4096)
def virtual_tokens_of(model: ModelSpec, kind: AdapterKind, trainable_params: int) -> float:
    """The virtual tokens that give a known number of trained parameters."""
    none = _virtual_params(model, kind, 0.0)
    if none is None:
        return 0.0
    one = (_virtual_params(model, kind, 1.0) or 0.0) - none
    if kind == "p_tuning" and trainable_params > _recurrent_encoder_params(model):
        none = _recurrent_encoder_params(model)
    return max((trainable_params - none) / one, 0.0)


@lru_cache(maxsize=4096)
def _saved_modules_params(model: ModelSpec, modules: tuple[str, ...]) -> int:
    counts = count_params(model)
    sizes: dict[str, Callable[[], int]] = {
        "embeddings": lambda: counts.embeddings,
        "head": lambda: counts.head or counts.embeddings,
        "norms": lambda: counts.num_layers * counts.norms_per_layer + counts.final_norm,
    }
    return sum(sizes[name]() for name in modules)


@lru_cache(maxsize=4096)
def _delta_params(model: ModelSpec, targets: tuple[str, ...]) -> float:
    matrices = (*attention_matrices(model), *feed_forward_matrices(model, model.ffn_dim))
    return float(sum(matrix.size for matrix in matrices if matrix.name in targets))


@cached_for_numbers
def _derived_params(model: ModelSpec, kind: AdapterKind, counts: AdapterCounts, rank: int) -> float | None:
    layers = model.num_layers
    if kind == "ln_tuning":
        return float(layers * model.num_norms_per_layer * norm_size(model) + norm_size(model))
    if kind == "bottleneck":
        return 1.0 * (layers * 2 * (2 * rank * model.hidden_dim + rank + model.hidden_dim))
    if kind == "trainable_tokens":
        return 1.0 * rank * model.hidden_dim
    if kind == "lora":
        return layers * counts.params_per_layer
    found = _width_params(layers * counts.input_width, layers * counts.output_width, rank)
    return found.get(kind)


def adapter_size(config: RunConfig, model: ModelSpec) -> AdapterSize:
    """The adapter of a run that trains no base weights.

    Known ``trainable_params`` go before what the kind's formula gives. Raises ``UnknownFieldError`` where neither
    settles the size.
    """
    kind: AdapterKind = config.adapter or "lora"
    if config.method == "adapter" and config.adapter is None:
        raise UnknownFieldError("adapter", "its kind decides what is trained")
    lora, traits = config.lora or Lora(), traits_of(kind)
    saved = _saved_modules_params(model, lora.modules_to_save)
    known = None if config.trainable_params is None else config.trainable_params
    rank = 1 if lora.rank is None else lora.rank
    tokens = float(config.virtual_tokens or 0)
    counts, targets = NO_COUNTS, lora.targets or ()
    derived: float | None
    if traits.adds_tokens or traits.adds_keys:
        if not tokens and known is not None:
            tokens = virtual_tokens_of(model, kind, known)
        if not tokens and known is None:
            raise UnknownFieldError("virtual_tokens", f"with trainable_params it decides the size of {kind}")
        derived = _virtual_params(model, kind, tokens)
    else:
        derived = None
    if kind not in WITHOUT_MODULES:
        if lora.targets is None and kind == "llama_adapter_v2":
            targets = LORA_TARGET_SETS["all_linear"]
        if not targets:
            raise UnknownFieldError("lora.targets", "they decide the adapter's size")
        if lora.rank is None and known is None:
            raise UnknownFieldError("lora.rank", "it decides the adapter's size")
        counts = count_adapter(model, rank, targets)
    if derived is None:
        derived = _derived_params(model, kind, counts, rank)
    if known is None and derived is None:
        raise UnknownFieldError("trainable_params", f"no formula gives the size of {kind}")
    return AdapterSize(
        counts=counts,
        trainable_params=rounded(known if known is not None else (0.0 if derived is None else derived) + saved),
        virtual_tokens=tokens if traits.adds_tokens else 0.0,
        virtual_keys=tokens if traits.adds_keys else 0.0,
        delta_params_per_layer=_delta_params(model, targets) if traits.makes_delta else 0.0,
        keeps=traits.keeps,
    )
