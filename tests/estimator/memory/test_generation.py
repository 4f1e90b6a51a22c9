from typing import Any

from planner.estimator.memory.generation import generation_logits_bytes, key_value_cache_bytes
from planner.estimator.memory.timeline import build_timeline

GENERATION = {"batch_size": 50, "prompt_tokens": 200, "max_new_tokens": 300}


def test_the_cache_holds_keys_and_values_of_all_sequences(make_workload: Any) -> None:
    run = make_workload(generation=GENERATION)
    assert key_value_cache_bytes(run) == 50 * 500 * 32 * 2 * 1024 * 2


def test_latent_attention_caches_its_latent(make_workload: Any) -> None:
    run = make_workload(model="deepseek-v2-lite", lora={"rank": 8, "targets": "attn_qv"}, generation=GENERATION)
    assert key_value_cache_bytes(run) == 50 * 500 * 27 * (512 + 64) * 2


def test_logits_of_one_position_live_in_two_dtypes(make_workload: Any) -> None:
    assert generation_logits_bytes(make_workload(generation=GENERATION)) == 50 * 128_256 * (2 + 4)


def test_generation_is_a_moment_of_its_own(make_workload: Any) -> None:
    assert "generation" not in build_timeline(make_workload()).moments
    held = build_timeline(make_workload(generation={"batch_size": 4000, "max_new_tokens": 2000}))
    assert held.totals_bytes["generation"] == held.peak_bytes
