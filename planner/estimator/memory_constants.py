"""Constants of memory, each with its prior and what identifies it, read from memory_constants.csv."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class Constant(NamedTuple):
    """One row of the table. Bytes per element hold for 16-bit computation and scale with the compute dtype."""

    name: str
    value: float
    prior: float
    prior_log_sd: float
    """Spread of the logarithm that the fit allows; 0 for a constant that is not fitted."""
    rows: int
    """Published runs of which a figure follows this constant."""
    sources: int
    what: str
    """Where the prior comes from."""


@dataclass(frozen=True, slots=True)
class MemoryConstants:
    """The values alone, by name."""

    saved_margin_ratio: float
    norm_saved_bytes: float
    norm_saved_frozen_bytes: float
    fused_norm_saved_ratio: float
    layer_norm_saved_ratio: float
    attention_saved_bytes: float
    mlp_saved_bytes: float
    mlp_saved_frozen_bytes: float
    plain_mlp_saved_bytes: float
    plain_mlp_saved_frozen_bytes: float
    fused_mlp_saving_bytes: float
    fp8_mlp_saving_bytes: float
    eager_score_bytes: float
    bitsandbytes_input_ratio: float
    adapter_cast_ratio: float
    adapter_input_ratio: float
    adapter_hidden_bytes: float
    adapter_delta_ratio: float
    selective_saved_ratio: float
    sharded_frozen_hidden_ratio: float
    recomputed_layer_ratio: float
    backward_ffn_elements: float
    backward_hidden_elements: float
    full_logits_bytes: float
    fused_ce_bytes: float
    chunked_ce_bytes: float
    fused_linear_ce_bytes: float
    gathered_layers: float
    longest_scale_tokens: float
    first_gradients_ratio: float
    full_load_ratio: float
    reserved_logits_ratio: float
    reserved_fused_ce_ratio: float
    reserved_sorted_ratio: float
    reserved_random_ratio: float
    reserved_backward_ratio: float
    reserved_cache_ratio: float
    reserved_cache_unsharded_ratio: float
    reserved_cached_logits_ratio: float
    reserved_floor_bytes: float
    context_bytes: float
    packed_kernels_bytes: float
    communicator_bytes: float
    communicator_doubling_bytes: float
    usable_ratio: float
    usable_tuned_ratio: float
    cache_limit_ratio: float
    host_process_cpu_bytes: float
    host_process_accelerator_bytes: float
    host_log_sd: float


@cache
def read_constants() -> tuple[Constant, ...]:
    """The table as shipped; written by ``python -m benchmarks.fit_memory --write``."""
    text = (files("planner.estimator") / "memory_constants.csv").read_text(encoding="utf-8")
    return tuple(
        Constant(
            row["name"],
            float(row["value"]),
            float(row["prior"]),
            float(row["prior_log_sd"]),
            int(row["rows"]),
            int(row["sources"]),
            row["what"],
        )
        for row in csv.DictReader(text.splitlines())
    )


MEMORY = MemoryConstants(**{row.name: row.value for row in read_constants()})
