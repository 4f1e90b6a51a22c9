"""Volume and exposed time of what devices send each other."""

from planner.estimator.elementwise import always, larger, where
from planner.estimator.memory.weights import stage_params, trained_params
from planner.estimator.step_time.links import collective_bytes_per_s
from planner.estimator.step_time.recompute import Repeated
from planner.estimator.throughput_constants import ThroughputConstants
from planner.estimator.workload import Workload


def gathered_bytes_per_pass(run: Workload) -> float:
    """Bytes a device receives in one pass under ZeRO-3: weights gathered forward and backward."""
    if run.zero_stage < 3 or always(run.shards == 1):
        return 0.0
    linear, others = stage_params(run, has_embeddings=True, has_head=True)
    stored = run.linear_bytes if run.is_quantised else run.compute_bytes
    once = linear * stored + others * run.compute_bytes
    return 2.0 * once * (1.0 - 1.0 / run.shards)


def reduced_bytes_per_pass(run: Workload) -> float:
    """Bytes of the gradient reduce-scatter that sharded runs do in every pass."""
    if run.zero_stage < 3 or always(run.shards == 1):
        return 0.0
    return trained_params(run) * run.compute_bytes * (1.0 - 1.0 / run.shards)


def reduced_bytes_per_step(run: Workload) -> float:
    """Bytes a device sends once a step: all-reduce of gradients over data parallel ranks (2 psi, arXiv 1910.02054)."""
    ranks = run.data_parallel
    if always(ranks == 1):
        return 0.0
    once = trained_params(run) * run.compute_bytes
    if run.zero_stage == 3:
        replicas = ranks // run.shards
        return 2.0 * once / run.shards * (1.0 - 1.0 / replicas)
    return 2.0 * once * (1.0 - 1.0 / ranks)


def tensor_parallel_bytes(run: Workload, tokens: float, again: Repeated) -> float:
    """Bytes of the all-reduces of one pass: two a layer forward, two backward, two more where it is recomputed."""
    if always(run.tp == 1):
        return 0.0
    reduces = 4.0 + 2.0 * again.matmul_ratio
    volume = 2.0 * tokens * run.model.hidden_dim * run.compute_bytes * (1.0 - 1.0 / run.tp)
    return reduces * run.stage_layers * volume


def context_parallel_bytes(run: Workload, tokens: float) -> float:
    """Bytes of keys and values passed round the ring in one pass: forward once, backward with gradients twice."""
    if always(run.cp == 1):
        return 0.0
    return 3.0 * 2.0 * tokens * run.model.kv_dim * run.compute_bytes * (run.cp - 1) * run.stage_layers / run.tp


def expert_parallel_bytes(run: Workload, tokens: float) -> float:
    """Bytes of the two all-to-alls forward and two backward, for every expert a token is sent to."""
    if always(run.ep == 1):
        return 0.0
    model = run.model
    layers = run.stage_layers * model.num_moe_layers / model.num_layers
    sent = tokens * (model.experts_per_token or 1) * model.hidden_dim * run.compute_bytes
    return 4.0 * sent * layers * (1.0 - 1.0 / run.ep)


def pipeline_bytes(run: Workload, tokens: float) -> float:
    """Bytes of one pass that go on to the next stage, and back as gradients, once for each part of the model."""
    volume = 2.0 * tokens * run.model.hidden_dim * run.compute_bytes / run.tp * run.virtual_stages
    return where(run.pp == 1, 0.0, volume)


def exposed_s(transfer_s: float, compute_s: float, ratio: float) -> float:
    """Seconds of an overlapped transfer that the step waits for: a share, and all that exceeds the computation."""
    return ratio * transfer_s + larger(0.0, (1.0 - ratio) * transfer_s - compute_s)


def sharding_s(run: Workload, compute_s: float, c: ThroughputConstants) -> float:
    """Exposed seconds of gathers and reduces in one pass."""
    volume = gathered_bytes_per_pass(run) + reduced_bytes_per_pass(run)
    if always(volume == 0):
        return 0.0
    return exposed_s(volume / collective_bytes_per_s(run, run.shards, run.tp * run.cp, c), compute_s, c.exposed_ratio)


def overlaps_tensor_parallel(run: Workload) -> bool:
    """Where nothing is said, vendor-tuned software overlaps them with the products of a trained base."""
    if run.tp_overlap is not None:
        return run.tp_overlap
    return run.software == "tuned" and run.trains_base


def tensor_parallel_s(run: Workload, tokens: float, again: Repeated, c: ThroughputConstants) -> float:
    """Seconds of tensor parallel reductions that stay exposed."""
    volume = tensor_parallel_bytes(run, tokens, again)
    if always(volume == 0):
        return 0.0
    exposed = c.tensor_parallel_overlapped_ratio if overlaps_tensor_parallel(run) else c.tensor_parallel_exposed_ratio
    return exposed * volume / collective_bytes_per_s(run, run.tp, 1, c)


def context_parallel_s(run: Workload, tokens: float, compute_s: float, c: ThroughputConstants) -> float:
    """Exposed seconds of the ring of keys and values in one pass."""
    volume = context_parallel_bytes(run, tokens)
    if always(volume == 0):
        return 0.0
    return exposed_s(volume / collective_bytes_per_s(run, run.cp, run.tp, c), compute_s, c.exposed_ratio)


def expert_parallel_s(run: Workload, tokens: float, c: ThroughputConstants) -> float:
    """Exposed seconds of sending tokens to their experts and back in one pass.

    Every device sends on its own network share: an all-to-all is no ring.
    """
    volume = expert_parallel_bytes(run, tokens)
    if always(volume == 0):
        return 0.0
    rate = collective_bytes_per_s(run, run.ep, run.tp, c)
    return c.expert_parallel_exposed_ratio * volume / rate


def pipeline_s(run: Workload, tokens: float, c: ThroughputConstants) -> float:
    """Seconds of one pass that a stage waits for its neighbours' hidden states, unhidden as the passes alternate."""
    volume = pipeline_bytes(run, tokens)
    if always(volume == 0):
        return 0.0
    return c.exposed_ratio * volume / collective_bytes_per_s(run, run.pp, run.tp * run.cp * run.data_parallel, c)


def data_parallel_s(run: Workload, last_pass_s: float, c: ThroughputConstants) -> float:
    """Exposed seconds of the gradient all-reduce, once a step, hidden in part behind the last backward pass.

    Where only optimizer states are divided, each rank in turn sends its stepped weights to the ranks that share them;
    vendor-tuned software hides that behind the next forward pass.
    """
    volume = reduced_bytes_per_step(run)
    if always(volume == 0):
        return 0.0
    inner = run.tp * run.cp
    transfer_s = volume / collective_bytes_per_s(run, run.data_parallel, inner, c)
    seconds = exposed_s(transfer_s, last_pass_s, c.data_parallel_exposed_ratio)
    if run.zero_stage == 1 and run.software != "tuned":
        seconds += c.step_latency_s * (run.shards - 1)
    return seconds
