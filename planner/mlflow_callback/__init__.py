"""Logs everything that an estimate can learn from into MLflow, while a model trains (extra ``callback``).

``PlannerCallback``   for Trainer of transformers and whatever builds on it (TRL, Axolotl, LLaMA-Factory, ...)
``log_training``      a context manager for any other training loop

Both log the ``planner.*`` names of ``planner.dialects.planner_contract``. They never break a training: an error of
their own becomes a warning in the log. torch, transformers and mlflow are imported when they are used.
"""

from typing import TYPE_CHECKING, Any

from planner.errors import MissingExtraError
from planner.mlflow_callback.training_log import TrainingLog, log_training

if TYPE_CHECKING:
    from planner.mlflow_callback.trainer_callback import PlannerCallback

__all__ = ["PlannerCallback", "TrainingLog", "log_training"]


def __getattr__(name: str) -> Any:
    if name != "PlannerCallback":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from planner.mlflow_callback.trainer_callback import PlannerCallback
    except ImportError as error:
        raise MissingExtraError(
            f"PlannerCallback needs {error.name or 'transformers'}: pip install 'foretune[callback]'. "
            "For a training loop of your own, log_training needs neither torch nor transformers"
        ) from error
    return PlannerCallback
