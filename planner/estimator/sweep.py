"""Many configurations at once: the formulas of one run, on arrays of sizes instead of numbers.

Equal to ``estimate_run`` on each configuration. What decides *which* formula holds (method, optimizer, kernels,
sharding, accelerator) is one value a call; ``sweep`` goes through their combinations.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.domain.accelerator import Cluster
from planner.domain.price_book import PriceBook
from planner.domain.run_config import RunConfig
from planner.domain.run_consistency import layout_conflicts
from planner.errors import ConfigError
from planner.estimator.hardware import Hardware, likeness
from planner.estimator.sweep_figures import figures_of
from planner.estimator.workload_of_run import known

Column = NDArray[np.float64]
Columns = Mapping[str, Column | Hardware]
ACCELERATOR = "cluster.accelerator"

COLUMNS = (
    "micro_batch_size",
    "gradient_accumulation_steps",
    "seq_len",
    "mean_tokens_per_sample",
    "max_tokens_per_sample",
    "max_steps",
    "train_tokens",
    "lora.rank",
    "parallelism.tp",
    "parallelism.pp",
    "parallelism.cp",
    "parallelism.ep",
    "parallelism.dp_shard",
    "cluster.count",
    "cluster.accelerator",
    "cluster.inter_node_bytes_per_s_per_accelerator",
    "cluster.accelerator.memory_bytes",
    "cluster.accelerator.memory_bandwidth_bytes_per_s",
    "cluster.accelerator.link_bytes_per_s",
    "cluster.accelerator.tdp_w",
)
"""Sizes that may be arrays, and ``Hardware``; also ``cluster.accelerator.peak_flop_per_s.`` and a dtype."""
PEAK = "cluster.accelerator.peak_flop_per_s."
CHUNK = 8192
"""Configurations whose arrays stay in a core's cache."""


class Swept(NamedTuple):
    """Figures of many runs, an array each; triples are p10, p50, p90. NaN: no price, or sizes that contradict."""

    allocated_bytes: tuple[Column, Column, Column]
    reserved_bytes: tuple[Column, Column, Column]
    device_bytes: tuple[Column, Column, Column]
    host_bytes: tuple[Column, Column, Column]
    fits_probability: Column
    tokens_per_s_per_accelerator: tuple[Column, Column, Column]
    start_up_s: tuple[Column, Column, Column]
    duration_s: tuple[Column, Column, Column]
    cost_usd: tuple[Column, Column, Column]


WIDTHS = tuple(1 if name == "fits_probability" else 3 for name in Swept._fields)
ROWS = sum(WIDTHS)


def sweep(
    config: RunConfig,
    axes: Mapping[str, Sequence[object]],
    prices: PriceBook | None = None,
    on: date | None = None,
) -> Swept:
    """The estimates of all combinations of the axes' values: arrays with one dimension an axis, in their order.

    ``axes`` go from a field (``parallelism.tp``, ``activation_checkpointing``) to its values; fields that are not
    among ``COLUMNS`` may have any values that the configuration takes. NaN where the layout is impossible.
    """
    clusters = _clusters(config, axes.get(ACCELERATOR, ()))
    sizes = {
        name: np.arange(len(values)) if name == ACCELERATOR else np.asarray(values, dtype=float)
        for name, values in axes.items()
        if is_column(name)
    }
    structures = {name: values for name, values in axes.items() if name not in sizes}
    shape = tuple(len(values) for values in sizes.values())
    grid: Columns = {
        name: Hardware(clusters, column.ravel()) if name == ACCELERATOR else column.ravel()
        for name, column in zip(sizes, np.meshgrid(*sizes.values(), indexing="ij"), strict=True)
    }
    if not grid:
        raise ConfigError(f"one of the axes must be among {', '.join(COLUMNS)}, {PEAK}<dtype>")
    _check(grid)
    found = np.full((ROWS, *(len(values) for values in structures.values()), int(np.prod(shape))), np.nan)
    for place in product(*(range(len(values)) for values in structures.values())):
        changed = config
        for name, position in zip(structures, place, strict=True):
            changed = with_field(changed, name, structures[name][position])
        possible = np.flatnonzero(is_possible(changed, grid))
        if possible.size:
            columns = _select(grid, possible)
            RunConfig.model_validate(dict(with_columns(changed, _first(columns))))
            inside: tuple[Any, ...] = (slice(None), *place)
            found[inside][:, possible] = _matrix(changed, columns, len(possible), prices, on)
    found = found.reshape(ROWS, *found.shape[1:-1], *shape)
    order = [*structures, *sizes]
    return _swept(np.transpose(found, (0, *(1 + order.index(name) for name in axes))))


def sweep_columns(
    config: RunConfig,
    columns: Mapping[str, ArrayLike | Hardware],
    prices: PriceBook | None = None,
    on: date | None = None,
) -> Swept:
    """The estimates of the configurations that differ from ``config`` in these columns (names in ``COLUMNS``).

    All columns have one length. ``config`` and columns are taken to be valid: ``is_possible`` tells.
    """
    given: Columns = {
        name: column if isinstance(column, Hardware) else np.asarray(column, dtype=float)
        for name, column in columns.items()
    }
    _check(given)
    lengths = {_length(column) for column in given.values()}
    if len(lengths) != 1:
        raise ConfigError(f"columns must be of one length, found {sorted(lengths)}")
    return _swept(_matrix(config, given, lengths.pop(), prices, on))


def _check(columns: Columns) -> None:
    for name, column in columns.items():
        if not is_column(name):
            raise ConfigError(f"{name} cannot be a column: one of {', '.join(COLUMNS)}, {PEAK}<dtype>")
        if not isinstance(column, Hardware) and not (np.isfinite(column) & (column > 0)).all():
            raise ConfigError(f"{name}: all values of a column must be numbers above 0")


def _clusters(config: RunConfig, accelerators: Sequence[Any]) -> list[Cluster]:
    cluster = known(config.cluster, "cluster", "the accelerator decides what fits and how fast it is")
    return [cluster.model_copy(update={"accelerator": accelerator}) for accelerator in accelerators]


def _length(column: "Column | Hardware") -> int:
    return len(column.place if isinstance(column, Hardware) else column)


def _select(columns: Columns, chosen: NDArray[np.intp]) -> Columns:
    return {
        name: column.select(chosen) if isinstance(column, Hardware) else column[chosen]
        for name, column in columns.items()
    }


def _first(columns: Columns) -> dict[str, Any]:
    return {
        name: column.clusters[column.place[0]].accelerator if isinstance(column, Hardware) else column[0].item()
        for name, column in columns.items()
    }


def is_column(name: str) -> bool:
    return name in COLUMNS or name.startswith(PEAK)


def is_possible(config: RunConfig, columns: Columns) -> NDArray[np.bool_]:
    """Where parallelism, model and cluster agree."""
    possible = np.ones(_length(next(iter(columns.values()))), dtype=bool)
    for is_broken, _ in layout_conflicts(with_columns(config, columns)):
        possible &= ~np.asarray(is_broken)
    return possible


def with_columns(config: RunConfig, columns: Mapping[str, Any]) -> RunConfig:
    """The configuration with arrays in some of its fields; it is not validated."""
    changed: RunConfig = _updated(config, {tuple(name.split(".")): column for name, column in columns.items()})
    return changed


def with_field(owner: Any, path: str, value: Any) -> Any:
    """A copy with the field at a dotted path changed."""
    return _updated(owner, {tuple(path.split(".")): value})


def _updated(owner: Any, values: Mapping[tuple[str, ...], Any]) -> Any:
    if isinstance(owner, dict):
        return {**owner, **{path[0]: value for path, value in values.items()}}
    update: dict[str, Any] = {}
    inner: dict[str, dict[tuple[str, ...], Any]] = {}
    for path, value in values.items():
        if len(path) == 1:
            update[path[0]] = value
        else:
            inner.setdefault(path[0], {})[path[1:]] = value
    for name, changes in inner.items():
        whole = known(getattr(owner, name), name, f"{name}.{'.'.join(next(iter(changes)))} is to be varied")
        update[name] = _updated(whole, changes)
    return owner.model_copy(update=update)


def _matrix(
    config: RunConfig, columns: Columns, length: int, prices: PriceBook | None, on: date | None
) -> NDArray[np.float64]:
    found = np.empty((ROWS, length))
    for part in _uniform_parts(config, columns, length):
        for start in range(0, len(part), CHUNK):
            chosen = part[start : start + CHUNK]
            chunk = {name: _or_number(column) for name, column in _select(columns, chosen).items()}
            rows = figures_of(with_columns(config, chunk), len(chosen), prices, on)
            for number, row in enumerate(rows):
                found[number, chosen] = row
    return found


def _or_number(column: Column | Hardware) -> Any:
    """A column of equal values as one number, which takes the formulas' short cuts."""
    if isinstance(column, Hardware):
        return column
    first = column[0].item()
    if (column != first).any():
        return column
    return int(first) if first.is_integer() else first


def _uniform_parts(config: RunConfig, columns: Columns, length: int) -> Iterator[NDArray[np.intp]]:
    """Places of the configurations that take the same branch wherever a size decides about a dtype or an unknown."""
    run = with_columns(config, columns)
    layout = run.parallelism
    keys: list[NDArray[Any]] = []
    if layout.zero_stage in (None, 3):
        keys.append(np.asarray(run.data_parallel) > 1)
        if layout.dp_shard is not None:
            keys.append(np.asarray(layout.dp_shard) > 1)
    if layout.sequence_parallel is None:
        keys.append(np.asarray(layout.tp) > 1)
    if "lora.rank" in columns and (run.trainable_params is not None or run.method is None):
        keys.append(np.asarray(columns["lora.rank"]))
    hardware = columns.get(ACCELERATOR)
    if isinstance(hardware, Hardware):
        kinds = [likeness(cluster.accelerator) for cluster in hardware.clusters]
        keys.append(np.array([kinds.index(kind) for kind in kinds])[hardware.place])
    keys = [np.broadcast_to(key, length) for key in keys if np.ndim(key)]
    if not keys:
        yield np.arange(length)
        return
    _, group = np.unique(np.stack(keys), axis=1, return_inverse=True)
    group = group.ravel()
    for number in range(int(group.max()) + 1):
        yield np.flatnonzero(group == number)


def _swept(matrix: NDArray[np.float64]) -> Swept:
    start = 0
    figures: list[Any] = []
    for width in WIDTHS:
        figures.append(matrix[start] if width == 1 else tuple(matrix[start : start + width]))
        start += width
    return Swept(*figures)
