"""What of a run tells how far the physics will be off for it: names for the effects, a position for nearness."""

import math

from planner.calibration.groups import group_path
from planner.domain import Frozen
from planner.domain.run_config import RunConfig

UNKNOWN = "unknown"


class Traits(Frozen):
    """A run as the calibration sees it."""

    groups: tuple[str, ...]
    """Nested groups, coarse to fine."""
    labels: tuple[tuple[str, str], ...] = ()
    """Kind and name of what may have an effect of its own, crossed with one another, the cell last."""
    position: tuple[float, ...] = ()
    """Logs to base two of the sizes that a configuration is near or far in."""
    flags: tuple[str, ...] = ()
    """Switches: each that differs is some steps away."""

    @property
    def effects(self) -> tuple[tuple[str, str], ...]:
        """Kind and name of every effect that may act; of a run of which only nested groups are known, these."""
        return self.labels or tuple((f"level {depth}", name) for depth, name in enumerate(self.groups) if depth)

    @property
    def kin(self) -> str:
        """Runs on the same accelerator and framework, among which noise and the reach of nearness are alike."""
        return self.effects[-2][1] if len(self.effects) > 1 else self.cell

    @property
    def cell(self) -> str:
        """The runs among which nearness counts."""
        return self.effects[-1][1] if self.effects else self.groups[-1]


def traits_of(config: RunConfig, experiment: str | None) -> Traits:
    """The traits of a run; what is not known is called ``unknown``, sizes that are not known count as 1.

    >>> traits_of(RunConfig(method="lora"), None).cell
    'accelerator=unknown, method=lora, framework=unknown, model=unknown'
    """
    cluster, model, parallelism = config.cluster, config.model, config.parallelism
    accelerator = cluster.accelerator.slug if cluster else UNKNOWN
    method = config.adapter or config.method or UNKNOWN
    framework = config.framework or UNKNOWN
    name = model.name if model else UNKNOWN
    family = (model.family if model else None) or UNKNOWN
    count = cluster.count if cluster else 1
    sharding = (
        "one device"
        if count == 1
        else f"zero{'?' if parallelism.zero_stage is None else parallelism.zero_stage}"
        + "".join(f" {axis}" for axis in ("tp", "pp", "cp", "ep") if getattr(parallelism, axis) > 1)
    )
    values = {
        "accelerator": accelerator,
        "method": method,
        "framework": framework,
        "version": config.framework_version,
        "family": family,
        "model": name,
        "sharding": sharding,
        "experiment": experiment,
    }

    def label(*keys: str) -> tuple[str, str]:
        return ", ".join(keys), ", ".join(f"{key}={values[key]}" for key in keys)

    labels = [label("accelerator"), label("method"), label("framework"), label("family"), label("model")]
    labels.append(label("sharding"))
    if config.framework_version is not None:
        labels.append(label("framework", "version"))
    if experiment is not None:
        labels.append(label("experiment"))
    labels.append(label("method", "framework"))
    labels += [label("accelerator", "framework"), label("accelerator", "method", "framework", "model")]
    tokens = (config.micro_batch_size or 1) * (config.seq_len or 1)
    rank = (config.lora.rank if config.lora else None) or 1
    sizes = (tokens, config.seq_len or 1, count, config.gradient_accumulation_steps or 1, rank)
    flags = (
        config.activation_checkpointing,
        config.attention,
        config.loss,
        config.batching,
        config.optimizer,
        config.base_quantization,
        config.precision.model_dump_json() if config.precision else None,
        sharding,
        experiment,
        config.compiler,
        "+".join(config.lora.targets) if config.lora and config.lora.targets else None,
    )
    return Traits(
        groups=group_path(config, experiment),
        labels=tuple(labels),
        position=tuple(math.log2(size) for size in sizes),
        flags=tuple(flag or "" for flag in flags),
    )
