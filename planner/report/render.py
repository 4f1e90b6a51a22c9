"""Pages as one HTML text that holds all it needs: it opens without a network, from a disk or an e-mail.

Names of runs and experiments come from strangers. The templates escape them, a chart gets them as JSON, and the page's
content security policy runs only the scripts whose checksums it lists and allows no request at all.
"""

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import Any

import jinja2
import vl_convert

from planner.advise.advice import Advice
from planner.domain.estimate import Estimate
from planner.report import backtest_page, drift_stories, estimate_tables, figures, tables
from planner.report.advice_page import advice_values
from planner.report.backtest_page import BacktestPage
from planner.report.page import WeeklyPage
from planner.report.quantities import format_ratio


def render_weekly(page: WeeklyPage) -> str:
    """The weekly page as one self-contained HTML text."""
    return _render(
        "weekly.html.j2",
        page=page,
        as_of=tables.format_moment(page.as_of, page.zone),
        forecast_figures=tuple(figures.forecast_figures(page)),
        accuracy_figures=tuple(figures.accuracy_figures(page)),
        drift_figures=tuple(figures.drift_figures(page)),
        drift_stories=drift_stories.stories(page),
        gate_figures=tuple(figures.gate_figures(page)),
        tables={
            build.__name__: build(page)
            for build in (
                tables.totals,
                tables.forecast,
                tables.accuracy,
                tables.comparisons,
                tables.drift,
                tables.cadence,
                tables.gate_log,
                tables.quality,
                tables.unread,
            )
        },
    )


def render_estimate(estimate: Estimate, config_name: str) -> str:
    """One run's estimate as one self-contained HTML text."""
    return _render(
        "estimate.html.j2",
        estimate=estimate,
        config_name=config_name,
        headlines=estimate_tables.headlines(estimate),
        bottleneck=estimate.bottleneck.replace("_", " "),
        mfu=format_ratio(estimate.mfu),
        figures=tuple(figures.memory_figures(estimate)),
        tables={
            "timeline": estimate_tables.timeline_table(estimate),
            "quantiles": estimate_tables.quantiles_table(estimate),
            "breakdowns": estimate_tables.breakdown_tables(estimate),
            "corrections": estimate_tables.corrections_table(estimate),
        },
    )


def render_backtest(page: BacktestPage) -> str:
    """A backtest as one self-contained HTML text."""
    return _render(
        "backtest.html.j2",
        page=page,
        as_of=tables.format_moment(page.as_of, page.zone),
        figures=tuple(backtest_page.backtest_figures(page)),
        tables=backtest_page.backtest_tables(page),
        groupings=backtest_page.GROUPINGS,
    )


def render_advice(advice: Advice) -> str:
    """The front of time and cost as one self-contained HTML text."""
    return _render("advice.html.j2", **advice_values(advice))


def _render(template: str, **values: Any) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("planner", "report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    scripts = _scripts()
    return environment.get_template(template).render(
        **values, style=_packaged("page.css"), scripts=scripts, policy=_policy(scripts)
    )


@cache
def _scripts() -> tuple[str, ...]:
    """The chart library, and the few lines that start it."""
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle, _packaged("page.js")


def _packaged(name: str) -> str:
    return resources.files("planner.report").joinpath(name).read_text(encoding="utf-8")


def _policy(scripts: tuple[str, ...]) -> str:
    """Nothing may be loaded, sent or framed; of scripts only these run."""
    checksums = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{checksum}'" for checksum in checksums)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
