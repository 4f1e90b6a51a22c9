"""Weights that one device holds."""

from planner.estimator.workload import Workload


def stage_params(run: Workload, *, has_embeddings: bool, has_head: bool) -> tuple[float, float]:
    """Parameters of one device before ZeRO divides them: (linear layers, all others).

    Tensor parallel divides matrices, expert parallel the routed experts, pipeline parallel the layers; norms are whole.
    """
    counts = run.params
    layers = run.stage_layers
    routed = counts.routed_experts_per_layer
    linear = layers * (counts.attention_per_layer + counts.mlp_per_layer - routed + routed / run.ep) / run.tp
    others: float = layers * (counts.norms_per_layer + counts.router_per_layer)
    if has_embeddings:
        others += counts.embeddings / run.tp
    if has_head:
        tied_copy = counts.embeddings if counts.head == 0 and not has_embeddings else 0
        others += (counts.head + tied_copy) / run.tp + counts.final_norm
    return linear, others


def divided_by_zero(run: Workload, from_stage: int) -> float:
    """Ranks that share what ZeRO divides from stage ``from_stage`` on (arXiv 1910.02054, section 5)."""
    return run.shards if run.zero_stage >= from_stage else 1.0


def weights_bytes(run: Workload, *, has_embeddings: bool, has_head: bool) -> float:
    """Bytes of the base model's weights on one device, in the dtype they are stored in."""
    linear, others = stage_params(run, has_embeddings=has_embeddings, has_head=has_head)
    if run.trains_base:
        stored = (linear + others) * run.trained_bytes
    else:
        stored = linear * run.linear_bytes + others * run.other_bytes
    if run.zero_stage == 3 and run.is_offloaded:
        return 0.0
    return stored / divided_by_zero(run, 3)


def loading_bytes(run: Workload) -> float:
    """Whole weights beside the shard, where each device reads the model before it is divided."""
    if not run.loads_full_model:
        return 0.0
    whole = weights_bytes(run._replace(zero_stage=0), has_embeddings=True, has_head=True)
    return run.constants.full_load_ratio * whole


def frozen_copies_bytes(run: Workload, weights: float) -> float:
    """Reference and reward models beside the trained one; in 16 bit where the trained one is held in fp32."""
    if run.frozen_copies == 0:
        return 0.0
    width = min(run.compute_bytes / run.trained_bytes, 1.0) if run.trains_base else 1.0
    return run.frozen_copies * weights * width


def adapter_bytes(run: Workload, trained: float) -> float:
    """Bytes of adapter weights on one device, ``trained`` in parameters; 0 where the base itself is trained."""
    return 0.0 if run.trains_base else trained * run.trained_bytes / divided_by_zero(run, 3)


def trained_params(run: Workload, *, has_embeddings: bool = True, has_head: bool = True) -> float:
    """Trained parameters of one device before ZeRO divides them."""
    if run.trains_base:
        return sum(stage_params(run, has_embeddings=has_embeddings, has_head=has_head))
    return run.trainable_params / run.tp * run.stage_layers / run.model.num_layers
