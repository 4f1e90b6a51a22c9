"""The words of a run's configuration: methods, formats, kernels, optimizers."""

from typing import Literal

Method = Literal["full", "lora", "qlora", "adapter"]
"""qlora is LoRA on a quantised base; adapter is any other kind of ``AdapterKind``."""
AdapterKind = Literal[
    "lora",
    "dora",
    "adalora",
    "lora_fa",
    "loha",
    "lokr",
    "vera",
    "pvera",
    "vblora",
    "randlora",
    "bdlora",
    "gralora",
    "glora",
    "mica",
    "unilora",
    "lily",
    "adamss",
    "frod",
    "peanut",
    "fourierft",
    "c3a",
    "ia3",
    "oft",
    "oft_v1",
    "boft",
    "bone",
    "bone_bat",
    "road",
    "shira",
    "ln_tuning",
    "prompt_tuning",
    "p_tuning",
    "p_tuning_v2",
    "prefix_tuning",
    "adaption_prompt",
    "llama_adapter",
    "llama_adapter_v2",
    "bottleneck",
    "trainable_tokens",
]
"""Named as in the PEFT library where it has them; bottleneck is the serial adapter of arXiv 1902.00751."""
BaseQuantization = Literal["none", "nf4", "nf4_dq", "fp4", "gptq4", "gptq8", "awq4", "aqlm2", "int8", "fp8"]
ActivationCheckpointing = Literal["none", "selective", "full", "offloaded"]
AttentionKernel = Literal["flash", "sdpa", "eager"]
Batching = Literal["packed", "padded", "dynamic", "padding_free"]
LossKernel = Literal["full_logits", "fused_ce", "chunked_ce", "fused_linear_ce"]
Optimizer = Literal[
    "adamw",
    "adamw_fused",
    "adamw_8bit",
    "adamw_4bit",
    "paged_adamw_32bit",
    "paged_adamw_8bit",
    "adafactor",
    "adam_mini",
    "sgd",
    "sgd_momentum",
    "lion",
    "lion_8bit",
    "galore_adamw",
    "galore_adamw_8bit",
    "muon",
]
Objective = Literal["sft", "pretrain", "dpo", "reward", "ppo", "grpo"]
"""What is learnt from: samples, pairs (dpo, reward), or own answers (ppo, grpo)."""
LengthOrder = Literal["longest_first", "random"]
"""Batches sorted by length, longest first, or in no order of length."""
Compiler = Literal["none", "torch_compile", "thunder"]
Fp8Recipe = Literal["tensorwise", "rowwise", "mxfp8", "delayed"]
PipelineSchedule = Literal["gpipe", "1f1b", "interleaved", "sequential"]
"""Sequential: one micro batch at a time, from stage to stage, as layers spread by ``device_map`` run."""
