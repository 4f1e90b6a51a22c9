"""Tables and headline figures of advice."""

from planner.advise.advice import Advice, Option, Rejection
from planner.domain.estimate import Quantiles
from planner.report.page import Headline
from planner.report.quantities import format_ratio, format_value
from planner.report.tables import Column, Table, number, table


def headlines(advice: Advice) -> tuple[Headline, ...]:
    """The run as it is, and the best option, cheapest and fastest."""
    found = [
        Headline(label="Candidates", value_text=f"{advice.num_candidates:,}", note="with the same effective batch")
    ]
    if advice.asked is not None:
        found.append(_headline("As it is", advice.asked))
    if advice.options:
        found.append(_headline("First choice", advice.options[0]))
        found.append(_headline("Cheapest", min(advice.options, key=lambda option: option.cost_usd.p50)))
        found.append(_headline("Fastest", min(advice.options, key=lambda option: option.duration_s.p50)))
    return tuple(found)


def _headline(label: str, option: Option) -> Headline:
    time, cost = (format_value(name, getattr(option, name).p50) for name in ("duration_s", "cost_usd"))
    return Headline(label=label, value_text=f"{time}, {cost}", note=f"{option.num_accelerators} x {option.accelerator}")


def options_table(advice: Advice) -> Table:
    return table(
        "Options, best first",
        advice.options,
        {
            Column("Option"): lambda option: option.what,
            number("Time (90th percentile)"): lambda option: _spread("duration_s", option.duration_s),
            number("Cost (90th percentile)"): lambda option: _spread("cost_usd", option.cost_usd),
            number("Fits"): lambda option: format_ratio(option.fits_probability),
            Column("Why"): lambda option: option.why,
            Column("Settings"): lambda option: " ".join(option.settings) or "as it is",
        },
    )


def rejected_table(advice: Advice) -> Table:
    columns = {
        Column("What broke"): lambda row: row.reason,
        number("Candidates"): lambda row: f"{row.num_candidates:,}",
        Column("Example"): lambda row: row.example,
    }
    rows: tuple[Rejection, ...] = advice.rejected
    return table("Left out", rows, columns)


def _spread(name: str, quantiles: Quantiles) -> str:
    return f"{format_value(name, quantiles.p50)} ({format_value(name, quantiles.p90)})"
