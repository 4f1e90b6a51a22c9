"""From a configuration whose fields are all known to the numbers that formulas read."""

from typing import TypeVar

from planner.domain.layer_matrices import active_ffn_width
from planner.domain.run_config import RunConfig
from planner.domain.run_vocabulary import ActivationCheckpointing, LossKernel, Optimizer
from planner.errors import ConfigError, UnknownFieldError
from planner.estimator.adapter_size import NO_ADAPTER, adapter_size
from planner.estimator.elementwise import always, smaller, sometimes
from planner.estimator.memory_constants import MEMORY
from planner.estimator.params import count_params
from planner.estimator.software import (
    compiles,
    feeds_longest_first,
    keeps_adapter_fp32,
    loads_full_model,
    repeats_key_heads,
    software_class,
    upcasts_no_logits,
    uses_stock_kbit_preparation,
)
from planner.estimator.stored_formats import (
    BITSANDBYTES,
    DTYPE_BYTES,
    FROZEN_COPIES,
    HALF_PRECISION_RATIO,
    OPTIMIZER_STATES,
    PACKED,
    QUANTISED_BYTES,
    SEQUENCES_PER_SAMPLE,
)
from planner.estimator.trained_dtypes import trained_bytes
from planner.estimator.workload import Workload

T = TypeVar("T")

RECOMPUTED_RATIO: dict[ActivationCheckpointing, float] = {"none": 0.0, "selective": 0.5, "full": 1.0, "offloaded": 1.0}
MOST_TRAINED_RATIO = 1.1
"""Counts that were logged may hold what dimensions leave out."""


def known(value: T | None, field: str, why: str) -> T:
    """``value``, or an ``UnknownFieldError`` that names the field."""
    if value is None:
        raise UnknownFieldError(field, why)
    return value


def workload(config: RunConfig) -> Workload:
    """The numbers of a run whose fields are all known; raises ``UnknownFieldError`` for one that is not."""
    model = known(config.model, "model", "its dimensions decide memory and time")
    cluster = known(config.cluster, "cluster", "the accelerator decides what fits and how fast it is")
    method = known(config.method, "method", "full, lora, qlora or another adapter decides what is trained")
    precision = known(config.precision, "precision", "it decides the bytes of every tensor")
    optimizer: Optimizer = known(config.optimizer, "optimizer", "its states are part of memory")
    checkpointing: ActivationCheckpointing = known(
        config.activation_checkpointing, "activation_checkpointing", "it decides what is saved"
    )
    loss: LossKernel = known(config.loss, "loss", "it decides how often logits are held")
    attention = known(config.attention, "attention", "eager attention holds scores")
    seq_len = known(config.seq_len, "seq_len", "activations and attention grow with it")
    micro_batch = known(config.micro_batch_size, "micro_batch_size", "activations grow with it")
    accumulation = known(
        config.gradient_accumulation_steps, "gradient_accumulation_steps", "it decides tokens per step"
    )
    batching = known(config.batching, "batching", "it decides how many of the positions are fed")
    zero_stage = known(config.parallelism.zero_stage, "parallelism.zero_stage", "it decides what ranks divide")
    parallelism = config.parallelism
    sequence_parallel = sometimes(parallelism.tp > 1) and known(
        parallelism.sequence_parallel, "parallelism.sequence_parallel", "it decides whether norms are divided"
    )
    software = software_class(config.framework)
    is_compiled = compiles(config.compiler, software)
    trains_base = method == "full"

    params = count_params(model)
    size = NO_ADAPTER if trains_base else adapter_size(config, model)
    trainable = params.total if trains_base else size.trainable_params

    if (config.trainable_params or 0) > MOST_TRAINED_RATIO * params.total:
        raise ConfigError(
            f"trainable_params {config.trainable_params:,} exceeds the {params.total:,} parameters of {model.name}: "
            "give what is trained, or correct the model"
        )

    quantization = config.base_quantization or "none"
    is_quantised = not trains_base and quantization != "none"
    is_blockwise = is_quantised and quantization != "fp8"
    weights_bytes = DTYPE_BYTES[precision.weights_dtype]
    other_bytes = 2.0 if is_quantised and weights_bytes < 2.0 else weights_bytes
    shards = config.data_parallel if parallelism.dp_shard is None else parallelism.dp_shard
    is_sharded = zero_stage == 3 and always(shards > 1)
    fused_kernels = software in ("tuned", "lean") or is_compiled or loss in ("fused_ce", "fused_linear_ce")
    fp32_residual = (
        is_quantised
        and quantization in BITSANDBYTES
        and not is_sharded
        and uses_stock_kbit_preparation(config.framework)
    )
    if fp32_residual:
        other_bytes = 4.0
    trained = trained_bytes(
        precision,
        trains_base=trains_base,
        is_sharded=is_sharded,
        software=software,
        keeps_adapter_fp32=keeps_adapter_fp32(config.framework),
    )
    states, own_states, is_fused = OPTIMIZER_STATES[optimizer]
    is_fused = is_fused or software in ("tuned", "compiled")
    state_unit = 4.0 if trained.master else trained.weight
    copies = FROZEN_COPIES[config.objective][0 if trains_base else 1]
    if config.holds_reference is not None and config.objective != "sft":
        copies = copies - min(copies, 1) + int(config.holds_reference)

    compute_bytes = max(DTYPE_BYTES[precision.compute_dtype], 2.0)
    half_loss = upcasts_no_logits(model.name) and compute_bytes < 4.0 and (loss == "fused_ce" or not precision.amp)
    has_equal_lengths = batching in ("packed", "padded")
    mean = None if has_equal_lengths else config.mean_tokens_per_sample
    cap = 1.0 * seq_len
    if not has_equal_lengths and config.max_tokens_per_sample is not None:
        cap = smaller(cap, config.max_tokens_per_sample)
    sequences = SEQUENCES_PER_SAMPLE[config.objective]
    return Workload(
        model=model,
        params=params,
        adapter=size.counts,
        adapter_kind=None if trains_base else config.adapter or "lora",
        adapter_size=size,
        active_ffn_dim=active_ffn_width(model),
        accelerator=cluster.accelerator,
        num_devices=cluster.count,
        num_nodes=cluster.num_nodes,
        inter_node_bytes_per_s=cluster.inter_node_bytes_per_s_per_accelerator,
        trains_base=trains_base,
        trainable_params=trainable,
        linear_bytes=QUANTISED_BYTES[quantization] if is_quantised else weights_bytes,
        other_bytes=other_bytes,
        is_quantised=is_quantised,
        is_blockwise=is_blockwise,
        keeps_fp32_residual=fp32_residual,
        trained_bytes=trained.weight,
        gradient_bytes=trained.gradient,
        state_bytes=states * state_unit + own_states + trained.master,
        temporary_bytes=0.0 if is_fused else trained.weight,
        compute_bytes=compute_bytes,
        compute_dtype=precision.compute_dtype,
        casts_adapter_inputs=not precision.amp and not trains_base and trained.weight > compute_bytes,
        optimizer_is_fused=is_fused,
        steps_in_backward=config.optimizer_in_backward,
        uses_bitsandbytes=is_quantised and quantization in BITSANDBYTES,
        uses_packed_kernels=is_quantised and quantization in PACKED,
        frozen_copies=copies,
        loads_full_model=not trains_base and is_sharded and loads_full_model(config.framework),
        micro_batch_size=micro_batch * sequences,
        accumulation=accumulation,
        cap_tokens=cap,
        mean_tokens=mean,
        longest_is_known=config.max_tokens_per_sample is not None or feeds_longest_first(config.framework),
        fed_tokens=cap if mean is None else smaller(mean, cap),
        checkpointing=checkpointing,
        recomputed_ratio=config.activation_checkpointing_ratio
        if checkpointing == "selective" and config.activation_checkpointing_ratio is not None
        else RECOMPUTED_RATIO[checkpointing],
        stated_recompute_ratio=config.activation_checkpointing_ratio if checkpointing == "selective" else None,
        is_eager_attention=attention == "eager",
        repeats_key_heads=(attention == "eager" or (attention == "sdpa" and repeats_key_heads(config.framework)))
        and not is_compiled
        and software not in ("tuned", "lean"),
        skips_beyond_window=attention == "flash" or (attention == "sdpa" and software == "tuned"),
        fp8_recipe=config.fp8_recipe,
        fp8_attention=config.fp8_attention is True,
        fp8_activations=config.activation_dtype == "fp8",
        loss=loss,
        has_scalar_head=config.objective == "reward",
        loss_entry_ratio=HALF_PRECISION_RATIO.get(loss, 1.0) if half_loss else 1.0,
        has_fused_kernels=fused_kernels,
        has_layer_norm=model.norm_bias or not model.gated_mlp,
        is_compiled=is_compiled,
        has_equal_lengths=has_equal_lengths,
        length_order=config.length_order,
        software=software,
        framework=config.framework,
        tp=parallelism.tp,
        pp=parallelism.pp,
        stage_layers=-(-model.num_layers // parallelism.pp),
        cp=parallelism.cp,
        ep=parallelism.ep,
        data_parallel=config.data_parallel,
        zero_stage=zero_stage,
        shards=shards,
        sequence_parallel=sequence_parallel,
        tp_overlap=parallelism.tp_overlap,
        casts_weights=precision.amp and not is_sharded and not is_quantised and weights_bytes > compute_bytes,
        cpu_offload=parallelism.cpu_offload,
        nvme_offload=parallelism.nvme_offload,
        schedule=parallelism.pipeline_schedule,
        virtual_stages=parallelism.virtual_stages,
        generated_sequences=0 if config.generation is None else config.generation.batch_size,
        generated_tokens=0
        if config.generation is None
        else config.generation.prompt_tokens + config.generation.max_new_tokens,
        constants=MEMORY,
    )
