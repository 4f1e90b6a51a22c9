import pytest

from planner.mlflow_callback.memory_peaks import MemoryPeaks, host_peak_bytes
from planner.units import GIB, MIB
from tests.mlflow_callback.fake_cuda import FakeCuda


@pytest.mark.parametrize("has_nvml", [True, False])
def test_three_peaks_of_the_device_in_use_and_one_of_the_host(has_nvml: bool) -> None:
    cuda = FakeCuda("NVIDIA A100-SXM4-80GB", has_nvml=has_nvml)
    peaks = MemoryPeaks(cuda)
    peaks.start()
    peaks.sample()
    cuda.used_bytes = 12 * GIB
    peaks.sample(at_least_every_s=0.0)
    cuda.used_bytes = 9 * GIB
    figures = peaks.figures()
    assert cuda.resets == 1
    assert (figures["peak_allocated_bytes"], figures["peak_reserved_bytes"]) == (7 * GIB, 8 * GIB)
    assert figures["peak_device_bytes"] == 12 * GIB
    assert figures["device_sampling_gap_s"] > 0
    assert figures["host_peak_bytes"] > 20 * MIB


def test_samples_are_a_second_apart() -> None:
    cuda = FakeCuda("x")
    peaks = MemoryPeaks(cuda)
    peaks.sample()
    cuda.used_bytes = 50 * GIB
    peaks.sample()
    assert peaks.device_peak_bytes == 10 * GIB


def test_without_gpus_the_host_alone_counts() -> None:
    assert set(MemoryPeaks().figures()) <= {"host_peak_bytes"}
    peak = host_peak_bytes()
    assert peak is None or peak > 0
