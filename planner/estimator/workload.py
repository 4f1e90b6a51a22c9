"""One fully known run as plain numbers: what every formula of memory and time reads."""

from typing import NamedTuple

from planner.domain.accelerator import Accelerator, Dtype
from planner.domain.model_spec import ModelSpec
from planner.domain.run_vocabulary import (
    ActivationCheckpointing,
    AdapterKind,
    Fp8Recipe,
    LengthOrder,
    LossKernel,
    PipelineSchedule,
)
from planner.estimator.adapter_size import AdapterSize
from planner.estimator.elementwise import expm1, larger, smaller
from planner.estimator.memory_constants import MemoryConstants
from planner.estimator.params import AdapterCounts, ParamCounts
from planner.estimator.software import SoftwareClass

LONGEST_TIMES_MEAN = 4.0
"""Of samples whose lengths follow a lognormal of unit spread the longest has several times the mean's tokens."""


class Workload(NamedTuple):
    """Sizes of one device's share are left to the formulas; here stand the facts."""

    model: ModelSpec
    params: ParamCounts
    adapter: AdapterCounts
    adapter_kind: AdapterKind | None
    adapter_size: AdapterSize
    active_ffn_dim: float
    """Mean width of the feed-forward blocks that a token passes through in one layer."""
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
    steps_in_backward: bool
    uses_bitsandbytes: bool
    uses_packed_kernels: bool
    """Weights packed as GPTQ, AWQ or AQLM are multiplied by kernels of their own."""
    frozen_copies: int
    """Frozen models beside the trained one."""
    loads_full_model: bool

    micro_batch_size: int
    accumulation: int
    cap_tokens: float
    """Most tokens that a sample may have: its length where all are equal."""
    mean_tokens: float | None
    """Mean tokens of a sample, where lengths vary and it is known."""
    longest_is_known: bool
    fed_tokens: float
    """Mean tokens of a sample as fed, padding included."""
    checkpointing: ActivationCheckpointing
    recomputed_ratio: float
    stated_recompute_ratio: float | None
    """Share of a layer's work that selective checkpointing repeats, where it is stated."""
    is_eager_attention: bool
    repeats_key_heads: bool
    """Keys and values are copied to as many heads as the queries have."""
    skips_beyond_window: bool
    """The kernel leaves out what a sliding window hides; PyTorch's own kernel computes and masks it."""
    fp8_recipe: Fp8Recipe | None
    fp8_attention: bool
    fp8_activations: bool
    loss: LossKernel
    has_scalar_head: bool
    """The head has one output, as in reward models."""
    loss_entry_ratio: float
    """Bytes of a stock loss against one with an fp32 copy of its logits."""
    has_fused_kernels: bool
    has_layer_norm: bool
    is_compiled: bool
    has_equal_lengths: bool
    length_order: LengthOrder | None
    software: SoftwareClass | None
    framework: str | None

    tp: int
    pp: int
    stage_layers: int
    """Layers of one pipeline stage."""
    cp: int
    ep: int
    data_parallel: int
    zero_stage: int
    shards: int
    sequence_parallel: bool
    tp_overlap: bool | None
    casts_weights: bool
    """Autocast makes 16-bit copies of fp32 weights; sharded mixed precision does so while it gathers."""
    cpu_offload: bool
    nvme_offload: bool
    schedule: PipelineSchedule
    virtual_stages: int
    generated_sequences: int
    """Sequences that one device generates at once; 0 for none."""
    generated_tokens: int
    """Tokens of one of them, prompt included."""
    constants: MemoryConstants

    @property
    def longest_tokens(self) -> float:
        """Tokens of the longest sample: the higher the cap, the further below it (measured: ms-swift, peft)."""
        if self.has_equal_lengths or self.longest_is_known:
            return self.cap_tokens
        mean = 0.0 if self.mean_tokens is None else self.mean_tokens
        scale = larger(self.constants.longest_scale_tokens, LONGEST_TIMES_MEAN * mean)
        return larger(scale * -expm1(-self.cap_tokens / scale), smaller(mean, self.cap_tokens))

    @property
    def tokens_per_step(self) -> float:
        """Tokens that all devices feed in one optimizer step."""
        return self.micro_batch_size * self.accumulation * self.data_parallel * self.fed_tokens

    @property
    def pass_tokens(self) -> float:
        """Tokens of one device and pass at the memory peak."""
        return self.micro_batch_size * (self.longest_tokens + self.adapter_size.virtual_tokens) / self.cp

    @property
    def fed_pass_tokens(self) -> float:
        """Tokens of one device and pass on average."""
        return self.micro_batch_size * self.fed_tokens / self.cp

    @property
    def is_offloaded(self) -> bool:
        """Optimizer states lie outside the device."""
        return self.cpu_offload or self.nvme_offload
