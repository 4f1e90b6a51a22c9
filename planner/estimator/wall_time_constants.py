"""What surrounds training steps, in one frozen table. The annotation of a field says where its value comes from."""

from dataclasses import dataclass
from typing import Annotated

CPU_RUNS = "measured on 72 small fine-tuning runs, one CPU core, torch 2.13"


@dataclass(frozen=True, slots=True)
class WallTimeConstants:
    start_up_cpu_s: Annotated[float, "0.4 inside the tracked run; the rest is assumed, imports; " + CPU_RUNS] = 2.0
    start_up_accelerator_s: Annotated[float, "assumed: scheduling excluded, imports, CUDA context, first batch"] = 60.0
    start_up_node_doubling_s: Annotated[float, "assumed: rendezvous of more nodes"] = 10.0
    compile_s: Annotated[float, "assumed: compiled software, first steps"] = 60.0
    load_bytes_per_s: Annotated[float, "assumed: weights read from shared storage, one node"] = 1.5e9
    download_bytes_per_s: Annotated[float, "assumed: a registry or model hub to one node, 3 Gbit/s"] = 4e8
    checkpoint_bytes_per_s: Annotated[float, "assumed: checkpoint written to shared storage, whole run"] = 1.0e9
    host_copy_bytes_per_s: Annotated[float, "assumed: device to host memory, PCIe 4.0 x16 at 80 %"] = 2.0e10
    start_up_log_sd: Annotated[float, "assumed"] = 0.7
    failures_per_accelerator_hour: Annotated[
        float, "419 unplanned interruptions of 16,384 H100 in 54 days (arXiv 2407.21783, section 3.3.4)"
    ] = 419 / (54 * 24 * 16_384)
    spot_interruptions_per_node_hour: Annotated[
        float, "assumed: accelerator spot capacity is reclaimed about every second day"
    ] = 0.02
    reschedule_s: Annotated[float, "assumed: an interruption is noticed and the job placed again"] = 300.0
    checkpoint_time_ratio: Annotated[float, "share of the run that writing should not exceed; a rule of thumb"] = 0.05
    io_bytes: Annotated[float, "assumed: size of one write to storage"] = 1024.0**2


WALL_TIME = WallTimeConstants()
