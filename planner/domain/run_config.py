"""A training run before it starts. None means *unknown*: an estimate spans the possibilities, it assumes none."""

import hashlib
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from planner.domain import Frozen
from planner.domain.accelerator import Cluster, Dtype
from planner.domain.lookup import look_up
from planner.domain.model_spec import ModelSpec

Method = Literal["full", "lora", "qlora"]
BaseQuantization = Literal["none", "nf4", "nf4_dq", "gptq4", "int8", "fp8"]
ActivationCheckpointing = Literal["none", "selective", "full", "offloaded"]
AttentionKernel = Literal["flash", "sdpa", "eager"]
Batching = Literal["packed", "padded", "dynamic", "padding_free"]
LossKernel = Literal["full_logits", "fused_ce", "chunked_ce", "fused_linear_ce"]
Optimizer = Literal["adamw", "adamw_fused", "adamw_8bit", "paged_adamw_32bit", "adafactor", "sgd", "lion"]


class Precision(Frozen):
    """Dtypes as separate facts: what weights are kept in, what is computed in, whether autocast converts."""

    weights_dtype: Dtype = "bf16"
    compute_dtype: Dtype = "bf16"
    amp: bool = False
    adapter_dtype: Dtype | None = None


PrecisionName = Literal["bf16", "bf16-mixed", "fp16", "fp16-mixed", "fp32"]
PRECISIONS: dict[str, Precision] = {
    "bf16": Precision(weights_dtype="bf16", compute_dtype="bf16", amp=False),
    "bf16-mixed": Precision(weights_dtype="fp32", compute_dtype="bf16", amp=True),
    "fp16": Precision(weights_dtype="fp16", compute_dtype="fp16", amp=False),
    "fp16-mixed": Precision(weights_dtype="fp32", compute_dtype="fp16", amp=True),
    "fp32": Precision(weights_dtype="fp32", compute_dtype="fp32", amp=False),
}
"""One word for a precision in YAML; ``-mixed`` keeps fp32 weights and computes under autocast."""


class Lora(Frozen):
    """A low-rank adapter (arXiv 2106.09685)."""

    rank: int | None = Field(default=None, gt=0, le=65_536)
    targets: tuple[str, ...] | None = None
    """Adapted modules (q_proj, ..., down_proj); in YAML also a set: attn_qv, attn_qkv, attn_all, mlp, all_linear."""

    @field_validator("targets", mode="before", json_schema_input_type=tuple[str, ...] | str | None)
    @classmethod
    def _named_set(cls, value: Any) -> Any:
        return LORA_TARGET_SETS.get(value, tuple(value.split("+"))) if isinstance(value, str) else value

    @field_validator("targets")
    @classmethod
    def _known(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for target in value or ():
            if target not in LORA_TARGET_SETS["all_linear"]:
                raise ValueError(f"unknown LoRA target {target!r}: one of {', '.join(LORA_TARGET_SETS['all_linear'])}")
        return value


LORA_TARGET_SETS: dict[str, tuple[str, ...]] = {
    "attn_qv": ("q_proj", "v_proj"),
    "attn_qkv": ("q_proj", "k_proj", "v_proj"),
    "attn_all": ("q_proj", "k_proj", "v_proj", "o_proj"),
    "mlp": ("gate_proj", "up_proj", "down_proj"),
    "all_linear": ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
}


class Parallelism(Frozen):
    """How the accelerators share the work. Data parallelism is what the other sizes leave over."""

    tp: int = Field(default=1, gt=0)
    """Tensor parallel size."""
    pp: int = Field(default=1, gt=0)
    """Pipeline parallel size."""
    cp: int = Field(default=1, gt=0)
    """Context (sequence) parallel size."""
    ep: int = Field(default=1, gt=0)
    """Expert parallel size, inside data parallelism."""
    zero_stage: Literal[0, 1, 2, 3] | None = 0
    """What data parallel ranks divide: 0 nothing (DDP), 1 optimizer states, 2 and gradients, 3 and weights (FSDP)."""
    dp_shard: int | None = Field(default=None, gt=0)
    """Ranks over which ZeRO divides; None means all data parallel ranks."""
    sequence_parallel: bool = False
    cpu_offload: bool = False

    @property
    def model_parallel(self) -> int:
        return self.tp * self.pp * self.cp


class Checkpoints(Frozen):
    """What the run writes and keeps."""

    every_steps: int | None = Field(default=None, gt=0)
    """None: only once, at the end."""
    keep_last: int | None = Field(default=None, gt=0)
    """None: all are kept."""
    content: Literal["adapter", "weights", "full_state"] | None = None
    """None: the adapter for LoRA and QLoRA, weights otherwise; full_state adds optimizer states."""


class Dataset(Frozen):
    """The training data of one run."""

    rows: int | None = Field(default=None, gt=0, le=10**13)
    tokens: int | None = Field(default=None, gt=0, le=10**16)
    size_bytes: int | None = Field(default=None, gt=0)


PRICE_FIELDS = {
    "provider", "region", "pricing_category", "instance_type", "usd_per_accelerator_hour", "owned", "power"
}  # fmt: skip
"""Fields of a cluster that say what it costs and draws, not what it is."""


class RunConfig(Frozen):
    """A run before it starts.

    Fields with a default other than None take what training libraries do when nothing is said; None means unknown.
    """

    name: str = Field(default="run", min_length=1, max_length=500)
    model: ModelSpec | None = None
    """In YAML a catalog name (``llama-3.1-8b``) or the dimensions."""
    method: Method | None = None
    base_quantization: BaseQuantization | None = None
    """How a frozen base is stored; None under qlora means an unknown 4-bit format, otherwise none."""
    lora: Lora | None = None
    trainable_params: int | None = Field(default=None, gt=0)
    """Where known it goes before what rank and targets give."""
    precision: Precision | None = None
    optimizer: Optimizer | None = "adamw"
    seq_len: int | None = Field(default=None, gt=0, le=100_000_000)
    """Tokens of one sample: packed or padded length, the cap under dynamic padding."""
    mean_tokens_per_sample: float | None = Field(default=None, gt=0)
    batching: Batching | None = None
    micro_batch_size: int | None = Field(default=None, gt=0, le=1_000_000)
    """Samples per device and pass."""
    gradient_accumulation_steps: int | None = Field(default=1, gt=0, le=1_000_000)
    max_steps: int | None = Field(default=None, gt=0, le=10**10)
    epochs: float | None = Field(default=None, gt=0, le=100_000)
    train_tokens: int | None = Field(default=None, gt=0, le=10**17)
    """Tokens of all epochs together. One of max_steps, train_tokens, or epochs and dataset says how long."""
    dataset: Dataset | None = None
    activation_checkpointing: ActivationCheckpointing | None = None
    attention: AttentionKernel | None = None
    loss: LossKernel | None = None
    parallelism: Parallelism = Parallelism()
    cluster: Cluster | None = None
    checkpoints: Checkpoints = Checkpoints()
    framework: str | None = Field(default=None, max_length=200)
    framework_version: str | None = Field(default=None, max_length=200)

    @field_validator("model", mode="before", json_schema_input_type=ModelSpec | str | None)
    @classmethod
    def _model_by_name(cls, value: Any, info: ValidationInfo) -> Any:
        return look_up("model", value, info)

    @field_validator("precision", mode="before", json_schema_input_type=Precision | PrecisionName | None)
    @classmethod
    def _precision_by_name(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value not in PRECISIONS:
            raise ValueError(f"unknown precision {value!r}: one of {', '.join(PRECISIONS)}, or the three fields")
        return PRECISIONS[value]

    @model_validator(mode="after")
    def _consistent(self) -> "RunConfig":
        if self.cluster is not None and self.cluster.count % self.parallelism.model_parallel:
            p = self.parallelism
            raise ValueError(
                f"parallelism: tp {p.tp} x pp {p.pp} x cp {p.cp} = {p.model_parallel} does not divide "
                f"the cluster's count of {self.cluster.count} accelerators"
            )
        if self.cluster is not None and (self.parallelism.dp_shard or 1) > self.data_parallel:
            raise ValueError(
                f"parallelism: dp_shard {self.parallelism.dp_shard} exceeds {self.data_parallel} data parallel ranks"
            )
        if self.method == "full" and (self.lora is not None or self.base_quantization not in (None, "none")):
            raise ValueError("method full trains all weights: it takes neither lora nor base_quantization")
        if self.method == "qlora" and self.base_quantization == "none":
            raise ValueError("method qlora has a quantised base: base_quantization none contradicts it")
        return self

    @property
    def data_parallel(self) -> int:
        """Data parallel ranks; 1 where the cluster is unknown."""
        return 1 if self.cluster is None else self.cluster.count // self.parallelism.model_parallel

    @property
    def config_hash(self) -> str:
        """Names what is run: equal runs have equal hashes, whatever they are called and whatever they cost."""
        text = self.model_dump_json(exclude={"name": True, "cluster": PRICE_FIELDS})
        return hashlib.sha256(text.encode()).hexdigest()[:16]
