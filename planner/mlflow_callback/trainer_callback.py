"""The callback for Trainer of transformers, and for all that builds on it."""

import atexit
import sys
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from planner.catalog.load import load_catalog
from planner.dialects.draft import Draft
from planner.dialects.planner_contract import put_config
from planner.mlflow_callback.dataset_lengths import read_lengths
from planner.mlflow_callback.harmless import harmless
from planner.mlflow_callback.live_devices import put_cluster, put_count
from planner.mlflow_callback.run_log import mlflow
from planner.mlflow_callback.trainer_config import (
    evaluates_every,
    fed_tokens,
    micro_batch_size,
    put_batching,
    trainer_draft,
)
from planner.mlflow_callback.training_log import TrainingLog, cause_of


class PlannerCallback(TrainerCallback):
    """``trainer.add_callback(PlannerCallback())`` logs what an estimate can learn from.

    It writes into the run of transformers' own MLflow callback, or into one of its own where that is off. Fields of a
    run that no process can know, or that it gets wrong, are given by name:
    ``PlannerCallback(cluster={"accelerator": "a100-sxm-80gb", "region": "eu"})``. ``config_path`` names the programme
    whose learnt corrections the estimate takes; None makes no estimate.

    Raises ``MissingExtraError`` where MLflow is not installed, and otherwise no error of its own.
    """

    def __init__(self, *, config_path: Path | str | None = "foretune.yaml", **fields: Any) -> None:
        mlflow()
        self._given = fields
        self._config_path = None if config_path is None else Path(config_path)
        self._training: TrainingLog | None = None
        self._has_evaluated = False
        self._flop_at_first = 0.0
        self._flop_per_token: float | None = None
        self._tokens_at_first = 0

    @harmless
    def on_train_begin(self, args: Any, state: Any, _control: Any, **kwargs: Any) -> None:
        if self._training is not None and self._training.clock.step == state.global_step:
            return  # begun again with smaller batches: it is the same training
        self._training = TrainingLog.begin(name=args.run_name)
        self._has_evaluated = False
        atexit.register(self._broken_off)
        model = kwargs.get("model")
        self._flop_at_first, self._tokens_at_first = state.total_flos, state.num_input_tokens_seen
        if self._training.run is not None:
            self._flop_per_token = _flop_per_token(model)
            self._describe(self._training, args, state, model, kwargs)

    @harmless
    def on_step_begin(self, _args: Any, state: Any, _control: Any, **_kwargs: Any) -> None:
        if self._training is not None:
            self._training.clock.begin_step(state.global_step)

    @harmless
    def on_step_end(self, _args: Any, state: Any, _control: Any, **_kwargs: Any) -> None:
        if self._training is not None:
            self._training.clock.end_step(state.global_step)
            self._training.peaks.sample()

    @harmless
    def on_log(self, _args: Any, _state: Any, _control: Any, **kwargs: Any) -> None:
        is_evaluation = any(name.endswith("_runtime") and name != "train_runtime" for name in kwargs.get("logs") or ())
        if self._training is not None and not is_evaluation:
            self._training.clock.other_event()

    @harmless
    def on_evaluate(self, args: Any, state: Any, _control: Any, **kwargs: Any) -> None:
        if self._training is None:
            return
        self._training.clock.evaluated()
        loader = kwargs.get("eval_dataloader")
        if not self._has_evaluated and self._training.run is not None and loader is not None:
            self._has_evaluated = True
            config = self._training.config
            if (found := read_lengths(loader.dataset, config.seq_len if config else None)) is not None:
                tokens = fed_tokens(found, found.lengths.longest, args.per_device_eval_batch_size)
                self._training.say(evaluation_every_steps=evaluates_every(args, state), evaluation_tokens=tokens)
        self._training.clock.other_event()

    @harmless
    def on_save(self, args: Any, state: Any, _control: Any, **_kwargs: Any) -> None:
        if self._training is not None:
            self._training.saved(Path(args.output_dir) / f"checkpoint-{state.global_step}")

    @harmless
    def on_train_end(self, args: Any, state: Any, _control: Any, **_kwargs: Any) -> None:
        training, self._training = self._training, None
        if training is None:
            return
        atexit.unregister(self._broken_off)
        self._count_tokens(training, state)
        micro = micro_batch_size(args, state)
        if training.config is not None and micro != training.config.micro_batch_size:
            training.say(micro_batch_size=micro)
        training.finish()

    def _describe(self, training: TrainingLog, args: Any, state: Any, model: Any, kwargs: dict[str, Any]) -> None:
        catalog = load_catalog()
        draft, given = Draft(catalog), dict(self._given)
        trainer_draft(draft, args, state, model, kwargs.get("optimizer"), training.num_ranks)
        devices = getattr(args, "n_gpu", 1) if training.num_ranks == 1 else 1
        device = put_cluster(
            draft,
            getattr(training.torch, "cuda", None),
            num_ranks=training.num_ranks,
            devices_per_rank=devices,
            on_cpu=getattr(args.device, "type", "") == "cpu",
        )
        loader: Any = kwargs.get("train_dataloader")
        lengths = read_lengths(getattr(loader, "dataset", None), draft.get("seq_len"))
        if lengths is not None:
            put_batching(draft, lengths, loader.collate_fn)
        put_count(draft, given)
        put_config(given, "logged", "given to PlannerCallback", draft)
        training.describe(
            draft,
            catalog,
            lengths=lengths.summary() if lengths else None,
            device=device,
            config_path=self._config_path,
        )

    def _count_tokens(self, training: TrainingLog, state: Any) -> None:
        """The trainer counts FLOPs of all ranks by the tokens it feeds, so these give the tokens back exactly."""
        flop = state.total_flos - self._flop_at_first
        if flop > 0:
            training.flop = flop
        if flop > 0 and self._flop_per_token:
            training.tokens = round(flop / self._flop_per_token)
        else:
            training.tokens = state.num_input_tokens_seen - self._tokens_at_first

    @harmless
    def _broken_off(self) -> None:
        """When the process ends in the middle of a training."""
        training, self._training = self._training, None
        if training is not None:
            error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
            training.finish("FAILED" if error is not None else "KILLED", cause_of(error))


def _flop_per_token(model: Any) -> float | None:
    """What the trainer adds up for a token: 6 x parameters without embeddings (transformers 5)."""
    count = getattr(model, "num_parameters", None)
    return None if count is None else 6.0 * count(exclude_embeddings=True) or None
