"""Weights that one device holds."""

from planner.estimator.workload import Workload


def stage_params(run: Workload, *, has_embeddings: bool, has_head: bool) -> tuple[float, float]:
    """Parameters of one device before ZeRO divides them: (linear layers, all others).

    Tensor parallel divides matrices, expert parallel the routed experts, pipeline parallel the layers; norms are whole.
    """
    counts = run.params
    layers = run.stage_layers
    shared_mlp = counts.mlp_per_layer - counts.routed_experts_per_layer
    linear = layers * (counts.attention_per_layer + shared_mlp + counts.routed_experts_per_layer / run.ep) / run.tp
    others: float = layers * (counts.norms_per_layer + counts.router_per_layer)
    if has_embeddings:
        others += counts.embeddings / run.tp
    if has_head:
        tied_copy = counts.embeddings if counts.head == 0 and not has_embeddings else 0
        others += (counts.head + tied_copy) / run.tp + counts.final_norm
    return linear, others


def divided_by_zero(run: Workload, from_stage: int) -> float:
    """Ranks that share what ZeRO divides from stage ``from_stage`` on (arXiv 1910.02054, section 5)."""
    return float(run.shards) if run.zero_stage >= from_stage else 1.0


def weights_bytes(run: Workload, *, has_embeddings: bool, has_head: bool) -> float:
    """Bytes of the base model's weights on one device, in the dtype they are stored in."""
    linear, others = stage_params(run, has_embeddings=has_embeddings, has_head=has_head)
    if run.trains_base:
        stored = (linear + others) * run.trained_bytes
    else:
        stored = linear * run.linear_bytes + others * run.other_bytes
    if run.zero_stage == 3 and run.cpu_offload:
        return 0.0
    return stored / divided_by_zero(run, 3)


def adapter_bytes(run: Workload) -> float:
    """Bytes of adapter weights on one device; 0 where the base itself is trained."""
    return 0.0 if run.trains_base else trained_params(run) * run.trained_bytes / divided_by_zero(run, 3)


def trained_params(run: Workload, *, has_embeddings: bool = True, has_head: bool = True) -> float:
    """Trained parameters of one device before ZeRO divides them."""
    if run.trains_base:
        return sum(stage_params(run, has_embeddings=has_embeddings, has_head=has_head))
    return run.trainable_params / run.tp * run.stage_layers / run.model.num_layers
