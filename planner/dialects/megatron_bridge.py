"""Megatron-Bridge (0.1 to 0.3) and NeMo 1.x: sections with dots or slashes, or as dictionaries in text.

Names from their sources: ``ConfigContainer`` of Megatron-Bridge, ``model.*`` and ``trainer.*`` of NeMo's exp_manager
(which cuts values at 250 characters). World size follows from the FLOP/s logged of the run and of one device.
"""

from collections.abc import Iterable

from planner.dialects.draft import Draft
from planner.dialects.facts import RunFacts
from planner.dialects.hf_model import flattened
from planner.dialects.litgpt import dotted
from planner.dialects.megatron_model import read_megatron_spec, recognises_spec
from planner.dialects.named_fields import Named, flag, integer, one_of, put_named, when
from planner.dialects.params import Params
from planner.domain.model_spec import ModelSpec
from planner.errors import InputError

NAME = "megatron-bridge"
SIGN = "model.tensor_model_parallel_size"
SECTIONS = ("model", "train", "trainer", "optimizer", "checkpoint", "ddp", "peft", "validation", "dataset")
PRECISIONS = {"bf16_mixed": "bf16-mixed", "bf16-mixed": "bf16-mixed", "bf16": "bf16-mixed", "16-mixed": "fp16-mixed",
              "fp16_mixed": "fp16-mixed", "32": "fp32", "fp32": "fp32"}  # fmt: skip
FIELDS = (
    Named("seq_len", ("model.seq_length", "dataset.seq_length", "model.encoder_seq_length"), integer),
    Named("micro_batch_size", ("train.micro_batch_size", "model.micro_batch_size"), integer),
    Named("max_steps", ("train.train_iters", "trainer.max_steps"), integer),
    Named("parallelism.tp", (SIGN,), integer),
    Named("parallelism.pp", ("model.pipeline_model_parallel_size",), integer),
    Named("parallelism.cp", ("model.context_parallel_size",), integer),
    Named("parallelism.ep", ("model.expert_model_parallel_size",), integer),
    Named("parallelism.virtual_stages", ("model.virtual_pipeline_model_parallel_size",), integer),
    Named("parallelism.pipeline_schedule", ("model.virtual_pipeline_model_parallel_size",),
          lambda params, name: "interleaved" if (params.integer(name) or 1) > 1 else None),
    Named("parallelism.sequence_parallel", ("model.sequence_parallel",), flag),
    Named("parallelism.zero_stage", tuple(f"{owner}.use_distributed_optimizer" for owner in ("ddp", "optimizer")),
          when(1, 0)),
    Named("activation_checkpointing", ("model.recompute_granularity", "model.activations_checkpoint_granularity"),
          one_of({"full": "full", "selective": "selective"})),
    Named("precision", ("mixed_precision", "trainer.precision"), one_of(PRECISIONS)),
    Named("optimizer", ("optimizer.optimizer",), one_of({"adam": "adamw", "sgd": "sgd", "muon": "muon"})),
    Named("checkpoints.every_steps", ("checkpoint.save_interval",), integer),
    Named("checkpoints.asynchronous", ("checkpoint.async_save",), flag),
    Named("lora.rank", ("peft.dim", "model.peft.lora_tuning.adapter_dim"), integer),
)  # fmt: skip
MODULES = {
    "linear_qkv": ("q_proj", "k_proj", "v_proj"), "linear_proj": ("o_proj",), "linear_fc1": ("gate_proj", "up_proj"),
    "linear_fc2": ("down_proj",),
}  # fmt: skip
"""Megatron's fused modules; one adapter of a fused module has fewer parameters than one of each of its parts."""
SPEEDS = ("throughput/tflops", "throughput/tflops_per_device")


def recognises(facts: RunFacts) -> bool:
    return SIGN in _whole(facts)


def describe(facts: RunFacts, params: Params, draft: Draft) -> None:
    """Fills the draft with what is logged under the names of Megatron-Bridge and NeMo."""
    params = _whole(facts)
    model = _model(params)
    draft.put("model", model, "logged", "params model: num_layers, hidden_size, num_attention_heads, ...")
    put_named(params, draft, FIELDS)
    modules = [module for module in params.words("peft.target_modules") if module in MODULES]
    if draft.get("lora.rank") is not None or modules:
        draft.put("method", "lora", "logged", "params peft")
        draft.put(
            "lora.targets",
            tuple(name for module in MODULES if module in modules for name in MODULES[module]) or None,
            "logged",
            "param peft.target_modules",
        )
        rank = draft.get("lora.rank")
        if model is not None and rank is not None and modules:
            size = fused_adapter_params(model, modules, rank)
            draft.put("trainable_params", size, "inferred", "rank x (input + output width) of each fused module")
    elif "peft" not in params and not params.nested("peft"):
        draft.put("method", "full", "inferred", "no params peft")
    whole, each = (facts.positive(name) for name in SPEEDS)
    nodes, per_node = integer(params, "trainer.num_nodes"), integer(params, "trainer.devices")
    if whole and each and round(whole / each) >= 1:
        draft.devices = (round(whole / each), f"metrics {SPEEDS[0]} / {SPEEDS[1]}")
    elif per_node:
        draft.devices = (per_node * (nodes or 1), "params trainer/devices x trainer/num_nodes")
    _accumulation(params, draft)
    draft.put("framework", NAME, "inferred", f"param {SIGN}")


def fused_adapter_params(model: ModelSpec, modules: Iterable[str], rank: int) -> int:
    """Parameters of a LoRA adapter on Megatron's fused modules: rank x (input + output width), all layers."""
    fc1 = model.ffn_dim * (2 if model.gated_mlp else 1)
    widths = {
        "linear_qkv": model.hidden_dim + model.q_dim + 2 * model.kv_dim,
        "linear_proj": model.q_dim + model.hidden_dim,
        "linear_fc1": model.hidden_dim + fc1,
        "linear_fc2": model.ffn_dim + model.hidden_dim,
    }
    return rank * model.num_layers * sum(widths[module] for module in set(modules))


def _whole(facts: RunFacts) -> Params:
    given = dotted(facts)
    sections = flattened({name: Params(given).nested(name) for name in SECTIONS})
    return Params({**given, **sections})


def _model(params: Params) -> ModelSpec | None:
    content = params.nested("model")
    try:
        return read_megatron_spec(content, name="megatron") if recognises_spec(content) else None
    except InputError:
        return None


def _accumulation(params: Params, draft: Draft) -> None:
    whole = integer(params, "train.global_batch_size") or integer(params, "model.global_batch_size")
    micro, sizes = draft.get("micro_batch_size"), [draft.get(f"parallelism.{part}") or 1 for part in ("tp", "pp", "cp")]
    rule = "global_batch_size / (micro_batch_size x data parallel ranks)"
    if whole and micro and draft.devices:
        ranks, left = divmod(draft.devices[0], sizes[0] * sizes[1] * sizes[2])
        if not left and ranks and whole % (ranks * micro) == 0:
            draft.put("gradient_accumulation_steps", whole // (ranks * micro), "inferred", rule)
            return
    draft.unknown("gradient_accumulation_steps", rule)
