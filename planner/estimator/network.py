"""Bytes that a run moves over the network, and the rate it needs between nodes."""

from planner.estimator.step_time.communication import (
    context_parallel_bytes,
    expert_parallel_bytes,
    gathered_bytes_per_pass,
    reduced_bytes_per_pass,
    reduced_bytes_per_step,
)
from planner.estimator.workload import Workload


def network_rows(
    run: Workload, *, model_bytes: float, dataset_bytes: float, checkpoint_bytes: float, num_written: int
) -> dict[str, float]:
    """Bytes between the hosts and storage: each node fetches the model, all share the data, checkpoints go up."""
    return {
        "model_staging": model_bytes * run.num_nodes,
        "dataset_staging": dataset_bytes,
        "checkpoint_upload": checkpoint_bytes * num_written,
    }


def inter_node_bytes_per_s(run: Workload, step_s: float) -> float:
    """Mean rate at which one device sends to other nodes while training; 0 on one node.

    A ring crosses a node's border once for all its devices, so each carries its share.
    """
    if run.num_nodes == 1:
        return 0.0
    per_node = run.accelerator.accelerators_per_node
    tokens = run.fed_pass_tokens
    collectives = run.accumulation * (gathered_bytes_per_pass(run) + reduced_bytes_per_pass(run))
    collectives += reduced_bytes_per_step(run)
    leaving = collectives / per_node if run.data_parallel * run.tp > per_node else 0.0
    if run.cp * run.tp > per_node:
        leaving += run.accumulation * context_parallel_bytes(run, tokens)
    if run.ep * run.tp > per_node:
        leaving += run.accumulation * expert_parallel_bytes(run, tokens)
    if run.pp > 1:
        leaving += run.accumulation * 2.0 * tokens * run.model.hidden_dim * run.compute_bytes / per_node
    return leaving / step_s
