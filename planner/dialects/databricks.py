"""Databricks: the cluster of a run, from its tag and the instance types of the catalog."""

from collections.abc import Mapping

from planner.catalog.load import Catalog
from planner.dialects.draft import Draft
from planner.dialects.facts import RunFacts
from planner.dialects.params import Params

INFO = "mlflow.databricks.cluster.info"


def read_cluster(facts: RunFacts, draft: Draft) -> None:
    """Offers the cluster: instance type x workers; a cluster without workers trains on its driver."""
    info = Params({name: str(value) for name, value in Params(facts.tags).nested(INFO).items()})
    workers = info.integer("num_workers")
    node = info.text("node_type_id") if workers else info.text("driver_node_type_id") or info.text("node_type_id")
    found = instance(draft.catalog, node)
    rule = f"tag {INFO}: {workers or 'no'} workers of {(node or 'no type')[:60]}"
    if found is None or workers is None:
        draft.unknown("cluster", f"{rule}; instance types of the catalog")
        return
    accelerator, per_instance, provider = found
    draft.offer(
        "cluster",
        {"accelerator": accelerator, "count": per_instance * max(workers, 1), "provider": provider},
        "tag",
        rule,
    )


def instance(catalog: Catalog, name: str | None) -> tuple[str, int, str] | None:
    """Accelerator, how many, and provider of an instance type; where the form of a card is listed, that one."""
    found: Mapping[str, tuple[str, int, str]] = {
        price.accelerator: (price.accelerator, price.accelerators_per_instance, price.provider)
        for price in catalog.prices.prices
        if name and price.instance_type == name and price.accelerator and price.accelerators_per_instance
    }
    exact = [slug for slug in found if "form unknown" not in catalog.accelerators[slug].name]
    return found[exact[0]] if len(exact) == 1 else None
