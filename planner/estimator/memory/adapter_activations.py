"""What adapters keep for their own gradients."""

from planner.estimator.memory.hidden_states import hidden_divisor
from planner.estimator.workload import Workload


def adapter_saved_bytes_per_token(run: Workload) -> float:
    """Bytes that the adapter of one layer keeps for a token.

    Inputs of adapted modules are cast one by one where the adapter is fp32 and nothing converts automatically;
    otherwise modules that read one tensor share it.
    """
    c, keeps = run.constants, run.adapter_size.keeps
    if keeps == "nothing":
        return 0.0
    if keeps == "hidden":
        return c.adapter_hidden_bytes * run.model.hidden_dim / hidden_divisor(run)
    if keeps == "outputs":
        return run.compute_bytes * run.adapter.output_width / run.tp
    if run.casts_adapter_inputs:
        return c.adapter_cast_ratio * run.trained_bytes * run.adapter.input_width / run.tp
    return c.adapter_input_ratio * run.compute_bytes * run.adapter.distinct_input_width / run.tp


def adapter_delta_bytes(run: Workload) -> float:
    """Matrices as large as the adapted ones that some adapters make in each forward pass, kept for the backward."""
    size = run.adapter_size.delta_params_per_layer
    if size == 0:
        return 0.0
    layers = 1 if run.checkpointing in ("full", "offloaded") else run.stage_layers
    return run.constants.adapter_delta_ratio * run.trained_bytes * size * layers / run.tp


def virtual_keys_bytes(run: Workload) -> float:
    """Keys and values of virtual tokens in all layers, as wide as the queries once heads are repeated."""
    keys = run.adapter_size.virtual_keys * run.micro_batch_size
    width = run.model.kv_dim + run.model.q_dim
    return 2.0 * run.compute_bytes * keys * width * run.stage_layers / run.tp
