from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.catalog.load import load_catalog
from planner.dialects.run_table import FAMILIES, TableRun, read_row
from planner.dialects.run_table_cells import CONFIG_COLUMNS, FORBIDDEN_COLUMNS, Cells
from planner.domain.parallelism import Parallelism
from planner.domain.run_config import RunConfig
from planner.estimator.estimate_run import estimate_run
from planner.units import GB, GIB

ROW = {
    "id": "r1", "kind": "finetune", "method": "lora", "base_quant": "none", "lora_rank": "16",
    "lora_targets": "attn_all", "model": "mistral-7b", "accelerator": "a100-80gb", "accelerator_memory_gib": "80",
    "n_accel": "2", "n_nodes": "1", "param_dtype": "bf16", "compute_dtype": "bf16", "amp": "true",
    "optimizer": "adamw", "seq_len": "4096", "batching": "packed", "micro_batch": "4", "grad_accum": "1",
    "sharding": "fsdp", "tp": "1", "activation_ckpt": "full", "attention": "flash", "fused_loss": "none",
    "framework": "hf-trl",
}  # fmt: skip


def read(**cells: str) -> TableRun:
    return read_row({**ROW, **cells}, load_catalog())


def config(**cells: str) -> RunConfig:
    found = read(**cells)
    assert found.config is not None, found.unpredictable
    return found.config


def reason(**cells: str) -> str:
    found = read(**cells)
    assert found.config is None
    assert set(found.unpredictable) == set(FAMILIES)
    (text,) = set(found.unpredictable.values())
    return text


def test_a_full_row_becomes_the_run_it_describes() -> None:
    run = config()
    assert run.model is not None
    assert run.cluster is not None
    assert run.lora is not None
    assert (run.model.name, run.method, run.lora.rank) == ("mistral-7b", "lora", 16)
    assert (run.cluster.accelerator.slug, run.cluster.count) == ("a100-80gb", 2)
    assert run.parallelism.zero_stage == 3
    assert run.loss == "full_logits"
    assert run.precision is not None
    assert run.precision.amp


def test_no_outcome_column_is_a_configuration_column() -> None:
    assert not FORBIDDEN_COLUMNS & set(CONFIG_COLUMNS)
    with pytest.raises(KeyError):
        Cells({"outcome": "ok"}).text("outcome")


def test_outcomes_in_a_row_change_nothing() -> None:
    told = {**ROW, **dict.fromkeys(FORBIDDEN_COLUMNS, "17")}
    assert read_row(told, load_catalog()) == read_row(ROW, load_catalog())


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("activation_ckpt", "activation_checkpointing"),
        ("fused_loss", "loss"),
        ("compiler", "compiler"),
        ("attention", "attention"),
        ("optimizer", "optimizer"),
        ("batching", "batching"),
        ("method", "method"),
        ("length_order", "length_order"),
    ],
)
def test_a_blank_cell_is_unknown_and_never_a_default(column: str, field: str) -> None:
    assert getattr(config(**{column: ""}), field) is None


def test_a_blank_sharding_is_unknown_where_several_ranks_could_share() -> None:
    assert config(sharding="").parallelism.zero_stage is None
    assert config(sharding="", n_accel="1").parallelism.zero_stage == 0


@pytest.mark.parametrize(
    ("word", "stage", "shard"),
    [
        ("none", 0, None), ("ddp", 0, None), ("zero1", 1, None), ("distributed_optimizer", 1, None),
        ("zero1_node", 1, 8), ("zero2", 2, None), ("fsdp_grad_op", 2, None), ("fsdp2", 3, None), ("hsdp", 3, 8),
    ],
)  # fmt: skip
def test_sharding_words_say_what_ranks_divide(word: str, stage: int, shard: int | None) -> None:
    layout = config(sharding=word, n_accel="32", n_nodes="4").parallelism
    assert (layout.zero_stage, layout.dp_shard) == (stage, shard)


def test_a_naive_pipeline_lays_the_layers_over_all_accelerators() -> None:
    assert config(sharding="naive_pipeline").parallelism == Parallelism(pp=2, pipeline_schedule="sequential")


def test_trainium_counts_cores_in_tp_and_chips_in_n_accel() -> None:
    run = config(accelerator="trn1", accelerator_memory_gib="32", n_accel="512", n_nodes="32", tp="32", sharding="")
    assert run.parallelism.tp == 16
    assert run.data_parallel == 32
    assert run.cluster is not None
    assert run.cluster.num_nodes == 32


@pytest.mark.parametrize(
    ("word", "method", "adapter"),
    [
        ("full", "full", None), ("galore", "full", None), ("lora", "lora", None), ("dora", "lora", "dora"),
        ("adapter", "adapter", "bottleneck"), ("oft_v1", "adapter", "oft_v1"), ("bone_bat", "adapter", "bone_bat"),
        ("prompt_tuning", "adapter", "prompt_tuning"),
    ],
)  # fmt: skip
def test_method_names_become_method_and_adapter(word: str, method: str, adapter: str | None) -> None:
    run = config(method=word)
    assert (run.method, run.adapter) == (method, adapter)


def test_galore_trains_full_weights_with_its_own_optimizer() -> None:
    assert config(method="galore", optimizer="adamw").optimizer == "galore_adamw"
    layerwise = config(method="galore", optimizer="galore_adamw_8bit_layerwise")
    assert (layerwise.optimizer, layerwise.optimizer_in_backward) == ("galore_adamw_8bit", True)


def test_lora_fa_named_as_optimizer_is_an_adapter() -> None:
    run = config(optimizer="lora_fa")
    assert (run.method, run.adapter, run.optimizer) == ("lora", "lora_fa", "adamw")


def test_a_quantised_base_of_unknown_format_stays_unknown() -> None:
    run = config(method="qlora", base_quant="4bit_unknown", param_dtype="4bit_unknown")
    assert run.base_quantization is None
    assert run.precision is not None
    assert run.precision.weights_dtype == "bf16"


def test_lora_targets_may_name_modules_and_whole_ones() -> None:
    run = config(lora_targets="q_proj+v_proj+mlp+full(embed_tokens,lm_head)")
    assert run.lora is not None
    assert run.lora.targets == ("q_proj", "v_proj", "gate_proj", "up_proj", "down_proj")
    assert run.lora.modules_to_save == ("embeddings", "head")


def test_virtual_tokens_follow_from_the_trained_vectors() -> None:
    llama = {"model": "llama-3.2-3b", "lora_rank": "", "lora_targets": ""}
    assert config(**llama, method="prompt_tuning", trainable_params="614400").virtual_tokens == 614_400 // 3072
    prefix = config(**llama, method="prefix_tuning", trainable_params="11468800")
    assert prefix.virtual_tokens == 11_468_800 // (28 * 2 * 1024)
    assert config(**llama, method="prompt_tuning", trainable_params="614401").virtual_tokens is None


def test_a_micro_batch_follows_from_the_global_one() -> None:
    assert config(micro_batch="", global_batch="32", grad_accum="4").micro_batch_size == 4
    assert config(grad_accum="", global_batch="32").gradient_accumulation_steps == 4
    assert config(micro_batch="", global_batch="33", grad_accum="4").micro_batch_size is None


def test_a_packed_length_is_the_mean_and_a_padded_one_is_not() -> None:
    assert config(seq_len="", avg_tokens_per_sample="2048").seq_len == 2048
    padded = config(seq_len="", avg_tokens_per_sample="277", batching="padded")
    assert (padded.seq_len, padded.mean_tokens_per_sample, padded.batching) == (None, 277.0, "dynamic")


def test_dimensions_of_the_row_go_before_the_catalog_and_keep_what_has_no_column() -> None:
    run = config(model="mpt-7b", vocab_size="50368", params="6651408384")
    assert run.model is not None
    assert (run.model.vocab_size, run.model.published_params) == (50_368, 6_651_408_384)
    assert run.model.gated_mlp is False


def test_a_model_outside_the_catalog_is_described_by_its_dimensions() -> None:
    dims = {"num_layers": "96", "hidden_dim": "12288", "ffn_dim": "49152", "num_heads": "96", "vocab_size": "51200"}
    run = config(model="gpt3-like", params="174600000000", tied_embeddings="true", **dims)
    assert run.model is not None
    assert (run.model.head_dim, run.model.gated_mlp) == (128, False)
    gated = config(model="gated", params="231000000000", tied_embeddings="true", **dims)
    assert gated.model is not None
    assert gated.model.gated_mlp


def test_a_model_nobody_knows_is_named_in_the_reason() -> None:
    assert "'secret-7b' is not in the catalog" in reason(model="secret-7b")
    assert "model is not stated" in reason(model="")


def test_an_unknown_accelerator_of_known_size_leaves_only_speed_unpredictable() -> None:
    found = read(accelerator="unknown-24gb", accelerator_memory_gib="24")
    assert found.config is not None
    assert found.config.cluster is not None
    assert found.config.cluster.accelerator.memory_bytes == 24 * GIB
    assert set(found.unpredictable) == {"throughput"}


def test_without_accelerator_only_peaks_are_predictable() -> None:
    assert set(read(accelerator="", accelerator_memory_gib="").unpredictable) == {"throughput", "fits"}


def test_an_accelerator_of_unstated_size_has_a_speed() -> None:
    found = read(accelerator="a100", accelerator_memory_gib="")
    assert set(found.unpredictable) == {"fits"}


def test_nodes_and_networks_of_the_row_are_those_of_the_cluster() -> None:
    run = config(n_accel="16", n_nodes="4", inter_node_gb_s_per_accel="6.25", interconnect="pcie")
    assert run.cluster is not None
    assert (run.cluster.num_nodes, run.cluster.inter_node_bytes_per_s_per_accelerator) == (4, 6.25 * GB)
    assert run.cluster.accelerator.link_type == "pcie4"


@pytest.mark.parametrize(
    "cells",
    [
        {"seq_len": "NaN-ish"}, {"seq_len": "-4096"}, {"seq_len": "1e400"}, {"seq_len": "0"}, {"seq_len": "40.5"},
        {"n_accel": "=1+1"}, {"micro_batch": "inf"}, {"accelerator_memory_gib": "-80"}, {"method": "magic"},
        {"accelerator_memory_gib": "1e308"},
        {"attention": "best"}, {"amp": "maybe"}, {"sharding": "zero9"}, {"optimizer": "=cmd|'/c calc'!A1"},
        {"model": "=HYPERLINK(1)"}, {"framework": "\x00"}, {"tp": "3"}, {"pp": "64"}, {"batching": "x" * 10_000},
        {"activation_ckpt_fraction": "7"}, {"lora_rank": "1e16"}, {"framework_version": "v" * 400},
    ],
)  # fmt: skip
def test_a_cell_that_makes_no_sense_is_the_reason_for_its_row(cells: dict[str, str]) -> None:
    (column,) = cells
    assert column.split("_")[-1] in reason(**cells)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(CONFIG_COLUMNS), st.text(max_size=30), max_size=6))
def test_no_cell_can_raise(cells: dict[str, str]) -> None:
    found = read(**cells)
    assert found.config is not None or set(found.unpredictable) == set(FAMILIES)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(CONFIG_COLUMNS),
        st.one_of(st.integers(-5, 10**20).map(str), st.floats().map(str), st.just("")),
        max_size=8,
    )
)
def test_no_number_can_raise(cells: dict[str, str]) -> None:
    found = read(**cells)
    assert found.config is not None or set(found.unpredictable) == set(FAMILIES)


def test_an_empty_row_says_what_is_missing() -> None:
    found = read_row({}, load_catalog())
    assert found.config is None
    assert "model is not stated" in found.unpredictable["memory"]


def test_nothing_that_predicts_reads_what_was_measured() -> None:
    """Code that makes a configuration neither imports the reader of figures nor names one of their columns."""
    folder = Path(__file__).parents[2] / "planner" / "dialects"
    for file in folder.glob("run_table*.py"):
        text = file.read_text()
        if file.name not in ("run_table_actuals.py", "run_table_cells.py"):
            assert "run_table_actuals" not in text
            assert not [column for column in FORBIDDEN_COLUMNS if f'"{column}"' in text], file.name


def test_layers_spread_over_two_cards_are_no_faster_than_on_one() -> None:
    spread, alone = (
        estimate_run(config(sharding=sharding, n_accel=count, grad_accum="8", optimizer="adamw_fused"))
        for sharding, count in (("naive_pipeline", "2"), ("none", "1"))
    )
    fast, slow = alone.tokens_per_s_per_accelerator.p50, spread.tokens_per_s_per_accelerator.p50
    assert slow == pytest.approx(fast / 2, rel=0.1)
    assert spread.memory.peak_allocated_bytes.p50 < 0.75 * alone.memory.peak_allocated_bytes.p50
