"""torchtune (0.2 to 0.6): names with dots (``model.lora_rank``), flattened, as dictionaries in text, or as its file."""

from planner.catalog.load import Catalog
from planner.dialects.draft import Draft
from planner.dialects.facts import RunFacts
from planner.dialects.named_fields import Named, put_named, when
from planner.dialects.params import Params
from planner.dialects.torchtune_model import PREFIXES, read_torchtune_spec
from planner.domain.model_spec import ModelSpec
from planner.domain.training_run import OriginKind
from planner.errors import InputError
from planner.units import GIB

NAME = "torchtune"
OPTIMIZERS = {
    "torch.optim.adamw": "adamw", "torch.optim.sgd": "sgd", "bitsandbytes.optim.pagedadamw8bit": "adamw_8bit",
    "bitsandbytes.optim.adamw8bit": "adamw_8bit", "bitsandbytes.optim.pagedadamw": "paged_adamw_32bit",
    "torchao.optim.adamw8bit": "adamw_8bit", "transformers.adafactor": "adafactor",
}  # fmt: skip
MODULES = {"output_proj": "o_proj", "q_proj": "q_proj", "k_proj": "k_proj", "v_proj": "v_proj"}
METHODS = {"full": "full", "lora": "lora", "qlora": "qlora", "dora": "lora", "qdora": "qlora"}
MLP = ("gate_proj", "up_proj", "down_proj")
PEAKS = {"actual.peak_allocated_bytes": "peak_memory_alloc", "actual.peak_reserved_bytes": "peak_memory_reserved"}


def recognises(facts: RunFacts) -> bool:
    return recognises_file(Params(facts.params))


def describe(facts: RunFacts, params: Params, draft: Draft) -> None:
    """Fills the draft with what is logged under torchtune's names."""
    _configuration(params, draft, "logged", "param")
    draft.put(
        "max_steps", _steps(facts, params), "logged", "step of the metric loss, param max_steps_per_epoch x epochs"
    )
    _actuals(facts, draft)


def recognises_file(config: Params) -> bool:
    return (config.text("model._component_") or "").startswith("torchtune.")


def describe_file(config: Params, draft: Draft, place: str) -> None:
    """Fills the draft from a configuration of torchtune, kept beside its checkpoints."""
    _configuration(config, draft, "artifact", f"{place}:")


def _configuration(params: Params, draft: Draft, kind: OriginKind, place: str) -> None:
    component = (params.text("model._component_") or "").rpartition(".")[2]
    method = component.partition("_")[0] if component.startswith(PREFIXES) else "full"
    rule = f"{place} model._component_ = {component[:80]}"
    draft.put("model", _model(params, draft.catalog), kind, f"{rule}, looked up in the catalog, or its sizes")
    draft.put("method", METHODS.get(method), kind, rule)
    if "dora" in method:
        draft.put("adapter", "dora", kind, rule)
    if method in ("qlora", "qdora"):
        draft.put(
            "base_quantization", "nf4_dq", "inferred", f"{rule}: torchtune quantises to NF4 with double quantisation"
        )
    draft.put("lora.rank", params.integer("model.lora_rank"), kind, f"{place} model.lora_rank")
    targets = [MODULES[word] for word in params.words("model.lora_attn_modules") if word in MODULES]
    targets += MLP if params.flag("model.apply_lora_to_mlp") else ()
    draft.put("lora.targets", tuple(targets) or None, kind, f"{place} model.lora_attn_modules, model.apply_lora_to_mlp")
    draft.put("micro_batch_size", params.integer("batch_size"), kind, f"{place} batch_size")
    draft.put(
        "gradient_accumulation_steps",
        params.integer("gradient_accumulation_steps"),
        kind,
        f"{place} gradient_accumulation_steps",
    )
    draft.put("seq_len", params.integer("tokenizer.max_seq_len"), kind, f"{place} tokenizer.max_seq_len")
    packed = params.flag("dataset.packed")
    draft.put(
        "batching", None if packed is None else "packed" if packed else "dynamic", kind, f"{place} dataset.packed"
    )
    draft.put("epochs", params.number("epochs"), kind, f"{place} epochs")
    optimizer = (params.text("optimizer._component_") or "").lower()
    fused = optimizer == "torch.optim.adamw" and params.flag("optimizer.fused")
    draft.put(
        "optimizer",
        "adamw_fused" if fused else OPTIMIZERS.get(optimizer),
        kind,
        f"{place} optimizer._component_ = {optimizer[:60]}",
    )
    draft.put("precision", params.text("dtype"), kind, f"{place} dtype: weights and compute alike")
    _activations(params, draft, kind, place)
    loss = (params.text("loss._component_") or "").lower()
    kinds = (
        ("linearcrossentropy", "fused_linear_ce"),
        ("chunkedoutput", "chunked_ce"),
        ("crossentropyloss", "full_logits"),
    )
    draft.put("loss", next((ours for word, ours in kinds if word in loss), None), kind, f"{place} loss._component_")
    put_named(params, draft, (Named("compiler", ("compile",), when("torch_compile", "none")),), kind=kind, place=place)
    draft.put("framework", "torchtune", "inferred", rule)


def _activations(params: Params, draft: Draft, kind: OriginKind, place: str) -> None:
    checkpointed, offloaded = (
        params.flag("enable_activation_checkpointing"),
        params.flag("enable_activation_offloading"),
    )
    how = (
        None
        if checkpointed is None
        else "offloaded"
        if checkpointed and offloaded
        else "full"
        if checkpointed
        else "none"
    )
    draft.put(
        "activation_checkpointing",
        how,
        kind,
        f"{place} enable_activation_checkpointing, enable_activation_offloading",
    )


def _actuals(facts: RunFacts, draft: Draft) -> None:
    speed = facts.positive("tokens_per_second_per_gpu")
    draft.put(
        "actual.tokens_per_s_per_accelerator", speed, "logged", "metric tokens_per_second_per_gpu, its last value"
    )
    for field, metric in PEAKS.items():
        peak_gib = facts.positive(metric)
        draft.put(field, None if peak_gib is None else peak_gib * GIB, "logged", f"metric {metric} (GiB)")
    point = facts.metrics.get("loss")
    draft.put("actual.steps", point.step if point else None, "logged", "step of the metric loss")


def _steps(facts: RunFacts, params: Params) -> int | None:
    per_epoch, epochs = params.integer("max_steps_per_epoch"), params.number("epochs")
    if per_epoch and epochs:
        return round(per_epoch * epochs)
    point = facts.metrics.get("loss")
    return point.step if point is not None and facts.status == "FINISHED" else None


def _model(params: Params, catalog: Catalog) -> ModelSpec | None:
    """The model that the component builds, by its name or by the sizes it was given."""
    try:
        return read_torchtune_spec(
            Params({name: str(value) for name, value in params.nested("model").items()}), catalog
        )
    except InputError:
        return None
