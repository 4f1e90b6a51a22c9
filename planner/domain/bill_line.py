"""One charge of a cloud bill as FOCUS 1.2 names it (focus.finops.org), matched to nothing yet."""

from datetime import date
from decimal import Decimal
from typing import NamedTuple


class BillLine(NamedTuple):
    """A charge that bears the tag asked for. Times are milliseconds since 1970 in UTC, the end is exclusive."""

    source_file: str
    source_row: int
    """Of the file, the first after the header is 1."""
    provider: str
    billing_account: str
    charge_start_ms: int
    charge_end_ms: int
    charge_category: str
    """Usage, Purchase, Tax, Credit or Adjustment."""
    charge_class: str | None
    """Correction where it corrects an earlier bill."""
    pricing_category: str | None
    service: str | None
    region: str | None
    resource_id: str | None
    billed_cost_usd: Decimal
    """BilledCost: what the invoice asks for; 0 where a commitment covers the usage."""
    effective_cost_usd: Decimal | None
    """EffectiveCost: discounts in, prepaid commitments spread over their use. What a run cost."""
    list_cost_usd: Decimal | None
    contracted_cost_usd: Decimal | None
    tag_key: str
    tag_value: str


class BillDay(NamedTuple):
    """What a bill holds whole: a later export of the same day takes the place of an earlier one."""

    provider: str
    billing_account: str
    charge_day: date
    """In UTC."""
