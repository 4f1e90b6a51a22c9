"""Kernels, compiler, activation checkpointing and order of the batches of a run of Hugging Face's Trainer."""

from planner.dialects.draft import Draft
from planner.dialects.named_fields import Named, one_of, put_named, when
from planner.dialects.params import Params

ATTENTION = {
    "flash_attention_2": "flash", "flash_attention_3": "flash", "kernels-community/flash-attn": "flash",
    "kernels-community/flash-attn2": "flash", "kernels-community/flash-attn3": "flash",
    "sdpa": "sdpa", "eager": "eager",
}  # fmt: skip
LOSS_TYPES = {"nll": "full_logits", "chunked_nll": "chunked_ce"}
ORDERS = (
    Named("length_order", ("train_sampling_strategy",), one_of({"random": "random"})),
    Named("length_order", ("group_by_length",), when(None, "random")),
    Named("compiler", ("torch_compile",), when("torch_compile", "none")),
)


def read_kernels(params: Params, draft: Draft) -> None:
    flags = {
        name: params.flag(name)
        for name in ("gradient_checkpointing", "activation_checkpointing", "fsdp_config.activation_checkpointing")
    }
    on = [name for name, value in flags.items() if value]
    given = [name for name, value in flags.items() if value is not None]
    draft.put(
        "activation_checkpointing",
        ("full" if on else "none") if given else None,
        "logged",
        f"params {', '.join(on or given)}" if given else "params gradient_checkpointing, activation_checkpointing",
    )
    names = ("attn_implementation", "_attn_implementation", "_attn_implementation_autoset")
    draft.put(
        "attention",
        next((ATTENTION[text] for name in names if (text := params.text(name) or "") in ATTENTION), None),
        "logged",
        "params attn_implementation, _attn_implementation",
    )
    loss_type = params.text("loss_type") or ""
    liger = params.flag("use_liger_kernel")
    if liger:
        draft.put("loss", "fused_linear_ce", "logged", "param use_liger_kernel")
    elif loss_type in LOSS_TYPES:
        draft.put("loss", LOSS_TYPES[loss_type], "logged", f"param loss_type = {loss_type}")
    else:
        draft.put(
            "loss",
            "full_logits" if liger is False else None,
            "inferred",
            "param use_liger_kernel: stock loss where it is off",
        )
    put_named(params, draft, ORDERS)
