"""A training run before it starts. None means *unknown*: an estimate spans the possibilities, it assumes none."""

import hashlib
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from planner.domain import Frozen
from planner.domain.accelerator import Cluster, Dtype
from planner.domain.lookup import look_up
from planner.domain.lora import Lora
from planner.domain.model_spec import ModelSpec
from planner.domain.operations import Evaluation, Operations
from planner.domain.parallelism import Parallelism
from planner.domain.precision import PRECISIONS, Precision, PrecisionName
from planner.domain.run_consistency import check_consistent
from planner.domain.run_vocabulary import (
    ActivationCheckpointing,
    AdapterKind,
    AttentionKernel,
    BaseQuantization,
    Batching,
    Compiler,
    Fp8Recipe,
    LengthOrder,
    LossKernel,
    Method,
    Objective,
    Optimizer,
)


class Checkpoints(Frozen):
    """What the run writes and keeps."""

    every_steps: int | None = Field(default=None, gt=0)
    """None: only once, at the end."""
    keep_last: int | None = Field(default=None, gt=0)
    """None: all are kept."""
    content: Literal["adapter", "weights", "full_state"] | None = None
    """None: the adapter for LoRA and QLoRA, weights otherwise; full_state adds optimizer states."""
    asynchronous: bool = False
    """Written while training goes on, from a copy in host memory."""
    write_bytes_per_s: float | None = Field(default=None, gt=0, le=10**14)
    """What storage takes in from the whole run; None: unknown."""


class Dataset(Frozen):
    """The training data of one run."""

    rows: int | None = Field(default=None, gt=0, le=10**13)
    tokens: int | None = Field(default=None, gt=0, le=10**16)
    size_bytes: int | None = Field(default=None, gt=0, le=10**18)


class Generation(Frozen):
    """Text made during training: evaluation by generation, or the rollouts of PPO and GRPO."""

    batch_size: int = Field(gt=0, le=1_000_000)
    """Sequences that one device generates at once."""
    max_new_tokens: int = Field(gt=0, le=100_000_000)
    prompt_tokens: int = Field(default=0, ge=0, le=100_000_000)


PRICE_FIELDS = {
    "provider", "region", "pricing_category", "instance_type", "storage_class", "usd_per_accelerator_hour", "owned",
    "power",
}  # fmt: skip
"""Fields of a cluster that say what it costs and draws, not what it is."""
READER_FIELDS = {"origin", "assumption"}
"""Fields of a model that say how it was read, not what it is."""


class RunConfig(Frozen):
    """A run before it starts.

    Fields with a default other than None take what training libraries do when nothing is said; None means unknown.
    """

    name: str = Field(default="run", min_length=1, max_length=500)
    model: ModelSpec | None = None
    """In YAML a catalog name (``llama-3.1-8b``), the path of the model's own configuration, or the dimensions."""
    method: Method | None = None
    adapter: AdapterKind | None = None
    """Which adapter; None under lora and qlora is plain LoRA, under adapter unknown."""
    objective: Objective = "sft"
    holds_reference: bool | None = None
    """A frozen reference model beside the trained one; None: as the objective and method need it."""
    base_quantization: BaseQuantization | None = None
    """How a frozen base is stored; None under qlora means an unknown 4-bit format, otherwise none."""
    lora: Lora | None = None
    virtual_tokens: int | None = Field(default=None, gt=0, le=1_000_000)
    """Tokens that prompt and prefix tuning put before each sample."""
    trainable_params: int | None = Field(default=None, gt=0, le=10**14)
    """Where known it goes before what rank and targets give."""
    precision: Precision | None = None
    fp8_recipe: Fp8Recipe | None = None
    fp8_attention: bool | None = None
    """Attention itself in FP8; None where unknown, without meaning unless compute is FP8."""
    activation_dtype: Dtype | None = None
    """Dtype of saved feed-forward activations; None: the compute dtype."""
    optimizer: Optimizer | None = "adamw"
    optimizer_in_backward: bool = False
    """Each weight is stepped inside the backward pass and its gradient freed at once."""
    seq_len: int | None = Field(default=None, gt=0, le=100_000_000)
    """Tokens of one sample: packed or padded length, the cap under dynamic padding."""
    mean_tokens_per_sample: float | None = Field(default=None, gt=0)
    max_tokens_per_sample: int | None = Field(default=None, gt=0, le=100_000_000)
    """The longest sample, where it is known to be shorter than ``seq_len``."""
    batching: Batching | None = None
    length_order: LengthOrder | None = None
    """Order of the batches where lengths vary; None where unknown."""
    micro_batch_size: int | None = Field(default=None, gt=0, le=1_000_000)
    """Samples per device and pass."""
    gradient_accumulation_steps: int | None = Field(default=1, gt=0, le=1_000_000)
    max_steps: int | None = Field(default=None, gt=0, le=10**10)
    epochs: float | None = Field(default=None, gt=0, le=100_000)
    train_tokens: int | None = Field(default=None, gt=0, le=10**17)
    """Tokens of all epochs together. One of max_steps, train_tokens, or epochs and dataset says how long."""
    dataset: Dataset | None = None
    activation_checkpointing: ActivationCheckpointing | None = None
    activation_checkpointing_ratio: float | None = Field(default=None, ge=0, le=1)
    """Share of the layers' work that selective checkpointing repeats; None where unknown."""
    attention: AttentionKernel | None = None
    loss: LossKernel | None = None
    compiler: Compiler | None = None
    generation: Generation | None = None
    evaluation: Evaluation | None = None
    parallelism: Parallelism = Parallelism()
    cluster: Cluster | None = None
    checkpoints: Checkpoints = Checkpoints()
    operations: Operations = Operations()
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
        check_consistent(self)
        return self

    @property
    def data_parallel(self) -> int:
        """Data parallel ranks; 1 where the cluster is unknown."""
        return 1 if self.cluster is None else self.cluster.count // self.parallelism.model_parallel

    @property
    def config_hash(self) -> str:
        """Names what is run: equal runs have equal hashes, whatever they are called and whatever they cost."""
        text = self.model_dump_json(
            exclude={"name": True, "cluster": PRICE_FIELDS, "model": READER_FIELDS}, exclude_defaults=True
        )
        return hashlib.sha256(text.encode()).hexdigest()[:16]
