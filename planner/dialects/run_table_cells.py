"""The cells of one row of a run table: only configuration columns can be read, and each cell is checked."""

import math
import re
from collections.abc import Mapping
from typing import TypeVar

from planner.errors import InputError

T = TypeVar("T")

CONFIG_COLUMNS = (
    "kind", "method", "base_quant", "lora_rank", "lora_targets", "trainable_params", "model", "params", "num_layers",
    "hidden_dim", "ffn_dim", "num_heads", "num_kv_heads", "head_dim", "vocab_size", "tied_embeddings", "moe_experts",
    "moe_active", "accelerator", "accelerator_memory_gib", "n_accel", "n_nodes", "interconnect", "param_dtype",
    "adapter_dtype", "compute_dtype", "amp", "optimizer", "seq_len", "avg_tokens_per_sample", "batching",
    "micro_batch", "grad_accum", "global_batch", "sharding", "tp", "pp", "cp", "ep", "cpu_offload", "activation_ckpt",
    "attention", "fused_loss", "compiler", "fp8_recipe", "fp8_attention", "activation_dtype",
    "activation_ckpt_fraction", "sequence_parallel", "tp_overlap", "inter_node_gb_s_per_accel", "length_order",
    "framework", "framework_version",
)  # fmt: skip
"""What a run is asked to do. A prediction reads these columns and no other."""
FORBIDDEN_COLUMNS = frozenset({
    "source", "source_path", "source_commit", "outcome", "evidence", "memory_tier", "throughput_tier",
    "tokens_per_s_per_accel", "step_time_s", "tflops_per_accel", "mfu", "peak_allocated_gib", "peak_reserved_gib",
    "peak_device_gib", "peak_unknown_gib", "total_time_s", "total_steps", "total_tokens_or_samples",
    "checkpoint_bytes", "derived_fields", "notes",
})  # fmt: skip
"""What came out of the run, and who published it: no prediction may depend on one of them."""
BLANK = frozenset({"", "nan", "na", "n/a", "none stated", "null"})
MAX_CELL = 500
MAX_COUNT = 10**17
MAX_AMOUNT = 1e9
NAME = re.compile(r"[\w][\w .+/:()@,=-]*", re.ASCII)


class CellError(InputError):
    """A cell that does not say what its column holds."""

    def __init__(self, column: str, text: str, what: str) -> None:
        super().__init__(f"{column} {text[:60]!r} is not {what}")


class Cells:
    """Typed access to the configuration cells of one row; a blank or missing cell is None, *not stated*."""

    def __init__(self, row: Mapping[str, str]) -> None:
        given = {column: row.get(column) for column in CONFIG_COLUMNS}
        self._text = {column: str(value).strip() for column, value in given.items() if value is not None}

    def text(self, column: str) -> str | None:
        """The cell in lower case."""
        text = self.verbatim(column)
        return None if text is None else text.lower()

    def verbatim(self, column: str) -> str | None:
        """The cell as it stands."""
        if column not in CONFIG_COLUMNS:
            raise KeyError(f"{column} is not a configuration column")
        text = self._text.get(column, "")
        if len(text) > MAX_CELL:
            raise CellError(column, text, f"at most {MAX_CELL} letters long")
        return None if text.lower() in BLANK else text

    def name(self, column: str) -> str | None:
        """A name: letters, digits and plain punctuation."""
        text = self.text(column)
        if text is not None and not NAME.fullmatch(text):
            raise CellError(column, text, "a name")
        return text

    def number(self, column: str, *, least: float = 0.0, most: float = math.inf) -> float | None:
        """A finite number above ``least`` (a fraction may be 0) and at most ``most``."""
        text = self.text(column)
        if text is None:
            return None
        try:
            value = float(text)
        except ValueError:
            raise CellError(column, text, "a number") from None
        if not math.isfinite(value) or not least <= value <= most:
            raise CellError(column, text, f"a number from {least:g} to {most:g}")
        return value

    def positive(self, column: str) -> float | None:
        value = self.number(column, most=MAX_AMOUNT)
        if value == 0:
            raise CellError(column, "0", "above 0")
        return value

    def count(self, column: str) -> int | None:
        """A whole number of at least 1; ``8.0`` and ``6.4e10`` are whole too."""
        value = self.number(column, least=1, most=MAX_COUNT)
        if value is not None and value != int(value):
            raise CellError(column, str(value), "a whole number")
        return None if value is None else int(value)

    def flag(self, column: str) -> bool | None:
        return self.word(column, {"true": True, "false": False})

    def word(self, column: str, meanings: Mapping[str, T]) -> T | None:
        """What the word of a vocabulary means."""
        text = self.text(column)
        if text is None:
            return None
        if text not in meanings:
            known = ", ".join(list(meanings)[:12]) + (", ..." if len(meanings) > 12 else "")
            raise CellError(column, text, f"a word of its vocabulary ({known})")
        return meanings[text]
