"""Time in attention scores."""

from planner.estimator.constants import TIME
from planner.estimator.flops import attention_forward_flop
from planner.estimator.step_time.efficiency import attention_flop_per_s
from planner.estimator.workload import Workload

EAGER_PASSES = 8.0
"""Times that eager attention reads or writes the scores in a forward pass: product, scale, mask, softmax, dropout."""


def attention_s(run: Workload, tokens: float) -> float:
    """Seconds of one pass: forward, backward at 2.5 forwards, recompute.

    Eager kernels also move the scores through memory and do not skip the masked half.
    """
    c, model = TIME, run.model
    flop: float = attention_forward_flop(tokens, run.fed_tokens, model.q_dim, run.stage_layers) / run.tp
    rate = attention_flop_per_s(run.accelerator, run.compute_dtype, run.software)
    recomputed = 1.0 if run.recomputed_ratio == 1.0 else 0.0
    passes = 1.0 + c.attention_backward_ratio + recomputed
    forward = flop / rate
    if run.is_eager_attention:
        scores = tokens * run.fed_tokens * model.num_heads * run.stage_layers / run.tp
        bandwidth = c.bandwidth_ratio * run.accelerator.memory_bandwidth_bytes_per_s
        forward = 2.0 * forward + EAGER_PASSES * scores * run.compute_bytes / bandwidth
    return passes * forward
