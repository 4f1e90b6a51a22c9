"""The base model of a row of a run table: a catalog entry where the row agrees with it, else its dimensions."""

from typing import Any

from planner.catalog.load import Catalog
from planner.dialects.counted_params import params_without_input_embedding
from planner.dialects.run_table_cells import Cells
from planner.domain.model_spec import ModelSpec

DIMENSIONS = ("num_layers", "hidden_dim", "ffn_dim", "num_heads", "num_kv_heads", "head_dim", "vocab_size")
VARIANTS = ("-instruct", "-chat", "-it", "-base", "-hf", "-sft")
"""Endings that name another training of the same dimensions."""
NEEDED = ("num_layers", "hidden_dim", "ffn_dim", "num_heads", "vocab_size")


def read_model(cells: Cells, catalog: Catalog) -> ModelSpec | str:
    """The model, or why it is not known.

    Dimensions in the row go before the catalog, which then adds what has no column: biases, norms, gating.
    """
    name = cells.name("model")
    given: dict[str, Any] = {column: cells.count(column) for column in DIMENSIONS}
    given |= {
        "num_experts": cells.count("moe_experts"),
        "experts_per_token": cells.count("moe_active"),
        "tied_embeddings": cells.flag("tied_embeddings"),
        "published_params": cells.count("params"),
    }
    stated = {field: value for field, value in given.items() if value is not None}
    known = _in_catalog(name, catalog)
    if known is not None:
        changed = {field: value for field, value in stated.items() if getattr(known, field) != value}
        shape = {field for field in changed if field != "published_params"}
        if not shape:
            return known
        if "published_params" not in stated:
            changed["published_params"] = None
        return ModelSpec.model_validate(known.model_dump() | changed)
    missing = [column for column in NEEDED if column not in stated]
    if missing:
        label = f"model {name!r} is not in the catalog" if name else "the model is not stated"
        return f"{label}, and its {', '.join(missing)} are not stated"
    return _from_dimensions(name or "unnamed", stated)


def _in_catalog(name: str | None, catalog: Catalog) -> ModelSpec | None:
    if name is None:
        return None
    key = catalog.model_by_hub_id.get(name, name)
    for ending in ("", *VARIANTS):
        found = catalog.models.get(key.removesuffix(ending))
        if found is not None:
            return found
    return None


def _from_dimensions(name: str, stated: dict[str, Any]) -> ModelSpec:
    """A model that no catalog holds: of gated and plain feed-forward the one whose count meets the stated one."""
    fields = {"num_kv_heads": stated["num_heads"], "head_dim": stated["hidden_dim"] // stated["num_heads"], **stated}
    kinds = [ModelSpec.model_validate({"name": name, "gated_mlp": gated, **fields}) for gated in (True, False)]
    published = stated.get("published_params")
    if published is None:
        return kinds[0]
    return min(kinds, key=lambda model: abs(_count(model) - published))


def _count(model: ModelSpec) -> int:
    embeddings = model.vocab_size * model.hidden_dim
    return params_without_input_embedding(model) + embeddings
