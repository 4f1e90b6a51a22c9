"""One configuration among those that were searched."""

from collections.abc import Sequence
from typing import NamedTuple

from planner.advise.offers import settings_of
from planner.advise.structures import Structure
from planner.domain.accelerator import Cluster
from planner.domain.run_config import RunConfig


class Candidate(NamedTuple):
    """One configuration, and what the run's file must say for it."""

    config: RunConfig
    settings: dict[str, str]
    departures: tuple[str, ...]


def candidate_of(config: RunConfig, structure: Structure, cluster: Cluster, size: Sequence[int]) -> Candidate:
    """The configuration of a size (in the order of ``FIELDS``) on some hardware."""
    count, tp, pp, micro, accumulation = size
    own, layout = config.parallelism, structure.config.parallelism
    sequence_parallel = layout.sequence_parallel
    if tp > 1 and sequence_parallel is None:
        sequence_parallel = True
    changed = structure.config.model_copy(
        update={
            "cluster": cluster.model_copy(update={"count": count}),
            "parallelism": layout.model_copy(update={"tp": tp, "pp": pp, "sequence_parallel": sequence_parallel}),
            "micro_batch_size": micro,
            "gradient_accumulation_steps": accumulation,
        }
    )
    own_count = None if config.cluster is None else config.cluster.count
    wanted = (
        ("cluster.count", count, own_count),
        ("parallelism.tp", tp, own.tp),
        ("parallelism.pp", pp, own.pp),
        ("parallelism.sequence_parallel", sequence_parallel, own.sequence_parallel),
        ("micro_batch_size", micro, config.micro_batch_size),
        ("gradient_accumulation_steps", accumulation, config.gradient_accumulation_steps),
    )
    settings = {
        **settings_of(cluster, config),
        **{name: str(value).lower() for name, value, known in wanted if value != known},
        **structure.settings,
    }
    return Candidate(RunConfig.model_validate(dict(changed)), settings, structure.departures)


def describe(config: RunConfig) -> str:
    """A configuration in a few words: ``2 x l40s-48gb, lora, micro-batch 4, checkpointing full``."""
    cluster, layout = config.cluster, config.parallelism
    parts = [] if cluster is None else [f"{cluster.count} x {cluster.accelerator.slug}"]
    parts += [f"{name} {size}" for name, size in (("tp", layout.tp), ("pp", layout.pp)) if size > 1]
    if config.data_parallel > 1:
        parts.append(f"ZeRO-{layout.zero_stage}" if layout.zero_stage else "data parallel")
    if config.method is not None:
        parts.append(config.method)
    parts.append(f"micro-batch {config.micro_batch_size} x {config.gradient_accumulation_steps}")
    if config.activation_checkpointing is not None:
        parts.append(f"checkpointing {config.activation_checkpointing}")
    return ", ".join(parts)
