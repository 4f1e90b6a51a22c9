"""Many runs at once are the same as each alone."""

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.catalog.load import load_catalog
from planner.domain.estimate import Estimate
from planner.domain.run_config import RunConfig
from planner.errors import ConfigError
from planner.estimator.estimate_run import estimate_run
from planner.estimator.hardware import Hardware
from planner.estimator.sweep import Swept, is_possible, sweep, sweep_columns, with_columns, with_field

CATALOG = load_catalog()
ON = date(2026, 11, 24)
SAME = 1e-9

SOLD = ("a100-80gb", "gb200-186gb", "tpu-v5e", "v100-sxm-16gb", "l40s-48gb", "mi300x-192gb", "gaudi3-128gb")
FORGETTABLE = (
    "activation_checkpointing", "loss", "attention", "optimizer", "precision", "batching",
    "gradient_accumulation_steps", "method",
)  # fmt: skip
LENGTHS: tuple[dict[str, Any], ...] = (
    {},
    {"max_steps": None, "train_tokens": 123_456_789},
    {"max_steps": None, "epochs": 2.5, "dataset": {"rows": 12_345}},
    {"max_steps": None, "epochs": 0.5, "dataset": {"tokens": 10**8, "size_bytes": 10**9}},
)
SURROUNDINGS: tuple[dict[str, Any], ...] = (
    {},
    {"evaluation": {"every_steps": 3, "tokens": 10**6}},
    {"generation": {"batch_size": 8, "max_new_tokens": 256, "prompt_tokens": 100}},
    {"operations": {"failures_per_accelerator_hour": 0.1, "model_is_cached": False, "image_bytes": 10**10}},
)
SIZES: dict[str, st.SearchStrategy[float]] = {
    "micro_batch_size": st.integers(1, 16),
    "gradient_accumulation_steps": st.sampled_from((1, 2, 3, 8)),
    "seq_len": st.integers(16, 16_384),
    "max_steps": st.integers(1, 10**6),
    "lora.rank": st.sampled_from((1, 4, 16, 64)),
    "cluster.count": st.sampled_from((1, 2, 4, 8, 16, 64, 256)),
    "cluster.inter_node_bytes_per_s_per_accelerator": st.floats(1e8, 1e12),
    "cluster.accelerator.memory_bytes": st.floats(1e9, 1e12),
    "cluster.accelerator.memory_bandwidth_bytes_per_s": st.floats(1e10, 1e13),
    "cluster.accelerator.link_bytes_per_s": st.floats(1e9, 1e13),
    "cluster.accelerator.peak_flop_per_s.bf16": st.floats(1e13, 1e16),
    "parallelism.tp": st.sampled_from((1, 1, 2, 4)),
    "parallelism.pp": st.sampled_from((1, 1, 2, 4)),
    "parallelism.cp": st.sampled_from((1, 1, 2)),
    "parallelism.ep": st.sampled_from((1, 1, 2)),
    "parallelism.dp_shard": st.sampled_from((1, 2, 4)),
}


def figures(estimate: Estimate) -> list[float]:
    memory, cost = estimate.memory, estimate.cost_usd
    found: list[float] = []
    for quantiles in (memory.peak_allocated_bytes, memory.peak_reserved_bytes, memory.peak_device_bytes,
                      memory.host_peak_bytes):  # fmt: skip
        found += [quantiles.p10, quantiles.p50, quantiles.p90]
    found.append(memory.fits_probability)
    for quantiles in (estimate.tokens_per_s_per_accelerator, estimate.start_up_s, estimate.duration_s):
        found += [quantiles.p10, quantiles.p50, quantiles.p90]
    return [*found, *((cost.p10, cost.p50, cost.p90) if cost else (float("nan"),) * 3)]


def swept_figures(swept: Swept, place: Any) -> list[float]:
    arrays = [array for figure in swept for array in (figure if isinstance(figure, tuple) else (figure,))]
    return [float(array[place]) for array in arrays]


@st.composite
def structures(draw: st.DrawFn, fields: dict[str, Any]) -> RunConfig:
    """A run with what decides between formulas drawn wide, and some fields forgotten."""
    layout = {
        "zero_stage": draw(st.sampled_from((0, 1, 2, 3, None))),
        "pipeline_schedule": draw(st.sampled_from(("gpipe", "1f1b", "interleaved", "sequential"))),
        "virtual_stages": draw(st.sampled_from((1, 2))),
        "sequence_parallel": draw(st.sampled_from((True, False, None))),
        "cpu_offload": draw(st.booleans()),
    }
    changed = {
        **fields,
        "parallelism": layout,
        "batching": draw(st.sampled_from(("packed", "padded", "dynamic", "padding_free"))),
        "length_order": draw(st.sampled_from((None, "longest_first"))),
        "optimizer_in_backward": draw(st.booleans()),
        "objective": draw(st.sampled_from(("sft", "dpo", "grpo"))),
        "checkpoints": {
            "every_steps": draw(st.sampled_from((None, 7, 500))),
            "asynchronous": draw(st.booleans()),
            "content": draw(st.sampled_from((None, "full_state"))),
            "keep_last": draw(st.sampled_from((None, 2))),
        },
    }
    if changed["batching"] in ("dynamic", "padding_free"):
        changed["mean_tokens_per_sample"] = draw(st.sampled_from((None, 300.5, 900.0)))
    if draw(st.booleans()):
        changed["cluster"] = {
            **fields["cluster"], "usd_per_accelerator_hour": None,
            "pricing_category": draw(st.sampled_from(("Standard", "Dynamic"))),
        }  # fmt: skip
    changed |= draw(st.sampled_from(LENGTHS))
    changed |= draw(st.sampled_from(SURROUNDINGS))
    for field in draw(st.sets(st.sampled_from(FORGETTABLE), max_size=2)):
        changed[field] = None
    return RunConfig.model_validate(changed, context={"catalog": CATALOG})


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_column_of_runs_equals_each_run_alone(data: st.DataObject, draw_run: Any) -> None:
    config = data.draw(structures(draw_run(data, accelerator=data.draw(st.sampled_from(("a100-80gb", "h100-sxm-80gb",
        "l40s-48gb", "mi300x-192gb", "tpu-v5e"))), count=64)))  # fmt: skip
    names = data.draw(st.sets(st.sampled_from(sorted(SIZES)), min_size=1, max_size=7))
    if config.max_steps is None:
        names -= {"max_steps"}
    if config.lora is None:
        names -= {"lora.rank"}
    length = data.draw(st.integers(1, 8))
    columns = {name: np.array(data.draw(st.lists(SIZES[name], min_size=length, max_size=length)), float)
               for name in names or {"seq_len"}}  # fmt: skip
    possible = is_possible(config, columns)
    columns = {name: column[possible] for name, column in columns.items()}
    if not possible.any():
        return
    swept = sweep_columns(config, columns, CATALOG.prices, ON)
    for place in range(int(possible.sum())):
        sizes = {name: column[place].item() for name, column in columns.items()}
        whole = {name: int(size) if size.is_integer() else size for name, size in sizes.items()}
        alone = estimate_run(with_columns(config, whole), CATALOG.prices, ON)
        assert swept_figures(swept, place) == pytest.approx(figures(alone), rel=SAME, abs=0, nan_ok=True)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_runs_on_hardware_side_by_side_equal_each_run_alone(data: st.DataObject, draw_run: Any) -> None:
    config = data.draw(structures(draw_run(data, accelerator="a100-80gb", count=8)))
    assert config.cluster is not None
    clusters = [
        config.cluster.model_copy(
            update={
                "accelerator": CATALOG.accelerators[name],
                "usd_per_accelerator_hour": data.draw(st.sampled_from((None, 0.5))),
                "provider": data.draw(st.sampled_from((None, "aws"))),
            }
        )
        for name in data.draw(st.lists(st.sampled_from(SOLD), min_size=1, max_size=4))
    ]
    length = data.draw(st.integers(1, 8))
    place = np.array(data.draw(st.lists(st.integers(0, len(clusters) - 1), min_size=length, max_size=length)))
    counts = data.draw(st.lists(st.sampled_from((1, 2, 5, 8, 72, 144)), min_size=length, max_size=length))
    swept = sweep_columns(
        config, {"cluster.accelerator": Hardware(clusters, place), "cluster.count": counts}, CATALOG.prices, ON
    )
    for number, count in enumerate(counts):
        cluster = clusters[place[number]].model_copy(update={"count": count})
        alone = estimate_run(config.model_copy(update={"cluster": cluster}), CATALOG.prices, ON)
        assert swept_figures(swept, number) == pytest.approx(figures(alone), rel=SAME, abs=0, nan_ok=True)


@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_a_grid_holds_every_possible_run_and_no_other(data: st.DataObject, draw_run: Any) -> None:
    config = RunConfig.model_validate(draw_run(data, accelerator="a100-80gb"), context={"catalog": CATALOG})
    axes: dict[str, list[Any]] = {
        "parallelism.tp": [1, 2, 3],
        "activation_checkpointing": ["none", "full"],
        "cluster.count": [1, 4, 6],
        "optimizer": ["adamw", None],
        "cluster.accelerator": [CATALOG.accelerators[name] for name in SOLD],
    }
    swept = sweep(config, axes, CATALOG.prices, ON)
    assert swept.fits_probability.shape == (3, 2, 3, 2, len(SOLD))
    for place in np.ndindex(swept.fits_probability.shape):
        changed = config
        for (name, values), position in zip(axes.items(), place, strict=True):
            changed = with_field(changed, name, values[position])
        try:
            changed = RunConfig.model_validate(dict(changed))
        except ValueError:
            assert np.isnan(swept_figures(swept, place)).all()
        else:
            alone = figures(estimate_run(changed, CATALOG.prices, ON))
            assert swept_figures(swept, place) == pytest.approx(alone, rel=SAME, abs=0, nan_ok=True)


def test_a_column_that_cannot_be_one_is_refused_by_name() -> None:
    config = RunConfig()
    with pytest.raises(ConfigError, match=r"activation_checkpointing cannot be a column: one of micro_batch_size"):
        sweep_columns(config, {"activation_checkpointing": [1.0]})
    with pytest.raises(ConfigError, match="seq_len: all values of a column must be numbers above 0"):
        sweep_columns(config, {"seq_len": [0, 1]})
    with pytest.raises(ConfigError, match=r"one of the axes must be among micro_batch_size"):
        sweep(RunConfig(cluster={"accelerator": CATALOG.accelerators["a100-80gb"]}), {"optimizer": ["adamw"]})
    with pytest.raises(ConfigError, match=r"columns must be of one length, found \[1, 2\]"):
        sweep_columns(config, {"seq_len": [1, 2], "micro_batch_size": [1]})
