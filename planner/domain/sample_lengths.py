"""How long the samples of a run are, in tokens."""

from typing import Self

from pydantic import Field, model_validator

from planner.domain import Frozen


class SampleLengths(Frozen):
    """Tokens of the samples of a training set as the trainer gets them, cut at the cap."""

    rows_read: int = Field(gt=0)
    is_complete: bool
    """Whether every row was read; otherwise a random part."""
    mean: float = Field(ge=0)
    p10: int = Field(ge=0)
    p50: int = Field(ge=0)
    p90: int = Field(ge=0)
    p99: int = Field(ge=0)
    longest: int = Field(ge=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.p10 <= self.p50 <= self.p90 <= self.p99 <= self.longest:
            raise ValueError("quantiles of lengths must not fall")
        return self
