"""What somebody decided about a drift."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from planner.domain import Frozen


class DriftDecision(Frozen):
    """One decision; decisions are only ever added, the newest about a drift counts."""

    decision_id: str
    decided_at: datetime
    drift_id: str
    action: Literal["acknowledge", "close"]
    note: str = Field(default="", max_length=2000)
