from typing import Any

from planner.advise.offers import offers, settings_of
from planner.catalog.load import load_catalog

EVERY = load_catalog().accelerators


def slugs(clusters: Any) -> list[str]:
    return [cluster.accelerator.slug for cluster in clusters]


def test_software_moves_between_gpus_and_vendor_software_stays_with_its_vendor(make_run: Any) -> None:
    free, tuned = (slugs(offers(make_run(framework=name), EVERY.values())) for name in ("transformers", "nemo"))
    assert free[0] == tuned[0] == "a100-80gb"
    assert "mi300x-192gb" in free
    assert "mi300x-192gb" not in tuned
    assert not {"tpu-v5e", "cpu-1core"} & set(free)
    assert len(free) == len(set(free))


def test_own_prices_stay_with_their_hardware(make_run: Any) -> None:
    own = {"accelerator": EVERY["a100-80gb"], "count": 4, "usd_per_accelerator_hour": 1.0, "provider": "aws"}
    config = make_run(cluster=own)
    first, other = offers(config, [EVERY["a100-80gb"], EVERY["l40s-48gb"]])
    assert (first.usd_per_accelerator_hour, other.usd_per_accelerator_hour) == (1.0, None)
    assert other.provider == "aws"
    assert settings_of(first, config) == {}
    assert settings_of(other, config) == {
        "cluster.accelerator": "l40s-48gb", "cluster.usd_per_accelerator_hour": "null"
    }  # fmt: skip
