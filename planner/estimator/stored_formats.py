"""Bytes of numbers as they are stored: dtypes, quantised bases, optimizer states."""

from planner.domain.accelerator import Dtype
from planner.domain.run_vocabulary import BaseQuantization, LossKernel, Objective, Optimizer

DTYPE_BYTES: dict[Dtype, float] = {"fp32": 4.0, "tf32": 4.0, "bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "fp4": 0.5}

QUANTISED_BYTES: dict[BaseQuantization, float] = {
    "nf4": 0.5 + 4 / 64,
    "nf4_dq": 0.5 + 1 / 64 + 4 / (64 * 256),
    "fp4": 0.5 + 4 / 64,
    "gptq4": 0.5 + 2.5 / 128,
    "gptq8": 1.0 + 3.0 / 128,
    "awq4": 0.5 + 2.5 / 128,
    "aqlm2": 0.25 + 2 / 128,
    "int8": 1.0,
    "fp8": 1.0,
}
"""Bytes a weight takes: packed bits and block constants.

ArXiv 2305.14314, section 3: blocks of 64, and of 256 for the second level; GPTQ and AWQ: groups of 128 with a 16-bit
scale and a packed zero point; AQLM (arXiv 2401.06118): 2 bits and codebooks.
"""

BITSANDBYTES: frozenset[BaseQuantization] = frozenset({"nf4", "nf4_dq", "fp4", "int8"})
"""Formats of the bitsandbytes library, whose layers keep their input although they are frozen."""

PACKED: frozenset[BaseQuantization] = frozenset({"gptq4", "gptq8", "awq4", "aqlm2"})

OPTIMIZER_STATES: dict[Optimizer, tuple[float, float, bool]] = {
    "adamw": (2.0, 0.0, False),
    "adamw_fused": (2.0, 0.0, True),
    "adamw_8bit": (0.0, 2.03, True),
    "adamw_4bit": (0.0, 1.06, True),
    "paged_adamw_32bit": (0.0, 8.0, True),
    "paged_adamw_8bit": (0.0, 2.03, True),
    "adafactor": (0.01, 0.0, True),
    "adam_mini": (1.0, 0.0, False),
    "sgd": (0.0, 0.0, True),
    "sgd_momentum": (1.0, 0.0, False),
    "lion": (1.0, 0.0, True),
    "lion_8bit": (0.0, 1.015, True),
    "galore_adamw": (0.65, 0.0, False),
    "galore_adamw_8bit": (0.2, 0.5, False),
    "muon": (1.0, 0.0, False),
}
"""States in units of the trained dtype, states in bytes of their own, steps without parameter-sized temporaries.

Adam-mini (arXiv 2406.16793) keeps the first moment only; 8-bit states (arXiv 2110.02861) come in blocks of 256; GaLore
(arXiv 2403.03507, table 1) at a quarter of the width: two moments and a projection; Muon: one momentum.
"""

FROZEN_COPIES: dict[Objective, tuple[int, int]] = {
    "sft": (0, 0),
    "pretrain": (0, 0),
    "dpo": (1, 0),
    "reward": (0, 0),
    "ppo": (2, 1),
    "grpo": (1, 0),
}
"""Frozen models beside the trained one, under full fine-tuning and under adapters.

DPO and GRPO compare with a reference (an adapter switched off is its own); PPO has a reward model too.
"""

SEQUENCES_PER_SAMPLE: dict[Objective, int] = {"sft": 1, "pretrain": 1, "dpo": 2, "reward": 2, "ppo": 1, "grpo": 1}
"""A pair is fed as two sequences in one pass."""

HALF_PRECISION_RATIO: dict[LossKernel, float] = {"full_logits": 8 / 14, "fused_ce": 6 / 8}
"""Bytes of a loss that never upcasts its logits, against one that does."""
