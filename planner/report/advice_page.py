"""What the page of advice shows."""

from typing import Any

from planner.advise.advice import Advice
from planner.report.advice_tables import headlines, options_table, rejected_table
from planner.report.charts.advice import time_and_cost
from planner.report.figures import Figure

CAPTION = (
    "A point is an option that no other beats, the lines through it reach from its 10th to its 90th percentile. "
    "What learns differently has a colour of its own and is shown only where it beats all that does not."
)


def advice_values(advice: Advice) -> dict[str, Any]:
    """Values of the template ``advice.html.j2``."""
    figures = []
    if advice.options:
        spec = time_and_cost(advice.options, advice.asked).to_dict()
        del spec["$schema"]
        figures.append(Figure("time-and-cost", "Options by median time and cost", CAPTION, spec))
    return {
        "advice": advice,
        "headlines": headlines(advice),
        "figures": figures,
        "options": options_table(advice),
        "rejected": rejected_table(advice),
    }
