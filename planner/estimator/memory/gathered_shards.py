"""Weights that a sharded run gathers whole while it uses them."""

from planner.estimator.elementwise import always, smaller
from planner.estimator.workload import Workload


def gathered_bytes(run: Workload) -> float:
    """Embeddings, head, the layer in use and the next one, less the share that is held anyway (ZeRO-3, FSDP)."""
    if run.zero_stage < 3 or always(run.shards == 1):
        return 0.0
    counts = run.params
    layers = smaller(run.constants.gathered_layers, run.stage_layers)
    per_linear, per_other = run.compute_bytes, run.compute_bytes
    if run.is_quantised:
        per_linear, per_other = run.linear_bytes, run.other_bytes
    shared_mlp = counts.mlp_per_layer - counts.routed_experts_per_layer
    linear = counts.attention_per_layer + shared_mlp + counts.routed_experts_per_layer / run.ep
    others = layers * (counts.norms_per_layer + counts.router_per_layer) + (counts.embeddings + counts.head) / run.tp
    return (layers * linear / run.tp * per_linear + others * per_other) * (1.0 - 1.0 / run.shards)
