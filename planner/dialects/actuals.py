"""What a run used, from its times and metrics. Names are those of Hugging Face's Trainer, where no other is said."""

from planner.dialects.draft import Draft
from planner.dialects.facts import RunFacts
from planner.dialects.params import Params

STEP_METRICS = ("train_runtime", "total_flos", "train_loss", "loss")
"""Metrics logged at the trainer's global step, the last one first."""


def steps_of(facts: RunFacts) -> int | None:
    """The global step that the run reached."""
    for name in STEP_METRICS:
        point = facts.metrics.get(name)
        if point is not None and point.step is not None and point.step > 0:
            return point.step
    return None


def read_durations(facts: RunFacts, draft: Draft) -> None:
    """Duration of the run, whatever logged it."""
    if facts.started_at is None or facts.ended_at is None:
        draft.unknown("actual.duration_s", "start and end of the run")
        return
    duration_s = (facts.ended_at - facts.started_at).total_seconds()
    if duration_s < 0:
        draft.unknown("actual.duration_s", f"the run ends {-duration_s:.0f} s before it starts")
        return
    draft.put("actual.duration_s", duration_s, "logged", "end minus start of the run")


def read_trainer_actuals(facts: RunFacts, params: Params, draft: Draft, tokens: float | None, tokens_rule: str) -> None:
    """Loop time, steps, tokens and speed. ``tokens``: fed by all ranks in the whole run, padding included."""
    steps, train_s = steps_of(facts), facts.positive("train_runtime")
    duration_s = draft.get("actual.duration_s")
    draft.put("actual.train_s", train_s, "logged", "metric train_runtime")
    _count_checkpoints(params, draft, steps)
    draft.put("actual.steps", steps, "logged", f"step of the metrics {', '.join(STEP_METRICS)}")
    draft.put("actual.flop", facts.positive("total_flos"), "logged", "metric total_flos")
    draft.put("actual.tokens", tokens, "inferred", tokens_rule)
    if duration_s is not None and train_s is not None:
        outside_s = duration_s - train_s
        draft.put(
            "actual.start_up_s",
            outside_s if outside_s >= 0 else None,
            "inferred",
            "duration minus train_runtime: what the run spent before and after training",
        )
    if "resume_from_checkpoint" in params:
        draft.unknown(
            "actual.step_time_s", "param resume_from_checkpoint: steps before the restart took none of train_runtime"
        )
        return
    if train_s is None or not steps:
        draft.unknown("actual.step_time_s", "metrics train_runtime, total_flos")
        return
    rule = "train_runtime"
    if duration_s is not None and duration_s < train_s:
        train_s, rule = duration_s, "duration (train_runtime began before the run)"
    draft.put("actual.step_time_s", train_s / steps or None, "inferred", f"{rule} / steps")
    cluster = draft.get("cluster")
    if tokens and cluster is not None:
        draft.put(
            "actual.tokens_per_s_per_accelerator",
            tokens / train_s / cluster.count if train_s else None,
            "inferred",
            f"tokens / {rule} / accelerators",
        )
    else:
        draft.unknown("actual.tokens_per_s_per_accelerator", "tokens, train_runtime and the number of accelerators")


def _count_checkpoints(params: Params, draft: Draft, steps: int | None) -> None:
    """Written up to the step reached; a run that finished also saved at its last step."""
    strategy = (params.text("save_strategy") or "").lower().rpartition(".")[2]
    every = draft.get("checkpoints.every_steps")
    if strategy == "no":
        draft.put("actual.num_checkpoints", 0, "logged", "param save_strategy = no")
    elif every and steps and draft.get("actual.train_s") is not None:
        draft.put("actual.num_checkpoints", -(-steps // every), "inferred", "steps / save_steps, and the last step")
    else:
        draft.unknown("actual.num_checkpoints", "params save_strategy, save_steps; steps reached")
