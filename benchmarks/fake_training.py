"""Peak memory of training by a second computation: PyTorch traces transformers' own models with fake tensors.

Any size runs on any machine; the tracker counts the bytes of each tensor while it lives. Needs `foretune[probe]`.
Frozen weights are buffers here, because the tracker takes every parameter for a trained one.
"""

from typing import Any
from unittest.mock import patch

from planner.domain.run_config import RunConfig

CAUSAL_MASK = "transformers.models.llama.modeling_llama.create_causal_mask"
"""Made while tracing alone: where tensors have values, SDPA gets a flag instead of this mask."""


def lora_linear(base: Any, rank: int, dtype: Any) -> Any:
    """A linear layer with an adapter beside it, as PEFT builds it (arXiv 2106.09685, section 4.1)."""
    from torch import nn

    class LoraLinear(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.base = base
            self.a = nn.Linear(base.in_features, rank, bias=False, dtype=dtype)
            self.b = nn.Linear(rank, base.out_features, bias=False, dtype=dtype)

        def forward(self, hidden: Any) -> Any:
            delta = self.b(self.a(hidden.to(dtype))) * 2.0
            return self.base(hidden) + delta.to(hidden.dtype)

    return LoraLinear()


def adapt(model: Any, rank: int, targets: tuple[str, ...], dtype: Any) -> None:
    """Freezes all weights, as buffers, and puts an adapter on the target modules."""
    for owner in list(model.modules()):
        for name, weight in list(owner._parameters.items()):
            if weight is not None:
                del owner._parameters[name]
                owner.register_buffer(name, weight.detach())
    for owner in list(model.modules()):
        for name, child in list(owner.named_children()):
            if name in targets:
                setattr(owner, name, lora_linear(child, rank, dtype))
    model.get_input_embeddings().register_forward_hook(lambda _module, _given, found: found.requires_grad_(True))


def build_model(config: RunConfig) -> Any:
    """The model and its adapter, in the dtypes of the configuration."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    spec = config.model
    assert spec is not None
    model = LlamaForCausalLM(
        LlamaConfig(
            hidden_size=spec.hidden_dim,
            num_attention_heads=spec.num_heads,
            num_key_value_heads=spec.num_kv_heads,
            head_dim=spec.head_dim,
            intermediate_size=spec.ffn_dim,
            num_hidden_layers=spec.num_layers,
            vocab_size=spec.vocab_size,
            tie_word_embeddings=spec.tied_embeddings,
            use_cache=False,
            attn_implementation="sdpa",
        )
    )
    model.train()
    if config.lora is not None:
        is_wide = config.precision is None or config.precision.adapter_dtype in (None, "fp32")
        adapt(
            model,
            config.lora.rank or 1,
            config.lora.targets or (),
            torch.float32 if is_wide else torch.bfloat16,
        )
    if config.activation_checkpointing == "full":
        model.gradient_checkpointing_enable({"use_reentrant": False})
    return model


def traced_peak_bytes(config: RunConfig) -> float:
    """Largest sum of living tensors over a step of training in bf16 with AdamW, whose states exist before it."""
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.distributed._tools.mem_tracker import MemTracker

    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with FakeTensorMode(), patch(CAUSAL_MASK, return_value=None):
            model = build_model(config)
            is_fused = config.optimizer == "adamw_fused"
            optimizer = torch.optim.AdamW(model.parameters(), foreach=not is_fused, fused=is_fused)
            for weight in model.parameters():
                weight.grad = torch.zeros_like(weight)
            optimizer.step()
            optimizer.zero_grad()
            tracker = MemTracker()
            tracker.track_external(model, optimizer)
            ids = torch.zeros(config.micro_batch_size or 1, config.seq_len or 1, dtype=torch.long)
            with tracker:
                found = model(input_ids=ids, labels=ids)
                found.loss.backward()
                optimizer.step()
            snapshot = tracker.get_tracker_snapshot("peak")
    finally:
        torch.set_default_dtype(usual)
    return float(max(held["Total"] for held in snapshot.values()))
