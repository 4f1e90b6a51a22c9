"""A training as it is logged, and the way to log one of your own: what it is, what was expected, what it used."""

import itertools
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from planner.catalog.load import Catalog, load_catalog
from planner.dialects.draft import Draft
from planner.dialects.planner_contract import put_config
from planner.dialects.planner_contract_writing import (
    actual_metrics,
    config_params,
    estimate_params,
    failure_params,
    field_params,
    length_params,
)
from planner.domain.run_config import RunConfig
from planner.domain.sample_lengths import SampleLengths
from planner.domain.training_run import Actual, Failure
from planner.mlflow_callback.dataset_lengths import DatasetLengths, read_lengths
from planner.mlflow_callback.estimate_before import estimate_before
from planner.mlflow_callback.harmless import harmless
from planner.mlflow_callback.live_devices import put_cluster, put_count, rank_and_world
from planner.mlflow_callback.live_model import put_model
from planner.mlflow_callback.memory_peaks import MemoryPeaks
from planner.mlflow_callback.ranks import largest, leave, process_group_store
from planner.mlflow_callback.run_log import RunLog, mlflow
from planner.mlflow_callback.training_clock import TrainingClock

_trainings = itertools.count(1)
"""Trainings of this process: all ranks of a job count alike."""


@dataclass
class TrainingLog:
    """One training. Ranks other than the first log nothing themselves and only leave their peaks for it."""

    run: RunLog | None
    clock: TrainingClock
    peaks: MemoryPeaks
    torch: Any = None
    rank: int = 0
    num_ranks: int = 1
    config: RunConfig | None = None
    tokens: float = 0.0
    flop: float | None = None
    checkpoint_bytes: float | None = None
    _number: int = field(default_factory=lambda: next(_trainings))

    @classmethod
    def begin(cls, *, name: str | None = None) -> "TrainingLog":
        """Opens the run on the first rank and starts clock and peaks."""
        torch = sys.modules.get("torch")
        rank, num_ranks = rank_and_world(torch)
        run = RunLog.open(name) if rank == 0 else None
        clock = TrainingClock(run.started_s) if run is not None else TrainingClock(0.0)
        peaks = MemoryPeaks(getattr(torch, "cuda", None))
        peaks.start()
        return cls(run, clock, peaks, torch, rank, num_ranks)

    @harmless
    def describe(
        self,
        draft: Draft,
        catalog: Catalog,
        *,
        lengths: SampleLengths | None,
        device: str | None,
        config_path: Path | None,
    ) -> None:
        """Logs what is trained and what is expected of it; without ``config_path`` no estimate is made."""
        if self.run is None:
            return
        self.config = draft.config("run")
        self.run.params(
            config_params(self.config, catalog) | length_params(lengths) | field_params({"device_name": device})
        )
        if config_path is not None:
            self.run.params(estimate_params(estimate_before(self.config, config_path)))

    @harmless
    def say(self, **fields: Any) -> None:
        """Logs single fields of the configuration that were not known before: ``evaluation_tokens=4096``."""
        if self.run is not None:
            self.run.params(field_params(fields))

    @harmless
    def start(self) -> None:
        """The first step begins now; without this call it is taken to begin a steady step before its end."""
        self.clock.begin_step(self.clock.step)

    @harmless
    def step(self, tokens: float = 0.0) -> None:
        """An optimizer step has ended; ``tokens``: fed in it by all ranks together, padding included."""
        self.tokens += tokens
        self.clock.end_step(self.clock.step + 1)
        self.peaks.sample()

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Around an evaluation."""
        self.clock.other_event()
        try:
            yield
        finally:
            self.clock.evaluated()

    @contextmanager
    def saving(self, path: Path | str) -> Iterator[None]:
        """Around the writing of a checkpoint into the folder or file ``path``."""
        self.clock.other_event()
        try:
            yield
        finally:
            self.saved(path)

    @harmless
    def saved(self, path: Path | str) -> None:
        """A checkpoint was written since the last event."""
        self.clock.saved()
        if self.run is not None:
            self.checkpoint_bytes = max(size_bytes(Path(path)), self.checkpoint_bytes or 0.0)
        self.clock.other_event()

    @harmless
    def finish(self, status: str = "FINISHED", failure: Failure | None = None) -> None:
        """Logs what was used; ends the run where it was started here, or where the training failed."""
        figures = self.peaks.figures()
        store = process_group_store(self.torch) if self.num_ranks > 1 else None
        if self.run is None:
            if store is not None:
                leave(store, self._number, self.rank, figures)
            return
        if store is not None and status == "FINISHED":
            figures = largest(store, self._number, self.num_ranks, figures)
        actual = Actual.model_validate({**self._used(), **figures})
        self.run.metrics(actual_metrics(actual), self.clock.step)
        self.run.params(failure_params(failure))
        self.run.end(status)

    def _used(self) -> dict[str, float | None]:
        found = self.clock.figures()
        found |= {"checkpoint_bytes": self.checkpoint_bytes or None, "tokens": self.tokens or None, "flop": self.flop}
        cluster, train_s = None if self.config is None else self.config.cluster, found.get("train_s")
        if self.tokens and cluster is not None and train_s:
            found["tokens_per_s_per_accelerator"] = self.tokens / train_s / cluster.count
            if pace_s := found["steady_step_time_s"]:
                steady = self.tokens / self.clock.steps / pace_s / cluster.count
                found["steady_tokens_per_s_per_accelerator"] = steady
        return found


def size_bytes(path: Path) -> float:
    """Bytes of a file, or of all files in a folder."""
    if path.is_file():
        return float(path.stat().st_size)
    return float(sum(file.stat().st_size for file in path.rglob("*") if file.is_file()))


def cause_of(error: BaseException | None) -> Failure | None:
    """Why a training ended early, by the exception that ended it."""
    if error is None:
        return None
    if isinstance(error, KeyboardInterrupt):
        return "cancelled"
    is_memory = "OutOfMemory" in type(error).__name__ or "out of memory" in str(error).lower()
    return "oom" if is_memory or isinstance(error, MemoryError) else "crashed"


@contextmanager
def log_training(
    config: Mapping[str, Any] | None = None,
    *,
    model: Any = None,
    dataset: Any = None,
    config_path: Path | str | None = "foretune.yaml",
) -> Iterator[TrainingLog]:
    """Logs the training inside ``with`` into the active MLflow run, or into one of its own.

    ``config`` holds fields of a run as in ``run.yaml``: ``{"seq_len": 4096, "micro_batch_size": 2, ...}``. Dimensions,
    method, adapter and dtypes are read from a torch ``model``, lengths of samples from the rows of ``dataset`` (with
    ``input_ids``). Call ``step(tokens=...)`` after each optimizer step. ``config_path`` names the programme whose
    learnt corrections the estimate takes; None makes no estimate.

    Raises ``MissingExtraError`` where MLflow is not installed, and otherwise no error of its own.
    """
    mlflow()
    training = harmless(TrainingLog.begin)() or TrainingLog(None, TrainingClock(0.0), MemoryPeaks())
    _describe(training, dict(config or {}), model, dataset, None if config_path is None else Path(config_path))
    error: BaseException | None = None
    try:
        yield training
    except BaseException as raised:
        error = raised
        raise
    finally:
        status = "FINISHED" if error is None else "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
        training.finish(status, cause_of(error))


@harmless
def _describe(training: TrainingLog, given: dict[str, Any], model: Any, dataset: Any, config_path: Path | None) -> None:
    if training.run is None:
        return
    catalog = load_catalog()
    draft = Draft(catalog)
    cuda = getattr(training.torch, "cuda", None)
    device = put_cluster(draft, cuda, num_ranks=training.num_ranks)
    if model is not None:
        put_model(draft, model, autocast=None)
    lengths = read_lengths(dataset, given.get("seq_len")) if dataset is not None else None
    if lengths is not None:
        put_lengths(draft, lengths)
    if training.num_ranks == 1:
        draft.put("parallelism.zero_stage", 0, "logged", "one rank")
    put_count(draft, given)
    put_config(given, "logged", "given to log_training", draft)
    training.describe(
        draft, catalog, lengths=lengths.summary() if lengths else None, device=device, config_path=config_path
    )


def put_lengths(draft: Draft, found: DatasetLengths) -> None:
    """Rows, tokens and lengths of the training set; a known cap stays."""
    tokens = round(found.lengths.mean * found.rows) or None
    dataset = {"rows": found.rows, "tokens": tokens, "size_bytes": found.size_bytes}
    draft.put("dataset", dataset, "logged", "the training set")
    draft.offer("seq_len", found.lengths.longest or None, "logged", "the longest sample of the training set")
