"""What a row of a run table trains: method, adapter, its size, optimizer."""

from dataclasses import dataclass
from typing import get_args

from planner.dialects.run_table_cells import CellError, Cells
from planner.domain.lora import LORA_TARGET_SETS, Lora, SavedModule
from planner.domain.model_spec import ModelSpec
from planner.domain.run_vocabulary import AdapterKind, BaseQuantization, Method, Optimizer

BASES: dict[str, BaseQuantization | None] = {
    **{name: name for name in get_args(BaseQuantization)},
    "4bit_unknown": None,
    "8bit_unknown": "int8",
}
"""All 8-bit formats take one byte a weight."""
ADAPTERS: dict[str, AdapterKind] = {name: name for name in get_args(AdapterKind)} | {"adapter": "bottleneck"}
LOW_RANK = ("lora", "dora", "lora_fa")
WHOLE_WEIGHTS = {"full": "full", "galore": "full", "lisa": "full"}
METHODS = {
    **{name: name for name in (*WHOLE_WEIGHTS, "qlora", *ADAPTERS)},
    "llamapro": "llamapro",
}
OPTIMIZERS: dict[str, Optimizer] = {
    **{name: name for name in get_args(Optimizer)},
    "adam": "adamw",
    "galore": "galore_adamw",
    "lora_fa": "adamw",
    "galore_adamw_8bit_layerwise": "galore_adamw_8bit",
}
IN_BACKWARD = "_in_backward"
LAYERWISE = "_layerwise"
SAVED: dict[str, SavedModule] = {"embed_tokens": "embeddings", "lm_head": "head", "norm": "norms"}
NOT_MODELLED = {
    "llamapro": "method llamapro adds and trains new layers, which is not modelled",
}


@dataclass(frozen=True)
class Training:
    """What is trained, and by which optimizer."""

    method: Method | None
    adapter: AdapterKind | None
    base: BaseQuantization | None
    lora: Lora | None
    virtual_tokens: int | None
    trainable_params: int | None
    optimizer: Optimizer | None
    in_backward: bool


def read_training(cells: Cells, model: ModelSpec | None) -> Training | str:
    """What the row trains, or why that is not modelled."""
    word = cells.word("method", METHODS)
    if word in NOT_MODELLED:
        return NOT_MODELLED[word]
    optimizer_word = cells.text("optimizer")
    in_backward = (optimizer_word or "").endswith((IN_BACKWARD, LAYERWISE))
    if optimizer_word is not None:
        optimizer_word = optimizer_word.removesuffix(IN_BACKWARD)
        if optimizer_word not in OPTIMIZERS:
            raise CellError("optimizer", optimizer_word, f"a word of its vocabulary ({', '.join(OPTIMIZERS)})")
    optimizer = OPTIMIZERS[optimizer_word] if optimizer_word else None
    if word == "galore" and optimizer in (None, "adamw"):
        optimizer = "galore_adamw"
    base = cells.word("base_quant", BASES)
    method, adapter = _method(word)
    if optimizer_word == "lora_fa":
        adapter = "lora_fa"
    trainable = cells.count("trainable_params")
    whole = method in ("full", None)
    return Training(
        method=method,
        adapter=adapter,
        base=base,
        lora=None if whole else _lora(cells),
        virtual_tokens=None if whole else _virtual_tokens(adapter, trainable, model),
        trainable_params=trainable,
        optimizer=optimizer,
        in_backward=in_backward,
    )


def _method(word: str | None) -> tuple[Method | None, AdapterKind | None]:
    if word is None:
        return None, None
    if word in WHOLE_WEIGHTS:
        return "full", None
    if word == "qlora":
        return "qlora", None
    if word in LOW_RANK:
        return "lora", None if word == "lora" else ADAPTERS[word]
    return "adapter", ADAPTERS[word]


def _lora(cells: Cells) -> Lora | None:
    """Rank and targets; names outside the linear modules of a layer say nothing about a low-rank adapter."""
    rank, text = cells.count("lora_rank"), cells.text("lora_targets")
    targets: list[str] = []
    saved: list[SavedModule] = []
    if text is not None and not cells.name("lora_targets"):
        text = None
    if text is not None:
        listed, _, whole = text.partition("+full(")
        saved = [SAVED[name] for name in whole.rstrip(")").split(",") if name in SAVED]
        for part in listed.split("+"):
            targets += [name for name in LORA_TARGET_SETS.get(part, (part,)) if name not in targets]
    known = tuple(name for name in LORA_TARGET_SETS["all_linear"] if name in targets)
    if rank is None and not known and not saved:
        return None
    return Lora(rank=rank, targets=known or None, modules_to_save=tuple(saved))


def _virtual_tokens(adapter: AdapterKind | None, trainable: int | None, model: ModelSpec | None) -> int | None:
    """Prompt tuning trains one hidden vector a token (arXiv 2104.08691), prefix tuning keys and values of all layers.

    ArXiv 2101.00190, without its reparametrisation. None where the stated count is no multiple.
    """
    if trainable is None or model is None:
        return None
    width = {"prompt_tuning": model.hidden_dim, "prefix_tuning": 2 * model.kv_dim * model.num_layers}
    size = width.get(adapter or "")
    return trainable // size if size and trainable % size == 0 else None
