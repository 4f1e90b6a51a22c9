"""Clusters side by side, so that one pass through the formulas serves runs on different accelerators."""

from collections.abc import Callable, Hashable, Sequence
from functools import wraps
from typing import Any, NamedTuple, TypeVar, cast

from planner.domain.accelerator import Accelerator, AcceleratorKind, Cluster

F = TypeVar("F", bound=Callable[..., Any])


class Hardware(NamedTuple):
    """Stands where a run has its accelerator, for arrays of runs: the figures of an accelerator become arrays."""

    clusters: Sequence[Cluster]
    """Accelerators and their prices; counts are those of the runs."""
    place: Any
    """For each run the position of its cluster: an array of integers."""

    @property
    def kind(self) -> AcceleratorKind:
        return self.clusters[0].accelerator.kind

    @property
    def link_type(self) -> str | None:
        return self.clusters[0].accelerator.link_type

    @property
    def peak_flop_per_s(self) -> Any:
        return self.clusters[0].accelerator.peak_flop_per_s

    @property
    def memory_bytes(self) -> Any:
        return self.gather([cluster.accelerator.memory_bytes for cluster in self.clusters])

    @property
    def memory_bandwidth_bytes_per_s(self) -> Any:
        return self.gather([cluster.accelerator.memory_bandwidth_bytes_per_s for cluster in self.clusters])

    @property
    def link_bytes_per_s(self) -> Any:
        """0 where it is not known."""
        return self.gather([cluster.accelerator.link_bytes_per_s or 0.0 for cluster in self.clusters])

    @property
    def accelerators_per_node(self) -> Any:
        return self.gather([cluster.accelerator.accelerators_per_node for cluster in self.clusters])

    def gather(self, values: Sequence[Any]) -> Any:
        """For each run the value of its cluster: an array, or a tuple of arrays where the values are tuples."""
        import numpy as np

        found = np.array(values, dtype=float)[self.place]
        return type(values[0])(*found.T) if isinstance(values[0], tuple) else found

    def select(self, chosen: Any) -> "Hardware":
        """The clusters of some of the runs, alone."""
        import numpy as np

        used, place = np.unique(self.place[chosen], return_inverse=True)
        return Hardware([self.clusters[number] for number in used], place)


def likeness(accelerator: Accelerator) -> Hashable:
    """Accelerators of which this is equal take the same branch in every formula."""
    is_mesh = (accelerator.link_type or "").startswith("ici")
    return accelerator.kind, is_mesh, "bf16" in accelerator.peak_flop_per_s


def for_each_accelerator(function: F) -> F:
    """A function of one accelerator (and more) that takes ``Hardware`` as well."""

    @wraps(function)
    def call(accelerator: Any, *args: Any) -> Any:
        if not isinstance(accelerator, Hardware):
            return function(accelerator, *args)
        return accelerator.gather([function(cluster.accelerator, *args) for cluster in accelerator.clusters])

    return cast(F, call)


def for_each_run(function: F) -> F:
    """A function of a workload's words and its accelerator that takes a workload with ``Hardware`` as well."""

    @wraps(function)
    def call(run: Any, *args: Any) -> Any:
        hardware = run.accelerator
        if not isinstance(hardware, Hardware):
            return function(run, *args)
        each = (run._replace(accelerator=cluster.accelerator) for cluster in hardware.clusters)
        return hardware.gather([function(one, *args) for one in each])

    return cast(F, call)
