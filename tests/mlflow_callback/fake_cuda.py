"""What looks like ``torch.cuda`` on a host with GPUs."""

from types import SimpleNamespace
from typing import Any

from planner.units import GIB


class FakeCuda:
    """Two devices; this process uses the first alone."""

    def __init__(self, name: str, *, has_nvml: bool = True) -> None:
        self.name = name
        self.has_nvml = has_nvml
        self.used_bytes = 10 * GIB
        self.resets = 0

    def is_available(self) -> bool:
        return True

    is_initialized = is_available

    def device_count(self) -> int:
        return 2

    def current_device(self) -> int:
        return 0

    def get_device_properties(self, _device: int) -> Any:
        return SimpleNamespace(name=self.name, total_memory=int(79.3 * GIB))

    def reset_peak_memory_stats(self, _device: int) -> None:
        self.resets += 1

    def memory_reserved(self, device: int) -> int:
        return 0 if device else 8 * GIB

    def max_memory_allocated(self, _device: int) -> int:
        return 7 * GIB

    def max_memory_reserved(self, _device: int) -> int:
        return 8 * GIB

    def device_memory_used(self, _device: int) -> int:
        if not self.has_nvml:
            raise ModuleNotFoundError("pynvml")
        return self.used_bytes

    def mem_get_info(self, _device: int) -> tuple[int, int]:
        return 80 * GIB - self.used_bytes, 80 * GIB
