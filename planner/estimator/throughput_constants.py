"""Every fitted constant of the step time, read from ``throughput_constants.csv``, which says what identifies each."""

import csv
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, NamedTuple

Table = dict[str, float]


class Constant(NamedTuple):
    """One row of the table."""

    name: str
    """A field of ``ThroughputConstants``; ``field.key`` for an entry of one of its tables."""
    value: float
    prior: float
    prior_log_sd: float
    """Spread of the prior in the logarithm; 0 where the constant is not fitted."""
    rows: int
    """Published runs whose speed moves by 0.1 % or more when the constant moves by 10 %."""
    sources: int
    what: str


@dataclass(frozen=True, slots=True)
class ThroughputConstants:
    """Values by name; the unit stands in the name, a ratio has none."""

    matmul_ratio: Table
    """Share of the 16-bit peak in large products, by family or kind of accelerator."""
    matmul_scale_ratio: float
    fp8_matmul_ratio: Table
    """Share of the FP8 peak, relative to the share of the 16-bit peak, by family or kind."""
    fp8_scale_ratio: float
    fp4_matmul_ratio: float
    fp32_matmul_ratio: float
    fp8_recipe_ratio: Table
    saturation_tokens: float
    saturation_width: float
    saturation_traffic_ratio: float
    saturation_tokens_cpu: float
    saturation_width_cpu: float
    expert_matmul_ratio: float
    power_exponent: float
    flash_attention_ratio: float
    flash_attention_exponent: float
    flash_attention_vendor_ratio: Table
    tuned_attention_ratio: Table
    fp8_attention_ratio: float
    attention_cpu_ratio: float
    attention_head_exponent: float
    attention_saturation_tokens: float
    attention_backward_ratio: float
    eager_attention_passes: float
    pointwise_hidden_elements: float
    pointwise_ffn_elements: float
    pointwise_backward_ratio: float
    pointwise_ratio: Table
    """Traffic of pointwise operations against hand-written model code, by software class."""
    pointwise_scale_ratio: float
    pointwise_cpu_ratio: float
    fp8_cast_elements: float
    bandwidth_ratio: float
    logits_traffic_bytes: Table
    adapter_traffic_ratio: float
    adapter_fused_ratio: float
    adapter_dense_passes: float
    adapter_product_ratio: float
    dequantisation_traffic_bytes: float
    optimizer_unfused_ratio: float
    link_ratio: float
    network_ratio: float
    exposed_ratio: float
    data_parallel_exposed_ratio: float
    tensor_parallel_exposed_ratio: float
    tensor_parallel_overlapped_ratio: float
    expert_parallel_exposed_ratio: float
    step_latency_s: float
    node_doubling_ratio: float
    default_inter_node_bytes_per_s: float
    default_link_bytes_per_s: float
    host_link_bytes_per_s: float
    host_memory_bytes_per_s: float
    disk_bytes_per_s: float
    launch_s: float
    launch_cpu_s: float
    launch_class_ratio: Table
    ops_per_layer: float
    ops_per_adapter: float
    ops_per_expert: float
    ops_per_gathered_tensor: float
    ops_per_optimizer_tensor: float
    input_tokens_per_s: float


def read_constants() -> list[Constant]:
    """The rows of the table, in its order."""
    text = (files("planner.estimator") / "throughput_constants.csv").read_text(encoding="utf-8")
    return [
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
    ]


def constants_from(values: dict[str, float]) -> ThroughputConstants:
    """Constants by the names of the table."""
    tables: dict[str, Table] = {}
    for name, value in values.items():
        field, _, key = name.partition(".")
        if key:
            tables.setdefault(field, {})[key] = value
    found: dict[str, Any] = {name: value for name, value in values.items() if "." not in name} | tables
    return ThroughputConstants(**found)


THROUGHPUT = constants_from({row.name: row.value for row in read_constants()})
