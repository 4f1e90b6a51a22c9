from planner.domain.raw_batch import as_batch
from planner.domain.raw_run import RawMetric, RawRun
from planner.warehouse.build import build_views
from planner.warehouse.connection import Warehouse
from planner.warehouse.facts import read_facts
from planner.warehouse.landing import land

START_MS = 1_780_000_000_000
SAMPLES = {
    "gpu_0_memory_usage_megabytes": (1000.0, 9000.0, 3000.0),
    "gpu_0_power_usage_watts": (100.0, 300.0, 200.0),
    "system_memory_usage_megabytes": (5000.0, 7000.0, 6000.0),
    "disk_usage_megabytes": (100.0, 500.0, 400.0),
}


def test_samples_of_a_run_add_up(db: Warehouse) -> None:
    """Three samples 10 s and 20 s apart: 200 W in the mean for 10 s, then 250 W for 20 s."""
    samples = tuple(
        RawMetric(f"system/{key}", value, step, START_MS + at_ms)
        for key, values in SAMPLES.items()
        for step, (value, at_ms) in enumerate(zip(values, (0, 10_000, 30_000), strict=True))
    )
    run = RawRun("r1", "1", "chat", "run", "FINISHED", "active", START_MS, START_MS + 60_000, {}, {}, (), samples, ())
    land(db, "s", [as_batch([run])])
    build_views(db)
    (facts,) = read_facts(db, "s", ["r1"])
    (gpu,) = facts.gpus
    assert gpu.energy_j == 200.0 * 10 + 250.0 * 20
    assert (gpu.num_samples, gpu.sampled_s, gpu.sampling_gap_s) == (3, 30.0, 15.0)
    assert (gpu.max_memory_bytes, gpu.last_memory_bytes) == (9e9, 3e9)
    assert (facts.host_max_memory_bytes, facts.disk_growth_bytes) == (7e9, 3e8)
