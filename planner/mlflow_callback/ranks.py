"""Peaks of all ranks, without any rank waiting for another: the first reads what the others left in time."""

import json
import platform
import time
from datetime import timedelta
from typing import Any

from planner.mlflow_callback.harmless import log

PATIENCE_S = 5.0


def leave(store: Any, training: int, rank: int, figures: dict[str, float]) -> None:
    """Puts a rank's figures into the key-value store of the process group."""
    store.set(_key(training, rank), json.dumps({"host": platform.node(), **figures}))


def largest(store: Any, training: int, num_ranks: int, own: dict[str, float]) -> dict[str, float]:
    """The largest figure of any rank; memory of hosts is added up over the ranks of one."""
    found: list[dict[str, Any]] = [{"host": platform.node(), **own}]
    give_up_s = time.monotonic() + PATIENCE_S
    for rank in range(1, num_ranks):
        try:
            left_s = max(give_up_s - time.monotonic(), 0.01)
            store.wait([_key(training, rank)], timedelta(seconds=left_s))
            found.append(json.loads(store.get(_key(training, rank))))
        except Exception as error:
            log.warning(f"rank {rank} did not say what memory it used ({type(error).__name__})")
    hosts: dict[str, float] = {}
    for one in found:
        hosts[one["host"]] = hosts.get(one["host"], 0.0) + one.get("host_peak_bytes", 0.0)
    peaks = {name: max(one.get(name, 0.0) for one in found) for name in own}
    return {**peaks, "host_peak_bytes": max(hosts.values())} if "host_peak_bytes" in own else peaks


def process_group_store(torch: Any) -> Any:
    """The store of the process group; None where there is none."""
    try:
        return torch.distributed.distributed_c10d._get_default_store()
    except Exception:
        return None


def _key(training: int, rank: int) -> str:
    return f"foretune/{training}/{rank}"
