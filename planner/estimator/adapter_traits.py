"""What each kind of adapter keeps in memory beside its own weights."""

from typing import Literal, NamedTuple

from planner.domain.run_vocabulary import AdapterKind

Keeps = Literal["inputs", "outputs", "hidden", "nothing"]


class AdapterTraits(NamedTuple):
    """Source: the forward pass of each adapter as its paper defines it, checked on published runs (peft, litgpt)."""

    keeps: Keeps = "inputs"
    """For the adapter's gradient: inputs or outputs of each adapted module, the layer's hidden state, or nothing."""
    makes_delta: bool = False
    """Makes a matrix as large as the adapted one in each forward pass."""
    adds_tokens: bool = False
    """Virtual tokens pass through the model beside the sample."""
    adds_keys: bool = False
    """Virtual tokens only as keys and values of each layer."""


TRAITS: dict[AdapterKind, AdapterTraits] = {
    "lora_fa": AdapterTraits(keeps="nothing"),
    "loha": AdapterTraits(makes_delta=True),
    "lokr": AdapterTraits(makes_delta=True),
    "frod": AdapterTraits(makes_delta=True),
    "peanut": AdapterTraits(makes_delta=True),
    "fourierft": AdapterTraits(makes_delta=True),
    "oft_v1": AdapterTraits(makes_delta=True),
    "boft": AdapterTraits(makes_delta=True),
    "adamss": AdapterTraits(keeps="nothing"),
    "bone": AdapterTraits(keeps="nothing"),
    "bone_bat": AdapterTraits(makes_delta=True),
    "shira": AdapterTraits(keeps="nothing"),
    "ln_tuning": AdapterTraits(keeps="nothing"),
    "trainable_tokens": AdapterTraits(keeps="nothing"),
    "prompt_tuning": AdapterTraits(keeps="nothing", adds_tokens=True),
    "p_tuning": AdapterTraits(keeps="nothing", adds_tokens=True),
    "p_tuning_v2": AdapterTraits(keeps="nothing", adds_keys=True),
    "prefix_tuning": AdapterTraits(keeps="nothing", adds_keys=True),
    "adaption_prompt": AdapterTraits(keeps="hidden", adds_keys=True),
    "llama_adapter": AdapterTraits(keeps="hidden", adds_keys=True),
    "llama_adapter_v2": AdapterTraits(keeps="outputs", adds_keys=True),
    "bottleneck": AdapterTraits(keeps="hidden"),
}
"""Kinds that differ from LoRA, which keeps the inputs of what it adapts."""

PLAIN = AdapterTraits()


def traits_of(kind: AdapterKind) -> AdapterTraits:
    return TRAITS.get(kind, PLAIN)
