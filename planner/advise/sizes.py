"""Device counts, degrees of parallelism and micro-batches that keep a run's effective batch."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planner.advise.request import Request
from planner.domain.run_config import RunConfig
from planner.domain.run_consistency import layout_conflicts
from planner.estimator.software import software_class
from planner.estimator.workload_of_run import known

MAX_PIPELINE = 8
Size = tuple[int, int, int, int, int]
"""Count, tp, pp, micro-batch, accumulation."""
FIELDS = (
    "cluster.count",
    "parallelism.tp",
    "parallelism.pp",
    "micro_batch_size",
    "gradient_accumulation_steps",
)


class Sizes(NamedTuple):
    """All sizes as one array, a column for each of ``FIELDS``; and layouts that cannot be, by what they break."""

    columns: NDArray[np.int64]
    data_parallel: NDArray[np.int64]
    impossible: Counter[str]
    example: str


def effective_batch(config: RunConfig) -> int:
    """Samples of one optimizer step: micro-batch x accumulation x data parallel ranks."""
    why = "the search keeps the samples of one optimizer step"
    micro = known(config.micro_batch_size, "micro_batch_size", why)
    return micro * known(config.gradient_accumulation_steps, "gradient_accumulation_steps", why) * config.data_parallel


def sizes(config: RunConfig, request: Request, per_node: int) -> Sizes:
    """Every combination of counts and degrees with every micro-batch that divides what one rank gets of the batch.

    Tensor parallelism stays inside a node of ``per_node`` devices. Stock software has neither it nor pipelines: it
    keeps those of the run.
    """
    batch, impossible, example = effective_batch(config), Counter[str](), ""
    found: list[Size] = []
    ranks: list[int] = []
    for count, tp, pp in product(_counts(config, request), *_degrees(config, request, per_node)):
        broken = _broken(config, count, tp, pp, batch)
        if broken is not None:
            impossible["impossible parallelism"] += 1
            example = example or broken
            continue
        data_parallel = count // (tp * pp * config.parallelism.cp)
        for micro in _micro_batches(config, request, batch // data_parallel):
            found.append((count, tp, pp, micro, batch // data_parallel // micro))
            ranks.append(data_parallel)
    columns = np.array(found, dtype=np.int64).reshape(-1, len(FIELDS))
    return Sizes(columns, np.array(ranks, dtype=np.int64), impossible, example)


def _counts(config: RunConfig, request: Request) -> list[int]:
    own = 1 if config.cluster is None else config.cluster.count
    if "count" in request.keep:
        return [own]
    powers = {1 << power for power in range(request.max_devices.bit_length())}
    return sorted(count for count in powers | {own} if count <= request.max_devices)


def _degrees(config: RunConfig, request: Request, per_node: int) -> tuple[Sequence[int], Sequence[int]]:
    own = config.parallelism
    if "parallelism" in request.keep or software_class(config.framework) == "stock":
        return [own.tp], [own.pp]
    powers = [1 << power for power in range(max(per_node, MAX_PIPELINE).bit_length())]
    tensor = sorted({own.tp, *(degree for degree in powers if degree <= per_node)})
    return tensor, sorted({own.pp, *(degree for degree in powers if degree <= MAX_PIPELINE)})


def _micro_batches(config: RunConfig, request: Request, share: int) -> Iterator[int]:
    if "micro_batch" in request.keep:
        own = config.micro_batch_size or 1
        if share % own == 0:
            yield own
        return
    yield from (size for size in range(1, share + 1) if share % size == 0)


def _broken(config: RunConfig, count: int, tp: int, pp: int, batch: int) -> str | None:
    """Why a layout cannot be; None where it can."""
    parallelism = config.parallelism.model_copy(update={"tp": tp, "pp": pp})
    update: dict[str, object] = {"parallelism": parallelism}
    if config.cluster is not None:
        update["cluster"] = config.cluster.model_copy(update={"count": count})
    for is_broken, message in layout_conflicts(config.model_copy(update=update)):
        if is_broken:
            return message()
    ranks = count // (tp * pp * parallelism.cp)
    if batch % ranks:
        return f"{ranks} data parallel ranks do not divide the effective batch of {batch}"
    return None
