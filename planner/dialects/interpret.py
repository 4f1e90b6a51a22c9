"""From the facts of a run to a training run: which dialect speaks, what it says, what follows from it."""

from collections.abc import Sequence
from typing import Any, get_args

from pydantic import ValidationError

from planner.catalog.load import Catalog
from planner.dialects import planner_contract
from planner.dialects.actuals import read_durations, read_trainer_actuals, steps_of
from planner.dialects.artifact_files import read_artifacts
from planner.dialects.device_usage import read_device_usage
from planner.dialects.draft import CONFIG_FIELDS, MAY_BE_UNKNOWN, NESTED, OF_THE_RUN, Draft
from planner.dialects.facts import RunFacts
from planner.dialects.failure import read_failure
from planner.dialects.hf_evaluation import settle_evaluation
from planner.dialects.hf_precision import settle_precision
from planner.dialects.infer_hardware import infer_cluster, infer_ranks
from planner.dialects.infer_length import Inferred, infer_length
from planner.dialects.lineage import read_lineage
from planner.dialects.params import Params
from planner.dialects.read_phases import read_phases
from planner.dialects.registry import recognised
from planner.dialects.saved_files import read_saved_files
from planner.domain.programme import HardwareRule
from planner.domain.run_config import RunConfig
from planner.domain.training_run import Actual, Origin, RunStatus, TrainingRun

NEEDED = {
    "model": "the base model",
    "cluster": "the hardware (add a rule under sources.hardware in foretune.yaml)",
    "micro_batch_size": "the micro batch size",
    "seq_len": "the sequence length",
}
"""Without one of these no estimate can be made."""

UNREADABLE = "what it logged cannot be read"
COUNTED_TOKENS = ("num_input_tokens_seen", "num_tokens")
HAVE_A_DEFAULT = (set(CONFIG_FIELDS) - MAY_BE_UNKNOWN) | {
    f"{owner}.{part}"
    for owner, kind in NESTED.items()
    for part, field in kind.model_fields.items()
    if type(None) not in get_args(field.annotation)
}


def interpret(facts: RunFacts, catalog: Catalog, hardware: Sequence[HardwareRule] = ()) -> TrainingRun:
    """The run as far as it can be understood; never an error: what cannot be read is unknown, ``origins`` say why."""
    draft = Draft(catalog)
    dialect, problem = "unknown", planner_contract.stated_problem(facts)
    try:
        dialect = _describe(facts, draft, hardware)
    except Exception as error:  # whatever a stranger logged must not stop the other runs
        problem = f"{UNREADABLE}: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    try:
        config = draft.config(_name(facts))
        problem = problem or _problem(draft, dialect)
    except ValidationError as error:
        config = RunConfig(name=_name(facts), optimizer=None, gradient_accumulation_steps=None)
        problem = (
            f"what it logged contradicts itself: {error.errors(include_url=False, include_input=False)[0]['msg'][:300]}"
        )
    known_status = facts.status in get_args(RunStatus)
    return TrainingRun.model_validate(
        {
            "run_id": facts.run_id,
            "source": facts.source,
            "experiment": facts.experiment,
            "name": _name(facts),
            "status": facts.status if known_status else "FAILED",
            "started_at": facts.started_at,
            "ended_at": facts.ended_at,
            "dialect": dialect,
            "config": config,
            "actual": draft.actual(),
            "origins": _origins(draft),
            **{field: draft.get(field) for field in OF_THE_RUN},
            "told": planner_contract.stated_estimate(facts),
            "sample_lengths": planner_contract.stated_lengths(facts),
            "problem": problem if known_status else f"status {facts.status[:40]!r} is none of MLflow's",
        }
    )


def _describe(facts: RunFacts, draft: Draft, hardware: Sequence[HardwareRule]) -> str:
    """Fills the draft; the name of the dialect."""
    params = Params(facts.params)
    read_durations(facts, draft)
    read_lineage(facts, params, draft)
    spoken = recognised(facts)
    for module in spoken:
        module.describe(facts, params, draft)
    read_artifacts(facts, draft)
    names = [module.NAME for module in spoken]
    says_itself = planner_contract.recognises(facts)
    if says_itself:
        planner_contract.describe(facts, draft)
        names.append(planner_contract.NAME)
    dialect = "+".join(names) or "unknown"
    if draft.get("method") == "qlora" and draft.get("base_quantization") == "none":
        draft.drop("base_quantization", "method qlora: some 4-bit format, no param says which")
    ranks, ranks_rule = infer_ranks(facts, params, draft)
    infer_cluster(facts, params, draft, rules=hardware, ranks=(ranks, ranks_rule))
    _settle_sharding(draft, ranks)
    found = _length(facts, params, draft, ranks)
    _use(found, facts, draft, ranks)
    settle_precision(params, draft)
    read_saved_files(facts, draft)
    if dialect.startswith("hf_trainer"):
        settle_evaluation(facts, params, draft)
        read_trainer_actuals(facts, params, draft, found.tokens, found.rule)
    read_phases(facts, params, draft)
    read_device_usage(facts, draft)
    read_failure(facts, draft)
    if says_itself:
        planner_contract.read_actuals(facts, draft)
    if facts.bill_usd is not None:
        draft.put("actual.cost_usd", facts.bill_usd, "logged", f"cloud bill: {facts.num_charges} charges tagged for it")
    return dialect


def _settle_sharding(draft: Draft, ranks: int | None) -> None:
    """One rank shards nothing; with more, a launcher may shard without a word in the params."""
    if ranks == 1:
        draft.offer("parallelism.zero_stage", 0, "inferred", "one rank: nothing to divide")
    draft.unknown("parallelism.zero_stage", "params fsdp, deepspeed; a launcher may set either without logging it")


def _samples(facts: RunFacts, draft: Draft, ranks: int | None) -> float | None:
    """Sequences fed by all ranks up to the last step."""
    steps, micro, accumulation = (
        steps_of(facts),
        draft.get("micro_batch_size"),
        draft.get("gradient_accumulation_steps"),
    )
    if not (steps and micro and accumulation and ranks):
        return None
    return float(steps * micro * accumulation * ranks * draft.sequences_per_sample)


def _length(facts: RunFacts, params: Params, draft: Draft, ranks: int | None) -> Inferred:
    flop, model = facts.positive("total_flos"), draft.get("model")
    if draft.get("objective") == "reward":
        flop = None  # its head has one output: the parameters counted are not those of the model
    step = facts.metrics["total_flos"].step if "total_flos" in facts.metrics else None
    counted = {
        name: facts.positive(name)
        for name in COUNTED_TOKENS
        if name in facts.metrics and facts.metrics[name].step == step
    }
    tokens = next((value for value in counted.values() if value), None)
    samples = _samples(facts, draft, ranks)
    if flop is None or model is None:
        if tokens and samples:
            return Inferred(rule="logged tokens / samples", tokens=tokens, seq_len=max(round(tokens / samples), 1))
        return Inferred(
            rule="metrics total_flos, num_input_tokens_seen, num_tokens, and the model's dimensions", tokens=tokens
        )
    says_all = (params.text("include_num_input_tokens_seen") or "").lower() in ("all", "true")
    return infer_length(
        model,
        flop,
        samples=samples,
        logged_tokens=tokens,
        logged_without_padding=not (says_all and "num_input_tokens_seen" in counted),
    )


def _use(found: Inferred, facts: RunFacts, draft: Draft, ranks: int | None) -> None:
    """Offers what was inferred to the fields that nothing was logged for."""
    values: dict[str, Any] = {
        "seq_len": found.seq_len,
        "method": found.method,
        "trainable_params": found.trainable_params if found.method != "full" else None,
        "lora.rank": found.rank,
        "lora.targets": found.targets,
        "batching": _batching(found),
    }
    for field, value in values.items():
        draft.offer(field, value, "inferred", found.rule)
        draft.unknown(field, found.rule)
    samples = _samples(facts, draft, ranks)
    if found.tokens and samples and not found.seq_len_is_exact:
        draft.offer("mean_tokens_per_sample", found.tokens / samples, "inferred", found.rule)
    steps = steps_of(facts)
    if facts.status == "FINISHED" and draft.get("train_tokens") is None:
        draft.offer("max_steps", steps, "inferred", "the step that the finished run reached")


def _batching(found: Inferred) -> str | None:
    """Where every sample fed a whole ``seq_len``: packed if no padding was counted, else of one padded length."""
    if not found.seq_len_is_exact:
        return None
    return "packed" if found.every_token_counts else "padded"


def _problem(draft: Draft, dialect: str) -> str | None:
    if dialect == "unknown":
        return "no known training framework logged it: none of its params is one that foretune reads"
    for field, what in NEEDED.items():
        if draft.get(field) is None:
            origin = draft.origins.get(field)
            return f"{what} is not known; looked for: {origin.rule if origin else field}"
    if all(draft.get(field) is None for field in ("max_steps", "train_tokens", "epochs")):
        return "how long it trains is not known; looked for: max_steps, epochs, tokens"
    return None


def _origins(draft: Draft) -> dict[str, Origin]:
    """Every field of config and actual that has one value; those nobody looked at are unknown too."""
    fields = [
        *(name for name in CONFIG_FIELDS if name not in NESTED),
        *(f"{owner}.{part}" for owner, kind in NESTED.items() for part in kind.model_fields),
        *(f"actual.{name}" for name in Actual.model_fields),
        *OF_THE_RUN,
    ]
    nothing = Origin(kind="unknown", rule="no param, metric or tag that is read says so")
    has_lora = any(draft.get(f"lora.{part}") is not None for part in NESTED["lora"].model_fields)
    defaulted = {field for field in HAVE_A_DEFAULT if has_lora or not field.startswith("lora.")}
    usual = Origin(kind="inferred", rule="what training libraries do when nothing is said")
    found = {field: usual if field in defaulted else nothing for field in fields}
    for field, origin in draft.origins.items():
        takes_default = origin.kind == "unknown" and field in defaulted
        found[field] = Origin(kind="inferred", rule=f"{usual.rule}; {origin.rule}") if takes_default else origin
    return dict(sorted(found.items()))


def _name(facts: RunFacts) -> str:
    return (facts.name.strip() or facts.run_id)[:500]
