"""What the accelerators and hosts of a run used: memory by its definitions, energy, utilisation, network, disk."""

from planner.dialects.draft import Draft
from planner.dialects.facts import GpuUsage, RunFacts

LEAST_COVERED_RATIO = 0.5
"""Share of the run that must be sampled before its energy is extrapolated to the whole."""


def read_device_usage(facts: RunFacts, draft: Draft) -> None:
    """Peaks as trackers counted and as drivers sampled them, and what the samples add up to.

    The trainer's tracker counts changes: its peak comes on top of what a stage has at its end.
    """
    for device, field in (("cpu", "actual.host_peak_bytes"), ("gpu", "actual.peak_allocated_bytes")):
        peak, rule = _tracked_peak(facts, device)
        draft.put(field, peak, "inferred" if peak else "unknown", rule)
    gpus = _of_the_run(facts, draft)
    draft.put(
        "actual.peak_device_bytes",
        max((gpu.max_memory_bytes for gpu in gpus if gpu.max_memory_bytes), default=None),
        "logged",
        "largest sample of system/gpu_*_memory_usage: a lower bound of the peak",
    )
    gaps = [gpu.sampling_gap_s for gpu in gpus if gpu.sampling_gap_s]
    draft.put(
        "actual.device_sampling_gap_s", max(gaps, default=None), "logged", "median time between samples of system/gpu_*"
    )
    busy = [min(gpu.mean_utilization_ratio, 1.0) for gpu in gpus if gpu.mean_utilization_ratio is not None]
    draft.put(
        "actual.utilization_ratio",
        sum(busy) / len(busy) if busy else None,
        "logged",
        "mean of the samples of system/gpu_*_utilization_percentage",
    )
    _energy(gpus, draft)
    for field, value, rule in (
        ("network_bytes", facts.network_bytes, "system/network_*: traffic of the hosts, other programs included"),
        (
            "host_sampled_bytes",
            facts.host_max_memory_bytes or None,
            "largest sample of system/system_memory_usage: the whole host, other programs included",
        ),
        (
            "disk_growth_bytes",
            facts.disk_growth_bytes,
            "system/disk_usage: last sample minus first, other programs included",
        ),
    ):
        draft.put(f"actual.{field}", value, "logged", rule)


def _of_the_run(facts: RunFacts, draft: Draft) -> tuple[GpuUsage, ...]:
    """The cards of the run: the fullest where a host has more than the run was given."""
    cluster = draft.get("cluster")
    if cluster is None or len(facts.gpus) <= cluster.count:
        return facts.gpus
    return tuple(sorted(facts.gpus, key=lambda gpu: gpu.max_memory_bytes or 0.0, reverse=True)[: cluster.count])


def _energy(gpus: tuple[GpuUsage, ...], draft: Draft) -> None:
    """Mean power x duration x accelerators: where only one node logs, the others are taken for its like."""
    duration_s, cluster = draft.get("actual.duration_s"), draft.get("cluster")
    measured = [(gpu.energy_j, gpu.sampled_s) for gpu in gpus if gpu.energy_j and gpu.sampled_s]
    rule = "samples of system/gpu_*_power_usage_watts"
    if not measured or duration_s is None or cluster is None:
        draft.unknown("actual.energy_j", f"{rule}, duration, number of accelerators")
        return
    covered_s = max(seconds for _, seconds in measured)
    if covered_s < LEAST_COVERED_RATIO * duration_s:
        draft.unknown("actual.energy_j", f"{rule}: they cover {covered_s:.0f} of {duration_s:.0f} s")
        return
    mean_w = sum(energy_j / seconds for energy_j, seconds in measured) / len(measured)
    draft.put(
        "actual.energy_j",
        mean_w * duration_s * cluster.count,
        "inferred",
        f"{rule}: {mean_w:.0f} W in the mean of {len(measured)} x duration x {cluster.count} accelerators",
    )


def _tracked_peak(facts: RunFacts, device: str) -> tuple[float | None, str]:
    """Memory at first plus all changes: before_init + init_alloc + train_alloc + train_peaked."""
    names = [
        f"before_init_mem_{device}",
        f"init_mem_{device}_alloc_delta",
        f"train_mem_{device}_alloc_delta",
        f"train_mem_{device}_peaked_delta",
    ]
    parts = [facts.metric(name) for name in names]
    known = [part for part in parts if part is not None]
    if len(known) < len(names):
        return None, f"metrics {', '.join(names)} (skip_memory_metrics=False)"
    in_training = sum(known)
    while_made = known[0] + known[1] + (facts.metric(f"init_mem_{device}_peaked_delta") or 0.0)
    peak = max(in_training, while_made)
    return (peak if peak > 0 else None), f"sum of the metrics {', '.join(names)}"
