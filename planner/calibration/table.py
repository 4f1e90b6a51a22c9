"""Residuals as columns: one table a resource, with its groups as a tree of indices."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from planner.calibration.observed import estimate_log_sd
from planner.calibration.residuals import Residual
from planner.calibration.robust import Floats, Ints
from planner.calibration.shrinkage import Tree
from planner.domain.estimate import Resource


@dataclass(frozen=True)
class ResidualTable:
    """All residuals of one resource, sorted by run id: the order of arrival leaves no trace."""

    resource: Resource
    residuals: tuple[Residual, ...]
    log_ratio: Floats
    ended_at_s: Floats
    """Seconds since 1970 UTC."""
    estimate_log_sd: Floats
    """Spread that the physics gave each run."""
    names: tuple[tuple[str, ...], ...]
    """Names of the groups by level, coarse to fine."""
    tree: Tree


def tabulate(residuals: Iterable[Residual]) -> tuple[ResidualTable, ...]:
    """One table a resource, by name of the resource. All groups of a resource must be equally deep."""
    by_resource: dict[Resource, list[Residual]] = {}
    for residual in residuals:
        by_resource.setdefault(residual.resource, []).append(residual)
    return tuple(_table(resource, by_resource[resource]) for resource in sorted(by_resource))


def nest(paths: Sequence[tuple[str, ...]]) -> tuple[tuple[tuple[str, ...], ...], Tree]:
    """Names of nested groups by level, and the tree of their indices; all paths must be equally deep."""
    names: list[tuple[str, ...]] = []
    codes: list[Ints] = []
    parents: list[Ints] = []
    for level, column in enumerate(zip(*paths, strict=True)):
        index: dict[str, int] = {}
        for name in column:
            index.setdefault(name, len(index))
        code = np.fromiter((index[name] for name in column), dtype=np.int64, count=len(column))
        parent = np.zeros(len(index), dtype=np.int64)
        if level:
            parent[code] = codes[-1]
        names.append(tuple(index))
        codes.append(code)
        parents.append(parent)
    return tuple(names), Tree(codes=tuple(codes), parents=tuple(parents))


def _table(resource: Resource, unsorted: list[Residual]) -> ResidualTable:
    rows = sorted(unsorted, key=lambda row: (row.run_id, row.ended_at, row.log_ratio, row.groups))
    names, tree = nest([row.groups for row in rows])
    return ResidualTable(
        resource=resource,
        residuals=tuple(rows),
        log_ratio=np.array([row.log_ratio for row in rows]),
        ended_at_s=np.array([row.ended_at.timestamp() for row in rows]),
        estimate_log_sd=np.array(
            [estimate_log_sd(row.estimate_p10, row.estimate_p50, row.estimate_p90) for row in rows]
        ),
        names=names,
        tree=tree,
    )
