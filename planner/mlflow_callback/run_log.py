"""The MLflow run that is written to. The only part of the callback that knows MLflow."""

import time
from collections.abc import Mapping
from typing import Any

from planner.errors import MissingExtraError
from planner.mlflow_callback.harmless import harmless, log


class RunLog:
    """One run by its id: it can be written to after somebody else has ended it."""

    def __init__(self, run_id: str, *, is_own: bool) -> None:
        self.run_id = run_id
        self._is_own = is_own
        self._client = mlflow().MlflowClient()
        self.started_s = self._client.get_run(run_id).info.start_time / 1000

    @classmethod
    def open(cls, name: str | None = None) -> "RunLog":
        """The active run, or one that is started; whoever starts a run ends it."""
        active = mlflow().active_run()
        if active is not None:
            return cls(active.info.run_id, is_own=False)
        return cls(mlflow().start_run(run_name=name).info.run_id, is_own=True)

    @harmless
    def params(self, values: Mapping[str, str]) -> None:
        """Logs params at once; those that a server finds too long become tags."""
        if not values:
            return
        from mlflow.entities import Param

        try:
            self._client.log_batch(self.run_id, params=[Param(name, value) for name, value in values.items()])
        except Exception as error:
            log.warning(f"params of foretune are logged as tags ({type(error).__name__}: {str(error)[:200]})")
            for name, value in values.items():
                self._client.set_tag(self.run_id, name, value)

    @harmless
    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Logs metrics at once."""
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        self._client.log_batch(self.run_id, metrics=[Metric(*item, now_ms, step) for item in values.items()])

    @harmless
    def end(self, status: str) -> None:
        """Ends the run if it was started here; a failed one also if it still is the active run."""
        active = mlflow().active_run()
        if active is not None and active.info.run_id == self.run_id and (self._is_own or status != "FINISHED"):
            mlflow().end_run(status)


def mlflow() -> Any:
    """The library; a ``MissingExtraError`` where it is not installed."""
    try:
        import mlflow as library
    except ImportError as error:
        raise MissingExtraError("mlflow is not installed: pip install 'foretune[callback]'") from error
    return library
