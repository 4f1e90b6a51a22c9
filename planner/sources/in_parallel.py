"""Steps through several iterators at once."""

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

Item = TypeVar("Item")


def in_parallel(iterators: Sequence[Iterator[Item]]) -> Iterator[Item]:
    """Items of all iterators as they come; each iterator waits in a thread of its own, one item ahead."""
    if not iterators:
        return
    with ThreadPoolExecutor(len(iterators)) as pool:
        waiting: dict[Future[Item | None], Iterator[Item]] = {pool.submit(next, one, None): one for one in iterators}
        while waiting:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                iterator = waiting.pop(future)
                if (item := future.result()) is not None:
                    waiting[pool.submit(next, iterator, None)] = iterator
                    yield item
