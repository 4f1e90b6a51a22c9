"""Puts the terms of one optimizer step together and names what bounds it."""

from typing import Literal, NamedTuple

from planner.estimator.elementwise import is_nothing, larger, log2
from planner.estimator.step_time.adapters import adapter_s
from planner.estimator.step_time.attention import attention_s
from planner.estimator.step_time.communication import (
    context_parallel_s,
    data_parallel_s,
    expert_parallel_s,
    pipeline_s,
    sharding_s,
    tensor_parallel_s,
)
from planner.estimator.step_time.launch import launch_s, pass_operations, step_operations
from planner.estimator.step_time.matmul import matmul_s
from planner.estimator.step_time.memory_bound import dequantisation_s, logits_s, pointwise_s
from planner.estimator.step_time.optimizer_step import offload_pass_s, offload_step_s, optimizer_step_s
from planner.estimator.step_time.recompute import repeated
from planner.estimator.throughput_constants import THROUGHPUT, ThroughputConstants
from planner.estimator.workload import Workload

Bound = Literal["compute", "memory_bandwidth", "communication", "launch", "input"]

BOUND: dict[str, Bound] = {
    "matmul": "compute",
    "recompute": "compute",
    "attention": "compute",
    "pipeline_bubble": "communication",
    "pointwise": "memory_bandwidth",
    "logits": "memory_bandwidth",
    "adapter": "memory_bandwidth",
    "dequantisation": "memory_bandwidth",
    "optimizer": "memory_bandwidth",
    "tensor_parallel": "communication",
    "context_parallel": "communication",
    "expert_parallel": "communication",
    "pipeline": "communication",
    "sharding": "communication",
    "data_parallel": "communication",
    "offload": "communication",
    "stragglers": "communication",
    "launch": "launch",
    "input": "input",
}
"""Which part of the machine each term waits for."""


class StepTime(NamedTuple):
    """Seconds of one optimizer step by term; the terms add up to the step."""

    breakdown_s: dict[str, float]

    @property
    def total_s(self) -> float:
        return sum(self.breakdown_s.values())

    @property
    def bottleneck(self) -> Bound:
        """The part of the machine that most of the step waits for."""
        waits: dict[Bound, float] = {}
        for term, seconds in self.breakdown_s.items():
            waits[BOUND[term]] = waits.get(BOUND[term], 0.0) + seconds
        return max(waits, key=lambda bound: waits[bound])


def step_time(run: Workload, c: ThroughputConstants = THROUGHPUT) -> StepTime:
    """Time of one optimizer step: passes, the pipeline's bubble, gradient exchange, optimizer, stragglers, input.

    An accelerator works while the host launches, so the slower of the two counts; a CPU does both itself. Bubble:
    (p - 1) / v passes, v parts of the model on a rank (arXiv 2104.04473, section 2.2); without a schedule p - 1 for
    each micro batch.
    """
    is_cpu = run.accelerator.kind == "cpu"
    tokens = run.fed_pass_tokens + run.micro_batch_size * run.adapter_size.virtual_tokens / run.cp
    passes = run.accumulation
    again = repeated(run)
    device = {
        **matmul_s(run, tokens, again, c),
        "attention": attention_s(run, tokens, again, c),
        "pointwise": pointwise_s(run, tokens, again, c),
        "logits": logits_s(run, tokens, c),
        "adapter": adapter_s(run, tokens, again, c),
        "dequantisation": dequantisation_s(run, again, c),
    }
    compute = sum(device.values())
    device["tensor_parallel"] = tensor_parallel_s(run, tokens, again, c)
    device["context_parallel"] = context_parallel_s(run, tokens, compute, c)
    device["expert_parallel"] = expert_parallel_s(run, tokens, c)
    device["pipeline"] = pipeline_s(run, tokens, c)
    device["sharding"] = sharding_s(run, compute, c)
    device["offload"] = larger(0.0, offload_pass_s(run, c) - compute)
    busy = sum(device.values())
    launching = launch_s(run, pass_operations(run, again, c), c)
    launch = launching if is_cpu else larger(0.0, launching - busy)
    optimizer = optimizer_step_s(run, c)
    optimizer_launch = launch_s(run, step_operations(run, c), c)

    terms = {name: passes * seconds for name, seconds in device.items()}
    terms["launch"] = passes * launch
    one_pass = busy + launch
    idle_passes = (run.pp - 1) * passes if run.schedule == "sequential" else (run.pp - 1) / run.virtual_stages
    terms["pipeline_bubble"] = idle_passes * one_pass
    terms["data_parallel"] = data_parallel_s(run, one_pass, c)
    terms["optimizer"] = optimizer
    terms["offload"] += offload_step_s(run, c)
    terms["launch"] += optimizer_launch if is_cpu else larger(0.0, optimizer_launch - optimizer)
    working = sum(terms.values())
    terms["stragglers"] = c.node_doubling_ratio * log2(run.num_nodes) * working
    input_s = run.tokens_per_step / run.num_devices / c.input_tokens_per_s
    terms["input"] = larger(0.0, input_s - working - terms["stragglers"])
    return StepTime({name: seconds for name, seconds in terms.items() if not is_nothing(seconds)})
