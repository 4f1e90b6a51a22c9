"""An error while logging is a warning, never the end of a training."""

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

log = logging.getLogger("planner.mlflow_callback")

P = ParamSpec("P")
T = TypeVar("T")


def harmless(function: Callable[P, T]) -> Callable[P, T | None]:
    """The function, but an exception in it is logged as a warning and None comes back."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            log.warning(
                f"foretune could not log this training ({function.__name__}: {type(error).__name__}: "
                f"{' '.join(str(error).split())[:300]}); training goes on"
            )
            return None

    return guarded
