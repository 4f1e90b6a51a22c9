"""One sentence on each option: what it is best at, or what it buys."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from planner.advise.request import Request
from planner.units import format_duration, format_usd

if TYPE_CHECKING:
    from planner.advise.advice import Option


def why(option: "Option", front: Sequence["Option"], request: Request) -> str:
    """Why the option is on the front, whose options it is compared with; then what bounds it and what it changes."""
    rivals = sorted(
        (other for other in front if len(other.departures) <= len(option.departures)), key=lambda o: o.cost_usd.p50
    )
    place = rivals.index(option)
    if len(rivals) == 1:
        reason = "the only option"
    elif place == 0:
        reason = "the cheapest"
    else:
        cheaper = rivals[place - 1]
        saved = format_duration(cheaper.duration_s.p50 - option.duration_s.p50)
        more = format_usd(option.cost_usd.p50 - cheaper.cost_usd.p50)
        is_fastest = option.duration_s.p50 == min(other.duration_s.p50 for other in rivals)
        reason = f"{'the fastest: ' if is_fastest else ''}{saved} less than the next cheaper for {more} more"
    bound = option.bottleneck.replace("_", " ")
    sentence = "; ".join((reason, f"bound by {bound}", *option.departures, *_doubts(option, request)))
    return f"{sentence[0].upper()}{sentence[1:]}."


def _doubts(option: "Option", request: Request) -> Iterator[str]:
    """Limits that the median keeps and the 90th percentile does not."""
    if request.deadline_s is not None and option.duration_s.p90 > request.deadline_s:
        yield f"may miss the deadline (90th percentile {format_duration(option.duration_s.p90)})"
    if request.budget_usd is not None and option.cost_usd.p90 > request.budget_usd:
        yield f"may exceed the budget (90th percentile {format_usd(option.cost_usd.p90)})"
