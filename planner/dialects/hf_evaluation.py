"""Evaluation during a run of Hugging Face's Trainer: how often, and how many tokens."""

from planner.dialects.actuals import steps_of
from planner.dialects.draft import Draft
from planner.dialects.facts import RunFacts
from planner.dialects.params import Params

LOOKED_FOR = "params eval_strategy, eval_steps; metrics eval_samples_per_second x eval_runtime; tokens of a sample"


def settle_evaluation(facts: RunFacts, params: Params, draft: Draft) -> None:
    """Sets the evaluation once the tokens of a sample are known; samples are those of the last evaluation."""
    strategy = params.text("eval_strategy") or params.text("evaluation_strategy") or ""
    strategy = strategy.lower().rpartition(".")[2]
    if strategy == "no":
        draft.unknown("evaluation", "param eval_strategy = no: there is none")
        return
    every, per_second, runtime = (
        _every_steps(strategy, facts, params),
        facts.positive("eval_samples_per_second"),
        facts.positive("eval_runtime"),
    )
    per_sample = draft.get("mean_tokens_per_sample") or draft.get("seq_len")
    if every is None or per_second is None or runtime is None or per_sample is None:
        draft.unknown("evaluation", LOOKED_FOR)
        return
    tokens = max(round(round(per_second * runtime) * per_sample * draft.sequences_per_sample), 1)
    draft.offer("evaluation", {"every_steps": every, "tokens": tokens}, "inferred", LOOKED_FOR)


def _every_steps(strategy: str, facts: RunFacts, params: Params) -> int | None:
    steps, epochs = steps_of(facts), facts.positive("epoch")
    if strategy == "epoch" and steps and epochs:
        return max(round(steps / epochs), 1)
    every = params.number("eval_steps") or params.number("logging_steps")
    if strategy != "steps" or every is None or every <= 0:
        return None
    whole = params.integer("max_steps")
    total = whole if whole and whole > 0 else steps
    if every >= 1:
        return int(every)
    return max(round(every * total), 1) if total else None
