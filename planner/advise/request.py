"""What is asked of the search."""

from typing import Literal

from pydantic import Field

from planner.domain import Frozen

Objective = Literal["cost", "time", "balanced"]
Freedom = Literal["hardware", "count", "parallelism", "micro_batch", "checkpointing", "precision", "method"]
"""What the search may change."""


class Request(Frozen):
    """Limits and freedoms of a search. None: no limit."""

    objective: Objective = "balanced"
    deadline_s: float | None = Field(default=None, gt=0)
    """Longest median duration."""
    budget_usd: float | None = Field(default=None, gt=0)
    """Largest median cost."""
    max_devices: int = Field(default=64, gt=0, le=65_536)
    min_fits_probability: float = Field(default=0.9, ge=0, le=1)
    keep: frozenset[Freedom] = frozenset()
    """What stays as the run has it."""
