from typing import Any

import numpy as np
import pytest

from planner.estimator.padding import real_tokens_ratio


def packed_share(lengths: list[int], seq_len: int) -> float:
    """Real tokens over positions when samples are put one after the other, whole, into sequences."""
    sequences, free = 1, seq_len
    for length in lengths:
        if length > free:
            sequences, free = sequences + 1, seq_len
        free -= length
    return sum(lengths) / (sequences * seq_len)


def test_fixed_padding_wastes_what_samples_are_shorter_by(make_config: Any) -> None:
    assert real_tokens_ratio(make_config(batching="padded", mean_tokens_per_sample=512)) == 0.25


def test_packing_comes_near_to_packing_samples_one_by_one(make_config: Any) -> None:
    lengths = np.random.default_rng(0).integers(50, 351, size=5000).tolist()
    found = real_tokens_ratio(make_config(batching="packed", mean_tokens_per_sample=200))
    assert found == pytest.approx(packed_share(lengths, 2048), abs=0.03)


def test_nothing_is_padded_in_padding_free_sorted_or_single_sample_batches(make_config: Any) -> None:
    assert real_tokens_ratio(make_config(batching="padding_free", mean_tokens_per_sample=200)) == 1.0
    sorted_batches = make_config(batching="dynamic", mean_tokens_per_sample=200, length_order="longest_first")
    assert real_tokens_ratio(sorted_batches) == 1.0
    assert real_tokens_ratio(make_config(batching="dynamic", micro_batch_size=1)) == 1.0


def test_unknown_lengths_leave_the_share_unknown(make_config: Any) -> None:
    assert real_tokens_ratio(make_config(batching="packed")) is None
    assert real_tokens_ratio(make_config(batching="dynamic", mean_tokens_per_sample=200)) is None
