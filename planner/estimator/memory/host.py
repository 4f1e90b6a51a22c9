"""Memory of one host."""

from planner.estimator.elementwise import smaller
from planner.estimator.memory.timeline import Timeline
from planner.estimator.memory.weights import trained_params, weights_bytes
from planner.estimator.workload import Workload

NVME_BUFFER_RATIO = 0.1
"""Share of what lies on local disks that is held in host memory on its way; assumed."""


def host_bytes(run: Workload, timeline: Timeline) -> float:
    """Resident memory of the training processes of one host.

    A CPU run holds its tensors there. An accelerator's host holds one process a device, weights while they are read,
    and whatever is offloaded: optimizer states, sharded weights, checkpoints.
    """
    c = run.constants
    if run.accelerator.kind == "cpu":
        return c.host_process_cpu_bytes + timeline.peak_bytes
    processes = smaller(run.num_devices, run.accelerator.accelerators_per_node)
    held = processes * c.host_process_accelerator_bytes
    on_device = run._replace(zero_stage=0, cpu_offload=False, nvme_offload=False)
    loaded = weights_bytes(on_device, has_embeddings=True, has_head=True)
    if run.cpu_offload or run.nvme_offload:
        offloaded = trained_params(run) * (run.state_bytes + run.gradient_bytes)
        if run.zero_stage == 3:
            offloaded += loaded
        if run.nvme_offload:
            offloaded *= NVME_BUFFER_RATIO
        held += offloaded * processes / run.data_parallel if run.zero_stage else offloaded * processes
    if run.checkpointing == "offloaded":
        hidden = run.compute_bytes * run.model.hidden_dim
        held += processes * run.pass_tokens * run.stage_layers * hidden
    return held + loaded
