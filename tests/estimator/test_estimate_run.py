import math
from datetime import date
from typing import Any

import pytest

from planner.catalog.load import load_catalog
from planner.errors import UnknownFieldError
from planner.estimator.constants import PRIOR
from planner.estimator.estimate_run import estimate_run

UNKNOWN = {"activation_checkpointing": None, "loss": None, "gradient_accumulation_steps": None}


def test_the_same_configuration_gives_the_same_estimate(make_config: Any) -> None:
    assert estimate_run(make_config()) == estimate_run(make_config())


def test_the_name_of_a_run_changes_nothing(make_config: Any) -> None:
    assert estimate_run(make_config(name="one")) == estimate_run(make_config(name="other"))


@pytest.mark.parametrize("field", ["model", "seq_len", "micro_batch_size"])
def test_what_cannot_be_guessed_is_asked_for(make_config: Any, field: str) -> None:
    with pytest.raises(UnknownFieldError, match=field):
        estimate_run(make_config(**{field: None}))


def test_a_run_without_a_cluster_is_an_error(make_config: Any) -> None:
    with pytest.raises(UnknownFieldError, match="cluster"):
        estimate_run(make_config().model_copy(update={"cluster": None}))


def test_a_run_without_a_length_is_an_error(make_config: Any) -> None:
    with pytest.raises(UnknownFieldError, match="max_steps"):
        estimate_run(make_config(max_steps=None))


@pytest.mark.parametrize("unknown", [{}, UNKNOWN])
def test_the_three_definitions_of_memory_hold_one_another(make_config: Any, unknown: dict[str, Any]) -> None:
    for accelerator in ("a100-80gb", "trn1", "tpu-v5e", "apple-m1-max-32gb"):
        memory = estimate_run(make_config(count=4, accelerator=accelerator, **unknown)).memory
        for level in ("p10", "p50", "p90"):
            allocated, reserved, device = (
                getattr(peak, level)
                for peak in (memory.peak_allocated_bytes, memory.peak_reserved_bytes, memory.peak_device_bytes)
            )
            assert allocated <= reserved <= device, (accelerator, level)


def test_a_run_that_fits_whatever_is_unknown_fits_with_certainty_and_not_more(make_config: Any) -> None:
    """Weights of alternatives may add up to a rounding error more than 1."""
    for unknown in ({}, UNKNOWN, {**UNKNOWN, "attention": None}, {**UNKNOWN, "precision": None, "batching": None}):
        memory = estimate_run(make_config(model="qwen2.5-0.5b", accelerator="cpu-graviton3", **unknown)).memory
        assert 0.99 < memory.fits_probability <= 1.0


def test_breakdowns_add_up_to_their_totals(make_config: Any) -> None:
    prices = load_catalog().prices
    estimate = estimate_run(make_config(checkpoints={"every_steps": 10}), prices, date(2026, 11, 24))
    assert estimate.cost_usd is not None
    assert sum(estimate.cost_breakdown_usd.values()) == estimate.cost_usd.p50
    assert sum(estimate.storage_breakdown_bytes.values()) == estimate.storage_bytes.p50
    assert sum(estimate.network_breakdown_bytes.values()) == estimate.network_bytes.p50
    assert sum(estimate.duration_breakdown_s.values()) == pytest.approx(estimate.duration_s.p50)
    assert estimate.memory.peak.total_bytes == pytest.approx(estimate.memory.peak_allocated_bytes.p50)
    step_s = sum(estimate.step_time_breakdown_s.values())
    assert estimate.duration_breakdown_s["training"] == pytest.approx(estimate.steps * step_s)


def test_speed_steps_and_tokens_agree(make_config: Any) -> None:
    estimate = estimate_run(make_config(count=8))
    step_s = sum(estimate.step_time_breakdown_s.values())
    assert estimate.train_tokens == 100 * 8 * 2 * 2048
    assert estimate.tokens_per_s_per_accelerator.p50 == pytest.approx(2 * 2048 / step_s)
    assert estimate.num_accelerators == 8


def test_mfu_is_model_flop_over_the_peak(make_config: Any) -> None:
    estimate = estimate_run(make_config(method="full"))
    step_s = sum(estimate.step_time_breakdown_s.values())
    assert estimate.mfu == pytest.approx(estimate.flop / (100 * step_s) / 312e12)
    assert 0.3 < estimate.mfu < 0.7


def test_unknown_fields_widen_the_estimate_and_are_named(make_config: Any) -> None:
    known, unknown = estimate_run(make_config()), estimate_run(make_config(**UNKNOWN))
    assert known.unknowns == ()
    assert set(unknown.unknowns) == set(UNKNOWN)
    assert unknown.memory.peak_allocated_bytes.log_sd > 2 * known.memory.peak_allocated_bytes.log_sd


def test_the_spread_of_an_unknown_field_covers_its_options(make_config: Any) -> None:
    spanned = estimate_run(make_config(activation_checkpointing=None)).memory.peak_allocated_bytes
    for option in ("none", "full"):
        one = estimate_run(make_config(activation_checkpointing=option)).memory.peak_allocated_bytes
        assert spanned.p10 <= one.p50 <= spanned.p90


def test_known_software_narrows_the_speed(make_config: Any) -> None:
    known = estimate_run(make_config()).tokens_per_s_per_accelerator
    unknown = estimate_run(make_config(framework=None)).tokens_per_s_per_accelerator
    assert known.log_sd <= unknown.log_sd


def test_a_generic_cpu_is_less_sure_than_an_accelerator(make_config: Any) -> None:
    small = {"model": "qwen2-0.5b"}
    cpu = estimate_run(make_config(accelerator="cpu-generic", precision="fp32", **small)).tokens_per_s_per_accelerator
    gpu = estimate_run(make_config(**small)).tokens_per_s_per_accelerator
    assert cpu.log_sd > 0.49 > gpu.log_sd


def test_a_cpu_run_lives_in_the_memory_of_its_host(make_config: Any) -> None:
    memory = estimate_run(make_config(model="qwen2-0.5b", accelerator="cpu-1core", precision="fp32")).memory
    assert memory.peak_allocated_bytes == memory.peak_reserved_bytes == memory.peak_device_bytes
    assert memory.host_peak_bytes.p50 > memory.peak_device_bytes.p50


def test_without_prices_there_is_a_note_instead_of_a_cost(make_config: Any) -> None:
    estimate = estimate_run(make_config())
    assert estimate.cost_usd is None
    assert any("no cost" in note for note in estimate.notes)


def test_notes_say_which_possibility_the_breakdowns_show(make_config: Any) -> None:
    notes = estimate_run(make_config(loss=None, precision=None)).notes
    assert any("precision bf16" in note and "loss f" in note for note in notes)


def test_notes_say_what_was_taken_for_the_network_and_the_software(make_config: Any) -> None:
    notes = " ".join(estimate_run(make_config(count=16, framework="our-own-trainer")).notes)
    assert "inter_node_bytes_per_s_per_accelerator is not given" in notes
    assert "'our-own-trainer', which is not known" in notes
    assert "framework" not in " ".join(estimate_run(make_config()).notes)


def test_what_does_not_fit_is_said_so(make_config: Any) -> None:
    assert estimate_run(make_config(model="llama-3.1-70b", method="full")).memory.fits_probability < 0.01
    assert estimate_run(make_config(model="llama-3.2-1b")).memory.fits_probability > 0.99


def test_the_version_of_the_physics_is_noted(make_config: Any) -> None:
    assert estimate_run(make_config()).provenance.prior == PRIOR


@pytest.mark.parametrize("name", sorted(load_catalog().models))
def test_every_model_of_the_catalog_can_be_estimated(make_config: Any, name: str) -> None:
    estimate = estimate_run(make_config(model=name, count=8, parallelism={"zero_stage": 3}))
    assert math.isfinite(estimate.duration_s.p90)
    assert estimate.memory.peak_allocated_bytes.p50 > 0


@pytest.mark.parametrize("slug", sorted(load_catalog().accelerators))
def test_every_accelerator_of_the_catalog_can_be_estimated(make_config: Any, slug: str) -> None:
    estimate = estimate_run(make_config(accelerator=slug, precision=None))
    assert 0 < estimate.mfu < 1


@pytest.mark.parametrize(("accelerator", "is_noted"), [("v100-32gb", True), ("a100-80gb", False)])
def test_a_format_that_the_accelerator_lacks_is_said(make_config: Any, accelerator: str, is_noted: bool) -> None:
    notes = estimate_run(make_config(accelerator=accelerator, precision="bf16")).notes
    assert any("no known speed in bf16" in note for note in notes) == is_noted


def test_a_wait_in_the_queue_is_told_and_neither_lengthens_nor_costs(make_config: Any) -> None:
    at_once, later = make_config(), make_config(operations={"queue_wait_s": 7200.0})
    assert estimate_run(later).duration_s == estimate_run(at_once).duration_s
    assert any("2.0 h in the queue" in note for note in estimate_run(later).notes)


def test_traffic_between_nodes_is_held_against_their_link(make_config: Any) -> None:
    one = estimate_run(make_config(count=8))
    two = estimate_run(make_config(count=16, cluster={"inter_node_bytes_per_s_per_accelerator": 1e9}))
    assert (one.inter_node_bytes_per_s, one.inter_node_link_bytes_per_s) == (0.0, None)
    assert two.inter_node_link_bytes_per_s == 1e9
    assert 0 < two.inter_node_bytes_per_s < 1e9
