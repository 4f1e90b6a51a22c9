"""The dialects that are known, and which of them a run speaks."""

from collections.abc import Sequence
from typing import Protocol

from planner.dialects import (
    axolotl,
    composer,
    hf_trainer,
    lightning,
    litgpt,
    llama_factory,
    megatron_bridge,
    ms_swift,
    torchtune,
    trl,
    unsloth,
)
from planner.dialects.draft import Draft
from planner.dialects.facts import RunFacts
from planner.dialects.params import Params


class Dialect(Protocol):
    """A module for one framework. Its docstring names the releases whose logging it knows."""

    NAME: str

    def recognises(self, facts: RunFacts) -> bool: ...

    def describe(self, facts: RunFacts, params: Params, draft: Draft) -> None: ...


FRAMEWORKS: Sequence[Dialect] = (hf_trainer, torchtune, composer, megatron_bridge, litgpt, lightning)
"""A run speaks the first that recognises it."""
ON_HF_TRAINER: Sequence[Dialect] = (trl, axolotl, llama_factory, ms_swift, unsloth)
"""They build on Hugging Face's Trainer and log more than it does; what they say goes over it."""


def recognised(facts: RunFacts) -> list[Dialect]:
    """What the run speaks, in the order in which it is to be read."""
    first = next((module for module in FRAMEWORKS if module.recognises(facts)), None)
    if first is None:
        return []
    above = ON_HF_TRAINER if first is hf_trainer else ()
    return [first, *(module for module in above if module.recognises(facts))]
