"""Puts the terms of one optimizer step together and names the largest."""

import math
from typing import NamedTuple

from planner.estimator.constants import TIME
from planner.estimator.step_time.attention import attention_s
from planner.estimator.step_time.communication import data_parallel_s, ring_s, sharding_s, tensor_parallel_s
from planner.estimator.step_time.launch import launch_s, pass_operations, step_operations
from planner.estimator.step_time.matmul import matmul_s
from planner.estimator.step_time.memory_bound import adapter_s, dequantisation_s, logits_s, pointwise_s
from planner.estimator.step_time.optimizer_step import optimizer_step_s
from planner.estimator.workload import Workload


class StepTime(NamedTuple):
    """Seconds of one optimizer step by term; the terms add up to the step."""

    breakdown_s: dict[str, float]
    bottleneck: str

    @property
    def total_s(self) -> float:
        return sum(self.breakdown_s.values())


def step_time(run: Workload) -> StepTime:
    """Time of one optimizer step: passes, the pipeline's bubble, gradient exchange, optimizer, stragglers.

    An accelerator works while the host launches, so the slower of the two counts; a CPU does both itself.
    """
    tokens, passes = run.fed_pass_tokens, run.accumulation
    device = {
        **matmul_s(run, tokens),
        "attention": attention_s(run, tokens),
        "pointwise": pointwise_s(run, tokens),
        "logits": logits_s(run, tokens),
        "adapter": adapter_s(run, tokens),
        "dequantisation": dequantisation_s(run),
    }
    compute = sum(device.values())
    device["tensor_parallel"] = tensor_parallel_s(run, tokens)
    device["ring"] = ring_s(run, tokens, compute)
    device["sharding"] = sharding_s(run, compute)
    busy = sum(device.values())
    launching = launch_s(run, pass_operations(run))
    launch = launching if run.accelerator.kind == "cpu" else max(0.0, launching - busy)
    optimizer = optimizer_step_s(run)
    optimizer_launch = launch_s(run, step_operations(run))

    terms = {name: passes * seconds for name, seconds in device.items() if seconds}
    terms["launch"] = passes * launch
    one_pass = busy + launch
    if run.pp > 1:
        terms["pipeline_bubble"] = (run.pp - 1) * one_pass
    terms["data_parallel"] = data_parallel_s(run, one_pass)
    terms["optimizer"] = optimizer
    terms["launch"] += optimizer_launch if run.accelerator.kind == "cpu" else max(0.0, optimizer_launch - optimizer)
    if run.num_nodes > 1:
        terms["stragglers"] = TIME.node_doubling_ratio * math.log2(run.num_nodes) * sum(terms.values())
    terms = {name: seconds for name, seconds in terms.items() if seconds > 0}
    return StepTime(terms, max(terms, key=lambda name: terms[name]))
