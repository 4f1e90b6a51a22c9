"""The accelerators that a process trains on, as torch and the operating system name them."""

import os
import platform
from pathlib import Path
from typing import Any

from planner.catalog.device_names import cpu_named, gpu_named
from planner.dialects.draft import Draft

CPU_INFO = Path("/proc/cpuinfo")


def put_cluster(draft: Draft, cuda: Any, *, num_ranks: int, devices_per_rank: int = 1, on_cpu: bool = False) -> str:
    """Sets the cluster of a draft; the name of the device as its driver has it.

    ``cuda`` is ``torch.cuda`` or None. On a CPU each rank is one device, with its share of the cores of its host.
    """
    if not on_cpu and cuda is not None and cuda.is_available():
        found = cuda.get_device_properties(cuda.current_device())
        card = gpu_named(draft.catalog, found.name, found.total_memory)
        count = num_ranks * max(devices_per_rank, 1)
        rule = f"torch calls it {found.name!r}, {found.total_memory:,} bytes"
        draft.put("cluster", None if card is None else {"accelerator": card, "count": count}, "logged", rule)
        return str(found.name)
    name = cpu_name()
    share = max(num_cores() // max(int(os.environ.get("LOCAL_WORLD_SIZE", num_ranks)), 1), 1)
    device = cpu_named(draft.catalog, name, share)
    draft.put("cluster", {"accelerator": device, "count": num_ranks}, "logged", f"a CPU called {name!r}")
    return name


def put_count(draft: Draft, given: dict[str, Any]) -> None:
    """A cluster that was given with another accelerator alone keeps the number of devices that was seen."""
    cluster, seen = given.get("cluster"), draft.get("cluster")
    if isinstance(cluster, dict) and "count" not in cluster and seen is not None:
        given["cluster"] = {**cluster, "count": seen.count}


def cpu_name() -> str:
    """The CPU's name; empty where the system does not tell."""
    if CPU_INFO.exists():
        for line in CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def num_cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def rank_and_world(torch: Any) -> tuple[int, int]:
    """This process's rank and the number of ranks, from torch where it is at work, else from the launcher."""
    distributed = getattr(torch, "distributed", None)
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return int(distributed.get_rank()), int(distributed.get_world_size())
    return int(os.environ.get("RANK", "0") or 0), max(int(os.environ.get("WORLD_SIZE", "1") or 1), 1)
