import pytest

from planner.catalog.load import load_catalog
from planner.domain.lora import LORA_TARGET_SETS
from planner.estimator.adapter_guess import guess_adapter
from planner.estimator.params import count_adapter

MODEL = load_catalog().models["llama-3.1-8b"]


@pytest.mark.parametrize("name", ["attn_qv", "attn_all", "all_linear"])
@pytest.mark.parametrize("rank", [8, 16, 64])
def test_the_count_of_a_common_adapter_gives_an_adapter_of_that_count(rank: int, name: str) -> None:
    params = count_adapter(MODEL, rank, LORA_TARGET_SETS[name]).params_per_layer * MODEL.num_layers
    guessed_rank, guessed_targets = guess_adapter(MODEL, params, rank=None, targets=None)
    assert count_adapter(MODEL, guessed_rank, guessed_targets).params_per_layer * MODEL.num_layers == params


def test_a_known_rank_leaves_only_the_targets_open() -> None:
    assert guess_adapter(MODEL, 41_943_040, rank=16, targets=None) == (16, LORA_TARGET_SETS["all_linear"])


def test_known_targets_leave_only_the_rank_open() -> None:
    targets = LORA_TARGET_SETS["all_linear"]
    assert guess_adapter(MODEL, 41_943_040, rank=None, targets=targets) == (16, targets)


def test_an_odd_count_is_met_as_nearly_as_ranks_allow() -> None:
    rank, targets = guess_adapter(MODEL, 10_000_001, rank=None, targets=None)
    params = count_adapter(MODEL, rank, targets).params_per_layer * MODEL.num_layers
    assert params == pytest.approx(10_000_001, rel=0.1)
