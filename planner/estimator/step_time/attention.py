"""Time in attention scores, by kernel."""

import math

from planner.estimator.flops import attended_tokens
from planner.estimator.step_time.efficiency import (
    flash_attention_flop_per_s,
    matmul_flop_per_s,
    peak_flop_per_s,
    tuned_attention_flop_per_s,
)
from planner.estimator.step_time.recompute import Repeated
from planner.estimator.throughput_constants import ThroughputConstants
from planner.estimator.workload import Workload


def seen_tokens(run: Workload) -> float:
    """Length of a sample with the virtual tokens that adapters put before it."""
    return run.fed_tokens + run.adapter_size.virtual_tokens + run.adapter_size.virtual_keys


def attention_flop(run: Workload, tokens: float) -> float:
    """FLOP of one causal forward pass of one device: scores and their product with the values, half of the square.

    Source: arXiv 2205.05198, appendix A, times 1/2 for the causal mask (arXiv 2307.08691, section 4.1). Some kernels
    skip what lies beyond a sliding window.
    """
    model, seen = run.model, seen_tokens(run)
    if run.skips_beyond_window:
        seen = attended_tokens(model, seen)
    widths = model.q_dim + model.v_dim
    return 2.0 * tokens * seen * widths * 0.5 * run.stage_layers / run.tp


def attention_flop_per_s(run: Workload, c: ThroughputConstants) -> float:
    """Rate of long sequences in the run's kernel; scores are computed in 16 bit whatever the matrices use."""
    accelerator = run.accelerator
    dtype = "bf16" if run.compute_dtype in ("fp8", "fp4") else run.compute_dtype
    if accelerator.kind == "cpu":
        return c.attention_cpu_ratio * peak_flop_per_s(accelerator, dtype)
    if run.is_eager_attention:
        return matmul_flop_per_s(accelerator, dtype, c)
    if run.software != "tuned":
        return flash_attention_flop_per_s(accelerator, dtype, c)
    rate = tuned_attention_flop_per_s(accelerator, dtype, c)
    return rate * c.fp8_attention_ratio if run.fp8_attention else rate


def attention_s(run: Workload, tokens: float, again: Repeated, c: ThroughputConstants) -> float:
    """Seconds of one pass: forward, backward at 2.5 forwards, recompute.

    Short sequences and heads narrower than 128 use the matrix units less. Eager kernels also move the scores through
    memory and do not skip the masked half.
    """
    model = run.model
    forward = attention_flop(run, tokens) / attention_flop_per_s(run, c)
    passes = 1.0 + c.attention_backward_ratio + again.attention_ratio
    if run.accelerator.kind != "cpu":
        forward *= 1.0 + c.attention_saturation_tokens / seen_tokens(run)
        forward *= math.pow(max(128.0 / model.head_dim, 1.0), c.attention_head_exponent)
    if run.is_eager_attention:
        scores = tokens * seen_tokens(run) * model.num_heads * run.stage_layers / run.tp
        bandwidth = c.bandwidth_ratio * run.accelerator.memory_bandwidth_bytes_per_s
        forward = 2.0 * forward + c.eager_attention_passes * scores * run.compute_bytes / bandwidth
    return passes * forward
