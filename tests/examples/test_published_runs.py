import csv
from collections import Counter
from pathlib import Path

import pytest

from planner.catalog.load import load_catalog
from planner.config_files import load_programme, load_run
from planner.domain.lora import LORA_TARGET_SETS
from planner.errors import ConfigError
from planner.sources.demo_experiments import DEMO_EXPERIMENTS
from planner.sources.published_runs import PublishedRun, read_published_runs
from planner.units import GIB

EXAMPLES = Path(__file__).parents[2] / "examples"
TABLE = EXAMPLES / "published_runs.csv"


@pytest.fixture(scope="module")
def published() -> tuple[PublishedRun, ...]:
    return read_published_runs(TABLE, load_catalog())


def named(published: tuple[PublishedRun, ...], run: str) -> PublishedRun:
    return next(row for row in published if row.run == run)


def test_the_table_has_150_runs_of_many_sources_and_accelerators(published: tuple[PublishedRun, ...]) -> None:
    assert len(published) >= 150
    assert len({row.source_repository for row in published}) >= 8
    accelerators = {row.config.cluster.accelerator.slug for row in published if row.config.cluster}
    assert {"a100-80gb", "h100-sxm-80gb", "h200-sxm-141gb", "b200-180gb", "mi300x-192gb", "l40s-48gb"} <= accelerators
    assert {row.config.method for row in published} == {"full", "lora", "qlora"}
    assert Counter(row.outcome for row in published)["oom"] >= 10


def test_every_row_names_its_source(published: tuple[PublishedRun, ...]) -> None:
    for row in published:
        assert row.source_repository.count("/") == 1, row.run
        assert row.source_path, row.run
        assert len(row.source_commit) == 40, row.run


def test_names_of_runs_are_unique(published: tuple[PublishedRun, ...]) -> None:
    assert len({row.run for row in published}) == len(published)


def test_a_finished_run_has_a_figure_and_one_out_of_memory_has_none(published: tuple[PublishedRun, ...]) -> None:
    for row in published:
        figures = (
            row.figures.tokens_per_s_per_accelerator,
            row.figures.step_time_s,
            row.figures.peak_allocated_bytes,
            row.figures.peak_reserved_bytes,
            row.figures.peak_device_bytes,
        )
        assert any(figure is not None for figure in figures) == (row.outcome == "ok"), row.run


def test_no_peak_exceeds_the_memory_of_its_accelerator(published: tuple[PublishedRun, ...]) -> None:
    for row in published:
        assert row.config.cluster is not None
        for peak_bytes in (
            row.figures.peak_allocated_bytes,
            row.figures.peak_reserved_bytes,
            row.figures.peak_device_bytes,
        ):
            assert peak_bytes is None or peak_bytes <= row.config.cluster.accelerator.memory_bytes * 1.01, row.run


def test_throughput_times_step_time_gives_the_tokens_of_one_step(published: tuple[PublishedRun, ...]) -> None:
    timed = [
        row
        for row in published
        if row.figures.tokens_per_s_per_accelerator and row.figures.step_time_s and row.samples_per_step
    ]
    assert len(timed) > 150
    for row in timed:
        tokens = (row.figures.tokens_per_s_per_accelerator or 0) * (row.figures.step_time_s or 0) * row.num_accelerators
        tokens_per_sample = row.config.mean_tokens_per_sample or row.config.seq_len or 0
        assert tokens == pytest.approx((row.samples_per_step or 0) * tokens_per_sample, rel=1e-3), row.run
        assert row.tokens_per_step == pytest.approx(tokens, rel=1e-3), row.run


def test_a_row_arrives_as_the_source_printed_it(published: tuple[PublishedRun, ...]) -> None:
    row = named(published, "peft-llama-3.2-3b-lora-1x-l40s-48gb-08")
    assert row.config.lora is not None
    assert row.config.lora.targets == LORA_TARGET_SETS["attn_qv"]
    assert (row.figures.tokens_per_s_per_accelerator, row.figures.step_time_s, row.figures.checkpoint_bytes) == (
        7173.82,
        0.117038,
        36_715_216,
    )
    assert row.figures.peak_reserved_bytes == pytest.approx(20.7617 * GIB)


def changed(path: Path, **cells: str) -> Path:
    """A table of the first row alone, with other cells."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        first = next(csv.DictReader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(first))
        writer.writeheader()
        writer.writerow({**first, **cells})
    return path


def test_an_empty_cell_is_unknown_and_not_the_default(tmp_path: Path) -> None:
    blank = dict.fromkeys(("optimizer", "grad_accum", "param_dtype", "compute_dtype", "fused_loss"), "")
    (row,) = read_published_runs(changed(tmp_path / "table.csv", n_accel="2", sharding="", **blank), load_catalog())
    assert row.config.optimizer is None
    assert row.config.gradient_accumulation_steps is None
    assert row.config.precision is None
    assert row.config.parallelism.zero_stage is None
    assert row.config.loss is None


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [("model", "no-such-model", "no-such-model"), ("outcome", "fine", "fine"), ("seq_len", "long", "long")],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path: Path, column: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        read_published_runs(changed(tmp_path / "table.csv", id="the-row", **{column: value}), load_catalog())
    assert "the-row" in str(caught.value)


def test_a_missing_table_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_published_runs(tmp_path / "none.csv", load_catalog())


def test_the_readme_counts_the_rows_of_every_source(published: tuple[PublishedRun, ...]) -> None:
    readme = (EXAMPLES / "README.md").read_text()
    for source, count in Counter(row.source_repository for row in published).items():
        assert f"| {source} | {count} |" in readme


def test_the_demo_plans_every_experiment_on_hardware_it_has() -> None:
    programme = load_programme(EXAMPLES / "demo" / "foretune.yaml", load_catalog())
    planned = {update.name: update for update in programme.planned_updates}
    assert set(planned) == {experiment.name for experiment in DEMO_EXPERIMENTS}
    pools = {pool.cluster.accelerator.slug: pool.cluster.count for pool in programme.fleet}
    for experiment in DEMO_EXPERIMENTS:
        update = planned[experiment.name]
        run = update.run
        assert run.model is not None
        assert run.cluster is not None
        assert (run.model.name, run.method) == (experiment.model, experiment.method)
        assert (run.cluster.accelerator.slug, run.cluster.count) == (
            experiment.accelerator,
            experiment.num_accelerators,
        )
        assert update.cadence == experiment.cadence
        assert run.cluster.count <= pools[run.cluster.accelerator.slug]


@pytest.mark.parametrize("file_name", ["run-passes.yaml", "run-blocked.yaml"])
def test_the_example_runs_are_complete(file_name: str) -> None:
    config = load_run(EXAMPLES / "demo" / file_name, load_catalog())
    for field in ("model", "method", "precision", "seq_len", "batching", "micro_batch_size", "train_tokens", "loss"):
        assert getattr(config, field) is not None, field


def test_the_blocked_run_needs_more_than_its_card_before_the_first_activation() -> None:
    config = load_run(EXAMPLES / "demo" / "run-blocked.yaml", load_catalog())
    assert config.model is not None
    assert config.cluster is not None
    weights_gradients_and_two_states = 4 * 2
    needed_bytes = (config.model.published_params or 0) * weights_gradients_and_two_states
    assert needed_bytes > config.cluster.accelerator.memory_bytes
