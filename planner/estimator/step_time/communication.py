"""Time and volume of what devices send each other."""

from planner.estimator.constants import TIME
from planner.estimator.memory.weights import stage_params, trained_params
from planner.estimator.workload import Workload


def link_bytes_per_s(run: Workload) -> float:
    """One-way rate between the devices of a node; data sheets add up both directions."""
    both_ways = run.accelerator.link_bytes_per_s or TIME.default_link_bytes_per_s
    return both_ways / 2.0


def network_bytes_per_s(run: Workload) -> float:
    """One-way rate of one device's share of the network between nodes."""
    return run.inter_node_bytes_per_s or TIME.default_inter_node_bytes_per_s


def collective_bytes_per_s(run: Workload, ranks: int) -> float:
    """Rate of a ring over ``ranks`` devices: the node's link, or the whole node's network where the ring leaves it."""
    inside = TIME.shard_link_ratio * link_bytes_per_s(run)
    per_node = run.accelerator.accelerators_per_node
    if ranks * run.tp <= per_node:
        return inside
    node_network = network_bytes_per_s(run) * per_node
    return min(inside, TIME.shard_network_ratio * node_network)


def gathered_bytes_per_pass(run: Workload) -> float:
    """Bytes a device receives in one pass under ZeRO-3: weights gathered forward and backward."""
    if run.zero_stage < 3 or run.shards == 1:
        return 0.0
    linear, others = stage_params(run, has_embeddings=True, has_head=True)
    stored = run.linear_bytes if run.is_quantised else run.compute_bytes
    once = linear * stored + others * run.compute_bytes
    return 2.0 * once * (1.0 - 1.0 / run.shards)


def reduced_bytes_per_pass(run: Workload) -> float:
    """Bytes of the gradient reduce-scatter that sharded runs do in every pass."""
    if run.zero_stage < 3 or run.shards == 1:
        return 0.0
    return trained_params(run) * run.compute_bytes * (1.0 - 1.0 / run.shards)


def reduced_bytes_per_step(run: Workload) -> float:
    """Bytes a device sends once a step: all-reduce of gradients over data parallel ranks (2 psi, arXiv 1910.02054)."""
    ranks = run.data_parallel
    if ranks == 1:
        return 0.0
    once = trained_params(run) * run.compute_bytes
    if run.zero_stage == 3:
        replicas = ranks // run.shards
        return 0.0 if replicas <= 1 else 2.0 * once / run.shards * (1.0 - 1.0 / replicas)
    return 2.0 * once * (1.0 - 1.0 / ranks)


def tensor_parallel_s(run: Workload, tokens: float) -> float:
    """Seconds of the four all-reduces a layer of tensor parallelism that stay exposed, recompute adds two."""
    if run.tp == 1:
        return 0.0
    reduces = 4.0 + 2.0 * run.recomputed_ratio
    volume = 2.0 * tokens * run.model.hidden_dim * run.compute_bytes * (1.0 - 1.0 / run.tp)
    rate = collective_bytes_per_s(run, 1)
    return TIME.tensor_parallel_exposed_ratio * reduces * run.stage_layers * volume / rate


def context_parallel_bytes(run: Workload, tokens: float) -> float:
    """Bytes of keys and values passed round the ring in one pass: forward once, backward with gradients twice."""
    if run.cp == 1:
        return 0.0
    return 3.0 * 2.0 * tokens * run.model.kv_dim * run.compute_bytes * (run.cp - 1) * run.stage_layers / run.tp


def expert_parallel_bytes(run: Workload, tokens: float) -> float:
    """Bytes of the two all-to-alls forward and two backward, for every expert a token is sent to."""
    if run.ep == 1:
        return 0.0
    sent = tokens * (run.model.experts_per_token or 1) * run.model.hidden_dim * run.compute_bytes
    moe_layers = run.stage_layers * run.model.num_moe_layers / run.model.num_layers
    return 4.0 * sent * moe_layers * (1.0 - 1.0 / run.ep)


def exposed_s(transfer_s: float, compute_s: float) -> float:
    """Seconds of an overlapped transfer that the step waits for: a share, and all that exceeds the computation."""
    ratio = TIME.exposed_ratio
    return ratio * transfer_s + max(0.0, (1.0 - ratio) * transfer_s - compute_s)


def sharding_s(run: Workload, compute_s: float) -> float:
    """Exposed seconds of gathers and reduces in one pass."""
    volume = gathered_bytes_per_pass(run) + reduced_bytes_per_pass(run)
    return exposed_s(volume / collective_bytes_per_s(run, run.shards), compute_s) if volume else 0.0


def ring_s(run: Workload, tokens: float, compute_s: float) -> float:
    """Exposed seconds of context and expert parallel traffic in one pass."""
    around = context_parallel_bytes(run, tokens) / collective_bytes_per_s(run, run.cp)
    across = expert_parallel_bytes(run, tokens) / collective_bytes_per_s(run, run.ep)
    return exposed_s(around, compute_s) + across


def data_parallel_s(run: Workload, last_pass_s: float) -> float:
    """Exposed seconds of the gradient all-reduce, once a step, hidden behind the last backward pass."""
    volume = reduced_bytes_per_step(run)
    return exposed_s(volume / collective_bytes_per_s(run, run.data_parallel), last_pass_s) if volume else 0.0
