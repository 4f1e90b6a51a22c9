"""The one kind of task: reading or writing a batch, tried again where the trouble may pass."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import State, Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import TaskRun

from flows.log import log
from planner.errors import InputError, StoreUnreachableError

P = ParamSpec("P")
R = TypeVar("R")


async def _may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """A wrong input stays wrong; a server that does not answer may come back."""
    error = await state.aresult(raise_on_failure=False)
    passes = isinstance(error, StoreUnreachableError) or not isinstance(error, InputError)
    if passes:
        log.warning(f"{str(error)[:120]} ... trying again")
    return passes


def io_task(function: Callable[P, R]) -> Task[P, R]:
    """A task with two more tries after 1 and 4 seconds; never cached, for what it reads may have changed."""
    return task(retries=2, retry_delay_seconds=[1, 4], retry_condition_fn=_may_pass, cache_policy=NO_CACHE)(function)
