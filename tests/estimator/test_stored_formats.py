from typing import get_args

import pytest

from planner.domain.accelerator import Dtype
from planner.domain.run_vocabulary import BaseQuantization, Objective, Optimizer
from planner.estimator.stored_formats import (
    BITSANDBYTES,
    DTYPE_BYTES,
    FROZEN_COPIES,
    HALF_PRECISION_RATIO,
    OPTIMIZER_STATES,
    PACKED,
    QUANTISED_BYTES,
    SEQUENCES_PER_SAMPLE,
)


def test_every_word_of_the_vocabulary_has_its_bytes() -> None:
    assert set(DTYPE_BYTES) == set(get_args(Dtype))
    assert set(QUANTISED_BYTES) == set(get_args(BaseQuantization)) - {"none"}
    assert set(OPTIMIZER_STATES) == set(get_args(Optimizer))
    assert set(FROZEN_COPIES) == set(SEQUENCES_PER_SAMPLE) == set(get_args(Objective))


def test_a_format_belongs_to_one_library() -> None:
    assert not BITSANDBYTES & PACKED
    assert BITSANDBYTES | PACKED | {"fp8"} == set(QUANTISED_BYTES)


@pytest.mark.parametrize(
    ("name", "bits"), [("nf4", 4.5), ("nf4_dq", 4.127), ("gptq4", 4.156), ("int8", 8.0), ("fp8", 8.0), ("aqlm2", 2.125)]
)
def test_bits_a_weight_with_its_block_constants(name: BaseQuantization, bits: float) -> None:
    assert 8 * QUANTISED_BYTES[name] == pytest.approx(bits, abs=0.001)


@pytest.mark.parametrize(
    ("name", "fp32_bytes"),
    [("adamw", 8.0), ("adam_mini", 4.0), ("lion", 4.0), ("sgd", 0.0), ("sgd_momentum", 4.0), ("muon", 4.0)],
)
def test_states_of_a_parameter_trained_in_fp32(name: Optimizer, fp32_bytes: float) -> None:
    states, own, _ = OPTIMIZER_STATES[name]
    assert 4.0 * states + own == fp32_bytes


def test_few_bit_states_take_as_many_bytes_as_their_bits() -> None:
    assert OPTIMIZER_STATES["adamw_8bit"][1] == pytest.approx(2.0, rel=0.02)
    assert OPTIMIZER_STATES["adamw_4bit"][1] == pytest.approx(1.0, rel=0.07)
    assert OPTIMIZER_STATES["lion_8bit"][1] == pytest.approx(1.0, rel=0.02)


def test_a_loss_without_upcast_needs_less() -> None:
    assert all(ratio < 1.0 for ratio in HALF_PRECISION_RATIO.values())
