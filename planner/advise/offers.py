"""The hardware that a run may move to."""

from collections.abc import Callable, Iterable, Sequence

from planner.domain.accelerator import Accelerator, Cluster
from planner.domain.run_config import RunConfig
from planner.estimator.software import software_class

OWN_FIELDS = (
    "usd_per_accelerator_hour",
    "owned",
    "power",
    "instance_type",
    "inter_node_bytes_per_s_per_accelerator",
)
"""Fields of a cluster that hold for its own accelerator alone."""


def offers(
    config: RunConfig,
    accelerators: Iterable[Accelerator],
    at_own_price: Callable[[RunConfig], RunConfig] = lambda run: run,
) -> tuple[Cluster, ...]:
    """One accelerator each of every kind of hardware that the run's software runs on, the run's own first.

    Software moves between GPUs, not from GPUs to TPUs or CPUs; vendor-tuned software stays with its vendor. Provider,
    region and pricing category stay; ``at_own_price`` puts in what the team owns or pays itself.
    """
    own = config.cluster
    is_tuned = software_class(config.framework) == "tuned"
    kind = "gpu" if own is None else own.accelerator.kind
    vendor = "NVIDIA" if own is None else own.accelerator.vendor
    found = [] if own is None else [own.model_copy(update={"count": 1})]
    base = Cluster(accelerator=next(iter(accelerators))) if own is None else own
    update = {"count": 1, **dict.fromkeys(OWN_FIELDS)}
    for accelerator in accelerators:
        is_own = own is not None and accelerator.slug == own.accelerator.slug
        if is_own or accelerator.kind != kind or (is_tuned and accelerator.vendor != vendor):
            continue
        cluster = base.model_copy(update={**update, "accelerator": accelerator})
        priced = at_own_price(config.model_copy(update={"cluster": cluster})).cluster
        found.append(priced or cluster)
    return tuple(found)


def settings_of(cluster: Cluster, config: RunConfig) -> dict[str, str]:
    """Keys of RUN.yaml that move the run to this hardware."""
    own = config.cluster
    if own is not None and own.accelerator.slug == cluster.accelerator.slug:
        return {}
    foreign: Sequence[str] = () if own is None else [name for name in OWN_FIELDS if getattr(own, name) is not None]
    return {"cluster.accelerator": cluster.accelerator.slug, **{f"cluster.{name}": "null" for name in foreign}}
