"""Simple public rules for the memory of a training run, written down from their documentation."""

from collections.abc import Callable

from planner.estimator.workload import Workload


def accelerate_rule(run: Workload) -> float:
    """``accelerate estimate-memory``: four times the weights in the dtype they are loaded in, for Adam.

    Source: huggingface.co/docs/accelerate, model memory estimator. It knows neither adapters nor activations.
    """
    width = run.trained_bytes if run.trains_base else max(run.linear_bytes, 0.5)
    return 4.0 * run.params.total * width


def deepspeed_rule(run: Workload) -> float:
    """DeepSpeed's estimators for ZeRO-2 and ZeRO-3 without offload, of parameters alone.

    Source: deepspeed.readthedocs.io, memory requirements: 18 bytes a parameter over all devices and the largest layer
    at stage 3; 4 bytes and 16 over all devices at stage 2; 20 on one device.
    """
    total = float(run.params.total)
    if run.zero_stage == 3:
        largest = max(run.params.embeddings, run.params.linear_per_layer)
        return 18.0 * total / run.num_devices + 4.0 * largest
    return 4.0 * total + 16.0 * total / run.num_devices


def llm_analysis_rule(run: Workload) -> float:
    """llm-analysis: states, activations of arXiv 2205.05198 (flash attention, no dropout), recomputed or not.

    Source: github.com/cli99/llm-analysis. Weights and gradients in 16 bit, 12 bytes of states, whole logits in fp32.
    """
    model, tokens = run.model, run.pass_tokens
    shard = float(run.shards) if run.zero_stage == 3 else 1.0
    states = run.params.total / run.tp / run.pp * (2.0 + 2.0 + 12.0) / shard
    if not run.trains_base:
        states = run.params.total * run.linear_bytes / shard + 16.0 * run.trainable_params
    layer = 34.0 * model.hidden_dim / run.tp
    kept = 2.0 * model.hidden_dim if run.checkpointing in ("full", "offloaded") else layer
    return states + tokens * (run.stage_layers * kept + layer + 4.0 * model.vocab_size / run.tp)


RULES: dict[str, Callable[[Workload], float]] = {
    "accelerate": accelerate_rule,
    "DeepSpeed": deepspeed_rule,
    "llm-analysis": llm_analysis_rule,
}
