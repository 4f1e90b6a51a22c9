"""Tables of what was learnt: versions, effects, and the way from the physics to a calibrated figure."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args

from rich.table import Table

from planner.calibration.levels import range_at
from planner.calibration.resolve import SHARED
from planner.domain.calibration import Calibration
from planner.domain.estimate import Z_P90, Estimate, Resource
from planner.report.quantities import format_factor, format_value, label
from planner.report.terminal_tables import plain
from planner.units import format_duration

MAX_EFFECTS = 12
LEAST_FACTOR_LOG = 0.005


def versions_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Versions and the decisions on them, the newest first."""
    names = ("as of", "version", "decision", "by", "runs", "learnt through", "data", "why")
    table = Table(*names, box=None, pad_edge=False)
    for row in rows:
        through = row["fitted_through"]
        used = " (in use)" if row["is_in_use"] else ""
        table.add_row(
            f"{row['as_of']:%Y-%m-%d %H:%M}",
            f"{row['calibration_id']}{used}",
            row["action"],
            row["decided_by"],
            f"{row['num_runs']:,}",
            f"{through:%Y-%m-%d}" if through else "",
            row["data_fingerprint"],
            "\n".join(plain(reason) for reason in row["reasons"]),
        )
    return table


def effects_table(calibration: Calibration) -> Table:
    """The largest effects of each resource."""
    table = Table("resource", "effect", "factor", "80 % range", "runs", box=None, pad_edge=False)
    for learnt in calibration.resources:
        every = [(name, effect) for kind in learnt.kinds.values() for name, effect in kind.effects.items()]
        every.sort(key=lambda item: -abs(item[1].log_effect))
        for name, effect in every[:MAX_EFFECTS]:
            away = Z_P90 * math.sqrt(learnt.shared_log_variance if name == SHARED else effect.log_variance)
            low, high = (math.exp(effect.log_effect + side * away) for side in (-1, 1))
            table.add_row(
                label(learnt.resource),
                plain(name),
                format_factor(math.exp(effect.log_effect)),
                f"{low:.2f} to {high:.2f}",
                f"{effect.num_runs:,}",
            )
    return table


def cadence_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Updates planned against done, and what is expected of the next ones: median (80 % range)."""
    table = Table(
        "programme", "planned", "done", "skipped", "extra", "a week, planned", "a week, done", "skipped next",
        "late by", "attempts an update", "data growth an update",
        box=None, pad_edge=False,
    )  # fmt: skip
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(
            plain(str(row["programme"])),
            *("" if row[name] is None else f"{row[name]:,}" for name in ("planned_updates", "finished_updates")),
            *("" if row[name] is None else f"{row[name]:,}" for name in ("skipped_updates", "extra_updates")),
            "" if row["planned_per_week"] is None else f"{row['planned_per_week']:.3g}",
            _range(row, "updates_per_week", "{:.2g}".format),
            _range(row, "skip_probability", "{:.0%}".format),
            _range(row, "slip_s", format_duration),
            _range(row, "attempts_per_finished", "{:.2f}".format),
            _range(row, "dataset_growth_ratio", "{:+.1%}".format),
        )
    return table


def _range(row: Mapping[str, Any], name: str, show: Callable[[float], str]) -> str:
    p10, p50, p90 = (row[f"{name}_{level}"] for level in ("p10", "p50", "p90"))
    return "" if p50 is None or p10 is None or p90 is None else f"{show(p50)} ({show(p10)} to {show(p90)})"


def explanation_table(physics: Estimate, estimate: Estimate) -> Table:
    """For each corrected figure: what physics says, each effect with its runs, and the result.

    Effects of less than half a percent are told together. A result that also follows from others (a duration from its
    start-up and speed) is the estimate's own.
    """
    table = Table("resource", "step", "factor", "figure", "runs", box=None, pad_edge=False)
    for correction in estimate.provenance.corrections:
        before, after = (one.quantiles(correction.resource) for one in (physics, estimate))
        if before is None or after is None:
            continue
        figure, resource = before.p50, correction.resource
        table.add_row(f"[bold]{label(resource)}[/]", "physics", "", format_value(resource, figure), "")
        small, steps = 1.0, correction.steps or ()
        for step in steps:
            if abs(math.log(step.factor)) < LEAST_FACTOR_LOG:
                small *= step.factor
                continue
            figure *= step.factor
            table.add_row("", *_cells(resource, plain(step.name), step.factor, figure), f"{step.num_runs:,}")
        if not steps:
            figure *= correction.factor
            table.add_row(
                "", *_cells(resource, plain(correction.group), correction.factor, figure), f"{correction.num_runs:,}"
            )
        elif small != 1.0:
            figure *= small
            table.add_row("", *_cells(resource, "smaller effects together", small, figure), "")
        spread = f"{format_value(resource, after.p10)} to {format_value(resource, after.p90)}"
        table.add_row("", "[bold]result[/]", "", f"[bold]{format_value(resource, after.p50)}[/]", spread)
    return table


def level_table(estimate: Estimate, level: float, calibration: Calibration | None) -> Table:
    """Ranges of every figure at a level, as left-out runs of the calibration say, else as the physics does."""
    learnt = {one.resource: one for one in calibration.resources} if calibration else {}
    table = Table(f"in {100 * level:g} of 100 runs", "from", "to", box=None, pad_edge=False)
    for resource in get_args(Resource):
        if (told := estimate.quantiles(resource)) is not None:
            low, high = range_at(told, level, learnt.get(resource))
            table.add_row(label(resource), format_value(resource, low), format_value(resource, high))
    return table


def _cells(resource: Resource, name: str, factor: float, figure: float) -> tuple[str, str, str]:
    return name, format_factor(factor), format_value(resource, figure)
