from typing import Any

import numpy as np
import pytest

from planner.estimator.step_time.attention import attention_flop, attention_flop_per_s, attention_s
from planner.estimator.step_time.efficiency import flash_attention_flop_per_s, tuned_attention_flop_per_s
from planner.estimator.step_time.recompute import EVERYTHING, NOTHING
from planner.estimator.throughput_constants import THROUGHPUT as C


def test_flop_are_those_of_the_lower_triangle_counted_one_by_one(make_workload: Any) -> None:
    run = make_workload(seq_len=64, micro_batch_size=1)
    visible = np.tril(np.ones((64, 64))).sum()
    products = 2 * 2 * visible * run.model.head_dim * run.model.num_heads
    assert attention_flop(run, 64.0) == pytest.approx(32 * products, rel=0.02)


def test_attention_grows_with_the_square_of_the_sequence(make_workload: Any) -> None:
    short, long = make_workload(seq_len=16384), make_workload(seq_len=32768)
    both = [attention_s(run, 65536.0, NOTHING, C) for run in (short, long)]
    assert both[1] == pytest.approx(2 * both[0], rel=0.03)
    assert both[1] < 2 * both[0]


def test_recompute_repeats_the_forward_pass(make_workload: Any) -> None:
    run = make_workload()
    ratio = attention_s(run, 4096.0, EVERYTHING, C) / attention_s(run, 4096.0, NOTHING, C)
    assert ratio == pytest.approx((2 + C.attention_backward_ratio) / (1 + C.attention_backward_ratio))


def test_eager_attention_moves_its_scores_too(make_workload: Any) -> None:
    eager = make_workload(attention="eager")
    assert attention_s(eager, 4096.0, NOTHING, C) > 1.5 * attention_s(make_workload(), 4096.0, NOTHING, C)


def test_the_kernel_decides_the_rate_not_the_card_alone(make_workload: Any) -> None:
    stock = make_workload(accelerator="h100-sxm-80gb")
    tuned = make_workload(accelerator="h100-sxm-80gb", framework="nemo")
    assert attention_flop_per_s(stock, C) == flash_attention_flop_per_s(stock.accelerator, "bf16", C)
    assert attention_flop_per_s(tuned, C) == tuned_attention_flop_per_s(tuned.accelerator, "bf16", C)


def test_attention_stays_in_16_bit_unless_it_is_said_to_be_in_fp8(make_workload: Any) -> None:
    fields: dict[str, Any] = {"accelerator": "h100-sxm-80gb", "framework": "nemo"}
    fp8 = {"weights_dtype": "bf16", "compute_dtype": "fp8"}
    plain = make_workload(**fields)
    matrices = make_workload(**fields, precision=fp8)
    everything = make_workload(**fields, precision=fp8, fp8_attention=True)
    assert attention_flop_per_s(plain, C) == attention_flop_per_s(matrices, C) < attention_flop_per_s(everything, C)


def test_virtual_tokens_lengthen_every_sample(make_workload: Any) -> None:
    fields: dict[str, Any] = {"method": "adapter", "lora": None, "adapter": "prompt_tuning"}
    few, many = (make_workload(**fields, virtual_tokens=count) for count in (1, 2049))
    assert attention_flop(many, 4096.0) == pytest.approx(attention_flop(few, 4096.0) * 4097 / 2049)


def test_only_kernels_that_know_the_window_skip_what_lies_beyond_it(make_workload: Any) -> None:
    def flop(attention: str, model: str) -> float:
        return attention_flop(
            make_workload(model=model, attention=attention, seq_len=32_768, framework="hf-trl"), 100.0
        )

    assert flop("flash", "gemma-3-27b") < 0.3 * flop("sdpa", "gemma-3-27b")
    assert flop("flash", "llama-3.1-8b") == flop("sdpa", "llama-3.1-8b")
