"""Configurations among a run's artifacts: whose each is, and what it says."""

import re
from collections.abc import Sequence
from typing import Protocol

from planner.dialects import axolotl, deepspeed_config, llama_factory, ms_swift, peft_adapter, torchtune
from planner.dialects.config_text import read_config_text
from planner.dialects.draft import Draft
from planner.dialects.facts import RunFacts
from planner.dialects.failure import LOG_FILE
from planner.dialects.hf_model import read_model
from planner.dialects.params import Params

SUFFIXES = (".json", ".yaml", ".yml")
MODEL_FILE = "config.json"
NO_CONFIGURATIONS = re.compile(
    r"(^|/)(tokenizer|vocab|merges|special_tokens|added_tokens|generation_config|preprocessor|trainer_state"
    r"|[^/]{0,200}\.index\.json)[^/]{0,200}$"
)
"""Files of a saved model that say nothing about how it was trained."""


def is_configuration(path: str) -> bool:
    """Whether a file may say how the run was set up.

    >>> [is_configuration(p) for p in ("checkpoint-5/adapter_config.json", "conf/axolotl.yml", "tokenizer_config.json")]
    [True, True, False]
    """
    return path.lower().endswith(SUFFIXES) and NO_CONFIGURATIONS.search(path) is None


def is_log(path: str) -> bool:
    """Whether a file is what the training wrote to its screen or log.

    >>> is_log("logs/rank_0.txt"), is_log("train.log"), is_log("notes.txt")
    (True, True, False)
    """
    return LOG_FILE.search(path) is not None


class ConfigFile(Protocol):
    """A module that reads one kind of configuration file."""

    def recognises_file(self, config: Params) -> bool: ...

    def describe_file(self, config: Params, draft: Draft, place: str) -> None: ...


KINDS: Sequence[ConfigFile] = (deepspeed_config, axolotl, llama_factory, ms_swift, torchtune, peft_adapter)
"""Frameworks first: what an adapter says of itself goes over what it was to be."""


def read_artifacts(facts: RunFacts, draft: Draft) -> None:
    """Fills the draft from the configurations that were read; files of a checkpoint count like those beside it."""
    configs = {
        path: config
        for path, text in sorted(facts.artifacts.items())
        if is_configuration(path) and (config := read_config_text(text)) is not None
    }
    for kind in KINDS:
        for path, config in configs.items():
            if kind.recognises_file(config):
                kind.describe_file(config, draft, f"artifact {path[-120:]}")
    for path, config in configs.items():
        if path.rpartition("/")[2] == MODEL_FILE and draft.get("model") is None:
            found = read_model(config, draft.catalog)
            draft.put("model", found.spec, "artifact", f"artifact {path[-120:]}: {found.rule}")
