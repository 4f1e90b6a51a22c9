"""Which rank and targets give a known number of trainable parameters."""

from functools import lru_cache

from planner.domain.lora import LORA_TARGET_SETS
from planner.domain.model_spec import ModelSpec
from planner.estimator.params import count_adapter

COMMON_RANKS = (8, 16, 32, 64, 4, 128, 256, 2, 1, 512)


@lru_cache(maxsize=4096)
def guess_adapter(
    model: ModelSpec, trainable_params: int, *, rank: int | None, targets: tuple[str, ...] | None
) -> tuple[int, tuple[str, ...]]:
    """Rank and targets whose adapter comes nearest to ``trainable_params``; what is given is kept.

    An exact match at a common rank wins over a near one. Only the split between rank and width is a guess: memory and
    time follow the known count.
    """
    candidates = []
    for place, names in enumerate(LORA_TARGET_SETS.values() if targets is None else (targets,)):
        per_rank = count_adapter(model, 1, names).params_per_layer * model.num_layers
        if per_rank == 0:
            continue
        free_rank = max(1, round(trainable_params / per_rank))
        for preference, wanted in enumerate((rank,) if rank is not None else (*COMMON_RANKS, free_rank)):
            miss = abs(wanted * per_rank - trainable_params) / trainable_params
            candidates.append((round(miss, 4), preference, place, wanted, names))
    _, _, _, best_rank, best_targets = min(candidates)
    return best_rank, best_targets
