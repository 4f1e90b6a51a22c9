"""Every fitted constant of time, in one frozen table. The annotation of a field says where its value comes from."""

from dataclasses import dataclass
from typing import Annotated

PRIOR = "physics-1"
"""Names this version of formulas and constants; change it whenever one of them changes."""

TIMED = "fitted on published runs (llm-foundry, fms-acceleration, InternEvo, MLPerf, litgpt, peft, pytorch/ao)"
CPU_RUNS = "measured on 72 small fine-tuning runs, one CPU core, torch 2.13"


@dataclass(frozen=True, slots=True)
class TimeConstants:
    """Time, network and start-up."""

    saturation_tokens: Annotated[float, "tokens at which a matmul reaches half its rate; " + TIMED] = 500.0
    saturation_width: Annotated[float, "narrow side at which a matmul reaches half its rate; " + TIMED] = 200.0
    saturation_tokens_cpu: Annotated[float, CPU_RUNS] = 30.0
    saturation_width_cpu: Annotated[float, CPU_RUNS] = 45.0
    expert_matmul_ratio: Annotated[float, "many small matmuls; " + TIMED] = 1.34
    power_exponent: Annotated[float, "MI325X against MI300X, power-limited H100 and B200"] = 0.62
    attention_backward_ratio: Annotated[float, "theory 2.5: five matmuls against two; " + TIMED] = 2.9
    fp8_attention_ratio: Annotated[float, "MLPerf runs with and without"] = 1.42
    pointwise_hidden_elements: Annotated[float, "elements moved per token and layer; " + TIMED] = 33.0
    pointwise_ffn_elements: Annotated[float, "elements moved per token and layer; " + TIMED] = 4.0
    pointwise_cpu_ratio: Annotated[float, "caches hold part of it; " + CPU_RUNS] = 0.6
    pointwise_backward_ratio: Annotated[float, TIMED] = 1.75
    bandwidth_ratio: Annotated[float, "share of the data sheet's bandwidth reached; " + TIMED] = 0.78
    full_logits_traffic_bytes: Annotated[float, "per token and vocabulary entry, prior-driven"] = 27.0
    fused_ce_traffic_bytes: Annotated[float, "per token and vocabulary entry, prior-driven"] = 11.0
    fused_linear_traffic_bytes: Annotated[float, "per token and vocabulary entry, prior-driven"] = 14.0
    adapter_traffic_ratio: Annotated[float, "times a pass over the adapted width; " + TIMED] = 8.5
    dequantisation_traffic_bytes: Annotated[float, "1.6 x 2.5 bytes per weight and pass"] = 4.0
    optimizer_unfused_ratio: Annotated[
        float, "theory: foreach reads and writes each tensor again in each operation"
    ] = 1.85
    shard_link_ratio: Annotated[float, "share of a link's one-way rate in collectives; " + TIMED] = 0.43
    shard_network_ratio: Annotated[float, "share of a node's network in collectives; " + TIMED] = 0.9
    exposed_ratio: Annotated[float, "collectives not hidden behind computation; " + TIMED] = 0.6
    tensor_parallel_exposed_ratio: Annotated[float, TIMED] = 0.6
    node_doubling_ratio: Annotated[float, "stragglers, each doubling of nodes; " + TIMED] = 0.018
    default_inter_node_bytes_per_s: Annotated[float, "assumed where unknown: 200 Gb/s for each accelerator"] = 25e9
    default_link_bytes_per_s: Annotated[float, "assumed where unknown: PCIe 4.0 x16 both ways"] = 64e9
    launch_s: Annotated[float, "assumed: one kernel launch from Python on a current host"] = 7e-6
    launch_cpu_s: Annotated[float, "one operation from Python, backward included; " + CPU_RUNS] = 3.5e-5
    ops_per_layer: Annotated[float, "operations of one forward pass of a layer, eager"] = 25.0
    ops_per_adapter: Annotated[float, "dropout, two matmuls, scale, add"] = 4.0
    ops_per_optimizer_tensor: Annotated[float, "assumed: launches per trained tensor"] = 2.0
    tokens_per_s_log_sd: Annotated[float, "a suite never seen: p10 -22 %, p90 +9 % and its bias"] = 0.25
    unknown_software_log_sd: Annotated[float, "software class not known: stock to tuned differ by 1.5"] = 0.32
    unsure_log_sd: Annotated[float, "assumed: data sheet unsure or a generic CPU"] = 0.5


TIME = TimeConstants()
