"""One fully known run as plain numbers: what every formula of memory and time reads."""

from functools import lru_cache
from typing import NamedTuple, TypeVar

from planner.domain.accelerator import Accelerator, Dtype
from planner.domain.model_spec import ModelSpec
from planner.domain.precision import Precision
from planner.domain.run_config import RunConfig
from planner.domain.run_vocabulary import ActivationCheckpointing, LossKernel, Optimizer
from planner.errors import UnknownFieldError
from planner.estimator.params import AdapterCounts, ParamCounts, count_adapter, count_params
from planner.estimator.software import SoftwareClass, software_class

T = TypeVar("T")

DTYPE_BYTES: dict[Dtype, float] = {"fp32": 4.0, "tf32": 4.0, "bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "fp4": 0.5}

QUANTISED_BYTES: dict[str, float] = {
    "nf4": 0.5 + 4 / 64,
    "nf4_dq": 0.5 + 1 / 64 + 4 / (64 * 256),
    "gptq4": 0.5 + 2.5 / 128,
    "int8": 1.0,
    "fp8": 1.0,
}
"""Bytes a weight takes: packed bits and block constants.

ArXiv 2305.14314, section 3: blocks of 64, and of 256 for the second level; GPTQ: groups of 128.
"""

OPTIMIZER_STATES: dict[Optimizer, tuple[float, float, bool]] = {
    "adamw": (2.0, 0.0, False),
    "adamw_fused": (2.0, 0.0, True),
    "adamw_8bit": (0.0, 2.03, True),
    "paged_adamw_32bit": (0.0, 8.0, True),
    "adafactor": (0.01, 0.0, True),
    "sgd": (0.0, 0.0, True),
    "lion": (1.0, 0.0, True),
}
"""States in units of the trained dtype, states in bytes of their own, steps without parameter-sized temporaries."""

NO_ADAPTER = AdapterCounts(0, 0, 0, 0, 0, 0)
RECOMPUTED_RATIO: dict[ActivationCheckpointing, float] = {"none": 0.0, "selective": 0.5, "full": 1.0, "offloaded": 1.0}


class Workload(NamedTuple):
    """Sizes of one device's share are left to the formulas; here stand the facts."""

    model: ModelSpec
    params: ParamCounts
    adapter: AdapterCounts
    accelerator: Accelerator
    num_devices: int
    num_nodes: int
    inter_node_bytes_per_s: float | None

    trains_base: bool
    trainable_params: int
    linear_bytes: float
    """Bytes of one weight of a linear layer as stored."""
    other_bytes: float
    """Bytes of one weight of embeddings, norms and head as stored."""
    is_quantised: bool
    is_blockwise: bool
    """4-bit or int8 base, dequantised before each use."""
    keeps_fp32_residual: bool
    """Stock preparation for k-bit training holds hidden states, norms and embeddings in fp32."""
    trained_bytes: float
    gradient_bytes: float
    state_bytes: float
    temporary_bytes: float
    compute_bytes: float
    compute_dtype: Dtype
    casts_adapter_inputs: bool
    optimizer_is_fused: bool

    micro_batch_size: int
    accumulation: int
    longest_tokens: float
    """Tokens of the longest sample."""
    fed_tokens: float
    """Mean tokens of a sample as fed, padding included."""
    checkpointing: ActivationCheckpointing
    recomputed_ratio: float
    is_eager_attention: bool
    loss: LossKernel
    has_fused_kernels: bool
    has_equal_lengths: bool
    software: SoftwareClass | None

    tp: int
    pp: int
    cp: int
    ep: int
    data_parallel: int
    zero_stage: int
    shards: int
    sequence_parallel: bool
    cpu_offload: bool

    @property
    def tokens_per_step(self) -> float:
        """Tokens that all devices feed in one optimizer step."""
        return self.micro_batch_size * self.accumulation * self.data_parallel * self.fed_tokens

    @property
    def pass_tokens(self) -> float:
        """Tokens of one device and pass at the memory peak."""
        return self.micro_batch_size * self.longest_tokens / self.cp

    @property
    def fed_pass_tokens(self) -> float:
        """Tokens of one device and pass on average."""
        return self.micro_batch_size * self.fed_tokens / self.cp

    @property
    def stage_layers(self) -> int:
        """Layers of one pipeline stage."""
        return -(-self.model.num_layers // self.pp)


def known(value: T | None, field: str, why: str) -> T:
    """``value``, or an ``UnknownFieldError`` that names the field."""
    if value is None:
        raise UnknownFieldError(field, why)
    return value


@lru_cache(maxsize=1024)
def _trained_dtypes(
    precision: Precision, *, trains_base: bool, is_sharded: bool, software: SoftwareClass | None
) -> tuple[float, float, float]:
    """Bytes of a trained weight, of its gradient, and of an extra fp32 master copy.

    FSDP with autocast keeps trained weights as fp32 shards; vendor-tuned software adds fp32 masters and sums gradients
    in fp32; libraries of adapters keep the adapter in fp32 unless told otherwise.
    """
    weights = DTYPE_BYTES[precision.weights_dtype]
    if not trains_base:
        if precision.adapter_dtype is not None:
            weights = DTYPE_BYTES[precision.adapter_dtype]
        else:
            weights = 2.0 if software == "tuned" else 4.0
    if is_sharded and precision.amp:
        weights = 4.0
    weights = max(weights, 2.0)
    if software == "tuned" and weights < 4.0:
        return weights, 4.0, 4.0
    return weights, weights, 0.0


def workload(config: RunConfig) -> Workload:
    """The numbers of a run whose fields are all known; raises ``UnknownFieldError`` for one that is not."""
    model = known(config.model, "model", "its dimensions decide memory and time")
    cluster = known(config.cluster, "cluster", "the accelerator decides what fits and how fast it is")
    method = known(config.method, "method", "full, lora or qlora decides what is trained")
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
    software = software_class(config.framework)
    trains_base = method == "full"

    params = count_params(model)
    adapter = NO_ADAPTER
    trainable = params.total
    if not trains_base:
        rank = known(config.lora and config.lora.rank, "lora.rank", "it decides the adapter's size")
        targets = known(config.lora and config.lora.targets, "lora.targets", "they decide the adapter's size")
        adapter = count_adapter(model, rank, targets)
        trainable = config.trainable_params or round(model.num_layers * adapter.params_per_layer)

    quantization = config.base_quantization or "none"
    is_quantised = not trains_base and quantization != "none"
    is_blockwise = is_quantised and quantization != "fp8"
    weights_bytes = DTYPE_BYTES[precision.weights_dtype]
    other_bytes = 2.0 if is_quantised and weights_bytes < 2.0 else weights_bytes
    shards = parallelism.dp_shard or config.data_parallel
    is_sharded = zero_stage == 3 and shards > 1
    fused_kernels = software in ("tuned", "compiled", "lean") or loss in ("fused_ce", "fused_linear_ce")
    fp32_residual = is_blockwise and quantization != "gptq4" and not is_sharded and loss == "full_logits"
    if fp32_residual:
        other_bytes = 4.0
    trained_bytes, gradient_bytes, master_bytes = _trained_dtypes(
        precision, trains_base=trains_base, is_sharded=is_sharded, software=software
    )
    states, own_states, is_fused = OPTIMIZER_STATES[optimizer]
    is_fused = is_fused or software in ("tuned", "compiled")
    state_unit = 4.0 if master_bytes else trained_bytes

    compute_bytes = max(DTYPE_BYTES[precision.compute_dtype], 2.0)
    longest = float(seq_len)
    fed = longest
    if batching in ("dynamic", "padding_free") and config.mean_tokens_per_sample:
        fed = min(config.mean_tokens_per_sample, longest)
    return Workload(
        model=model,
        params=params,
        adapter=adapter,
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
        trained_bytes=trained_bytes,
        gradient_bytes=gradient_bytes,
        state_bytes=states * state_unit + own_states + master_bytes,
        temporary_bytes=0.0 if is_fused else trained_bytes,
        compute_bytes=compute_bytes,
        compute_dtype=precision.compute_dtype,
        casts_adapter_inputs=not precision.amp and not trains_base and trained_bytes > compute_bytes,
        optimizer_is_fused=is_fused,
        micro_batch_size=micro_batch,
        accumulation=accumulation,
        longest_tokens=longest,
        fed_tokens=fed,
        checkpointing=checkpointing,
        recomputed_ratio=RECOMPUTED_RATIO[checkpointing],
        is_eager_attention=attention == "eager",
        loss=loss,
        has_fused_kernels=fused_kernels,
        has_equal_lengths=batching in ("packed", "padded"),
        software=software,
        tp=parallelism.tp,
        pp=parallelism.pp,
        cp=parallelism.cp,
        ep=parallelism.ep,
        data_parallel=config.data_parallel,
        zero_stage=zero_stage,
        shards=shards,
        sequence_parallel=parallelism.sequence_parallel is True,
        cpu_offload=parallelism.cpu_offload,
    )
