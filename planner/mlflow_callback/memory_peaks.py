"""Peaks of the three memories of an accelerator and of the host's, from torch, the driver and the operating system."""

import sys
import time
from dataclasses import dataclass, field
from typing import Any

from planner.units import KIB

SAMPLE_EVERY_S = 1.0


@dataclass
class MemoryPeaks:
    """Watches the devices of this process; all figures are maxima over its devices, in bytes."""

    cuda: Any = None
    """``torch.cuda``, or what looks like it; None on a host without GPUs."""
    device_peak_bytes: float | None = None
    gaps_s: list[float] = field(default_factory=list)
    _sampled_at_s: float | None = None

    def start(self) -> None:
        """Forgets peaks of what came before."""
        for device in self._devices():
            self.cuda.reset_peak_memory_stats(device)

    def sample(self, *, at_least_every_s: float = SAMPLE_EVERY_S) -> None:
        """What the driver shows, at most once a second: a lower bound of the peak."""
        now_s = time.monotonic()
        if self._sampled_at_s is not None and now_s - self._sampled_at_s < at_least_every_s:
            return
        devices = self._devices()
        if devices:
            used = max(self._used_bytes(device) for device in devices)
            self.device_peak_bytes = max(used, self.device_peak_bytes or 0.0)
            if self._sampled_at_s is not None:
                self.gaps_s.append(now_s - self._sampled_at_s)
        self._sampled_at_s = now_s

    def figures(self) -> dict[str, float]:
        """Fields of ``Actual``."""
        found = {"host_peak_bytes": host_peak_bytes()}
        if devices := self._devices():
            self.sample(at_least_every_s=0.0)
            found["peak_allocated_bytes"] = max(float(self.cuda.max_memory_allocated(one)) for one in devices)
            found["peak_reserved_bytes"] = max(float(self.cuda.max_memory_reserved(one)) for one in devices)
            found["peak_device_bytes"] = self.device_peak_bytes
            found["device_sampling_gap_s"] = sorted(self.gaps_s)[len(self.gaps_s) // 2] if self.gaps_s else None
        return {name: value for name, value in found.items() if value}

    def _devices(self) -> list[int]:
        """Devices on which this process holds anything."""
        if self.cuda is None or not self.cuda.is_available() or not self.cuda.is_initialized():
            return []
        current = self.cuda.current_device()
        return [one for one in range(self.cuda.device_count()) if one == current or self.cuda.memory_reserved(one)]

    def _used_bytes(self, device: int) -> float:
        """By NVML where ``pynvml`` is installed, else from CUDA; both count all processes and the context."""
        try:
            return float(self.cuda.device_memory_used(device))
        except Exception:
            free, total = self.cuda.mem_get_info(device)
            return float(total - free)


def host_peak_bytes() -> float | None:
    """Largest resident memory of this process so far; None where the system does not count it."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * KIB)
