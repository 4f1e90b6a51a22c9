"""Adds to each drift what moved, from the circumstances of its own and of its neighbours' runs."""

from collections.abc import Sequence

import numpy as np

from planner.calibration.fit import PRIOR_LOG_SD
from planner.calibration.residuals import Residual
from planner.calibration.robust import winsorise
from planner.calibration.shrinkage import shrink
from planner.calibration.table import ResidualTable, tabulate
from planner.drift.factors import RunFactors, factors_before_and_after
from planner.drift.report import DriftReport, DriftStatus
from planner.drift.verdict import Evidence, judge

MAX_RUNS = 3000
"""Of a resource, the newest that are looked at."""


def explain(report: DriftReport, residuals: Sequence[Residual], factors: Sequence[RunFactors]) -> DriftReport:
    """The report with a verdict for each drift; ``residuals`` as given to ``track``, ``factors`` of any runs."""
    if not any(status.stage for status in report.statuses):
        return report
    tables = {table.resource: table for table in tabulate(one for one in residuals if one.ended_at < report.as_of)}
    by_run = {one.run_id: one for one in factors}
    statuses = tuple(
        status if status.stage is None else _explained(status, tables[status.resource], by_run)
        for status in report.statuses
    )
    return report.model_copy(update={"statuses": statuses})


def _explained(status: DriftStatus, table: ResidualTable, by_run: dict[str, RunFactors]) -> DriftStatus:
    if status.since is None:
        return status
    change_s = status.since.timestamp()
    end_s = (status.closed_at or status.as_of).timestamp()
    order = np.lexsort((np.arange(table.ended_at_s.size), table.ended_at_s))
    chosen = np.sort(order[table.ended_at_s[order] <= end_s][-MAX_RUNS:])
    is_after = table.ended_at_s[chosen] >= change_s
    before = chosen[~is_after]
    if not before.size:
        return status
    finest = shrink(table.log_ratio[before], table.tree.subset(before), PRIOR_LOG_SD[table.resource])[-1]
    code = table.tree.codes[-1][chosen]
    rows = [table.residuals[index] for index in chosen]
    evidence = Evidence(
        run_ids=[row.run_id for row in rows],
        z=winsorise((table.log_ratio[chosen] - finest.mean[code]) / finest.log_sd[code], 0.0, 1.0),
        is_after=is_after,
        is_own=np.array([status.group in (*row.groups, f"experiment={row.experiment}") for row in rows]),
        log_ratio=table.log_ratio[chosen],
    )
    known = [by_run.get(row.run_id) or RunFactors(run_id=row.run_id, experiment=row.experiment) for row in rows]
    verdict = judge(evidence, factors_before_and_after(known, status.since))
    return status.model_copy(update={"verdict": verdict})
