"""Every fitted constant, in one frozen table. The annotation of a field says where its value comes from."""

from dataclasses import dataclass
from typing import Annotated

PRIOR = "physics-1"
"""Names this version of formulas and constants; change it whenever one of them changes."""

FMS = "measured on published runs (fms-acceleration)"
PEFT = "measured on published runs (peft method_comparison)"
POOLED = "fitted on published runs (fms-acceleration, peft, litgpt, ms-swift, MLPerf, Megatron-LM)"
TIMED = "fitted on published runs (llm-foundry, fms-acceleration, InternEvo, MLPerf, litgpt, peft, pytorch/ao)"
CPU_RUNS = "measured on 72 small fine-tuning runs, one CPU core, torch 2.13"


@dataclass(frozen=True, slots=True)
class MemoryConstants:
    """Memory. Bytes per element hold for 16-bit computation and scale with the compute dtype."""

    saved_margin_ratio: Annotated[float, "small tensors of eager code, none in tuned or lean; " + POOLED] = 1.19
    norm_saved_bytes: Annotated[float, "theory: input, upcast and output of two norms; agrees with " + FMS] = 16.0
    norm_saved_frozen_bytes: Annotated[float, "theory: no weight gradient, half of it"] = 8.0
    fused_norm_saved_ratio: Annotated[float, "fused kernels keep no upcast copy; " + POOLED] = 0.5
    attention_saved_bytes: Annotated[float, "theory: q, k, v and output, input of the projections"] = 4.0
    mlp_saved_bytes: Annotated[float, "theory: gated block, four tensors of the inner width"] = 8.0
    mlp_saved_frozen_bytes: Annotated[float, "theory: input of a frozen down projection is not kept"] = 6.0
    plain_mlp_saved_bytes: Annotated[float, "theory: block without gate, three tensors"] = 6.0
    plain_mlp_saved_frozen_bytes: Annotated[float, "theory: block without gate, two tensors"] = 4.0
    fused_mlp_saving_bytes: Annotated[float, "fused activation keeps one tensor less; " + POOLED] = 2.0
    fp8_mlp_saving_bytes: Annotated[float, "gate and up outputs kept in FP8 by tuned software; MLPerf 5.0"] = 2.0
    eager_score_bytes: Annotated[float, "arXiv 2205.05198, equation 2: softmax input, output and dropout mask"] = 5.0
    adapter_cast_ratio: Annotated[float, "inputs cast to the adapter's dtype; " + PEFT] = 0.63
    selective_saved_ratio: Annotated[float, "assumed: between torchtitan's and Megatron's selective recomputation"] = (
        0.6
    )
    sharded_frozen_hidden_ratio: Annotated[float, "one more hidden state a layer under FSDP, frozen base; " + FMS] = (
        1.08
    )
    recomputed_layer_ratio: Annotated[float, POOLED] = 0.56
    backward_ffn_elements: Annotated[float, "gradients alive inside one layer; " + POOLED] = 6.0
    backward_hidden_elements: Annotated[float, "gradients alive inside one layer; " + POOLED] = 2.0
    full_logits_bytes: Annotated[float, "theory 14: 2 logits, 4 upcast, 4 log-softmax, 4 gradient; " + FMS] = 13.9
    fused_ce_bytes: Annotated[float, FMS] = 8.3
    chunked_ce_bytes: Annotated[float, "weakly determined; litgpt"] = 1.5
    fused_linear_ce_bytes: Annotated[float, "weakly determined; " + FMS] = 0.3
    gathered_layers: Annotated[float, "the layer in use and the one being fetched; " + FMS] = 2.0
    reserved_logits_ratio: Annotated[float, "allocator cache, lengths equal; " + POOLED] = 1.40
    reserved_fused_ce_ratio: Annotated[float, "allocator cache; " + FMS] = 1.99
    reserved_dynamic_ratio: Annotated[
        float, "between longest first (0.97, peft) and random lengths (2.85, ms-swift)"
    ] = 2.2
    reserved_backward_ratio: Annotated[float, POOLED] = 1.083
    reserved_cache_ratio: Annotated[float, "activation blocks that the optimizer step does not reuse; " + FMS] = 0.95
    reserved_cached_logits_ratio: Annotated[float, "logit blocks that the optimizer step does not reuse; " + FMS] = 0.5
    reserved_floor_bytes: Annotated[float, "0.07 GiB; " + POOLED] = 7.5e7
    context_bytes: Annotated[float, "1.2 GiB: CUDA context and libraries; " + FMS] = 1.29e9
    communicator_bytes: Annotated[float, "1.26 GiB once there is more than one device; " + FMS] = 1.35e9
    communicator_doubling_bytes: Annotated[float, "1.16 GiB each doubling up to 8 devices; " + FMS] = 1.245e9
    usable_ratio: Annotated[float, "78 of 1,192 published runs ran out; this share finds all, precision 0.89"] = 0.95
    cache_limit_ratio: Annotated[float, "near a full card the allocator frees its cache; " + FMS] = 0.985
    host_process_cpu_bytes: Annotated[float, "torch and transformers loaded, 0.7 to 1.1 GB; " + CPU_RUNS] = 0.9e9
    host_process_accelerator_bytes: Annotated[float, "assumed: torch with CUDA libraries, data loaders"] = 4.0e9
    allocated_log_sd: Annotated[float, "a source never seen: median error 8 %, P90 19 %"] = 0.10
    reserved_log_sd: Annotated[float, "a source never seen: median error 9 %, P90 16 %"] = 0.13
    dynamic_log_sd: Annotated[float, "reserved and device with lengths that vary; ms-swift, peft"] = 0.22
    device_log_sd: Annotated[float, "a source never seen: median error 11 %, P90 30 %"] = 0.15
    host_log_sd: Annotated[float, "assumed"] = 0.35


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


MEMORY = MemoryConstants()
TIME = TimeConstants()
