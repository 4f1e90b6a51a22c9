from typing import Any

import pytest
from pydantic import ValidationError

from planner.catalog.load import load_catalog
from planner.domain.accelerator import Cluster
from planner.domain.lora import LORA_TARGET_SETS
from planner.domain.programme import Programme
from planner.domain.run_config import RunConfig

CATALOG = load_catalog()
CONTEXT = {"catalog": CATALOG}


def config(**fields: Any) -> RunConfig:
    return RunConfig.model_validate(fields, context=CONTEXT)


def test_a_configuration_is_immutable_and_knows_its_keys() -> None:
    with pytest.raises(ValidationError):
        config().seq_len = 3  # type: ignore[misc]
    with pytest.raises(ValidationError, match="Extra inputs"):
        config(sequence_length=3)


def test_a_name_without_a_catalog_is_refused() -> None:
    with pytest.raises(ValidationError, match="no catalog was given"):
        RunConfig.model_validate({"model": "llama-3.1-8b"})


def test_data_parallelism_is_what_the_other_sizes_leave_over() -> None:
    cluster = {"accelerator": "h100-sxm-80gb", "count": 16}
    assert config(cluster=cluster, parallelism={"tp": 2, "cp": 2}).data_parallel == 4
    assert config().data_parallel == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"parallelism": {"tp": 3}, "cluster": {"accelerator": "h100-sxm-80gb", "count": 8}},
        {"parallelism": {"dp_shard": 9}, "cluster": {"accelerator": "h100-sxm-80gb", "count": 8}},
        {"method": "full", "lora": {"rank": 4}},
        {"method": "full", "base_quantization": "nf4"},
        {"method": "qlora", "base_quantization": "none"},
        {"seq_len": 0},
        {"model": {"name": "x", "num_layers": 1}},
    ],
)
def test_impossible_configurations_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        config(**fields)


def test_the_hash_names_what_is_run_not_what_it_is_called_or_costs() -> None:
    cluster = CATALOG.accelerators["h100-sxm-80gb"]
    one = config(name="a", seq_len=512, cluster={"accelerator": cluster, "usd_per_accelerator_hour": 2.0})
    same = config(name="b", seq_len=512, cluster={"accelerator": cluster, "region": "eu"})
    other = config(name="a", seq_len=513, cluster={"accelerator": cluster})
    assert one.config_hash == same.config_hash != other.config_hash


def test_a_configuration_survives_json() -> None:
    run = config(
        model="mixtral-8x7b", precision="fp16-mixed", lora={"targets": "mlp"}, cluster={"accelerator": "tpu-v5e"}
    )
    assert RunConfig.model_validate_json(run.model_dump_json()) == run


@pytest.mark.parametrize("name", LORA_TARGET_SETS)
def test_sets_of_lora_targets_have_names(name: str) -> None:
    lora = config(lora={"targets": name}).lora
    assert lora is not None
    assert lora.targets == LORA_TARGET_SETS[name]


def test_lora_targets_can_be_joined_by_plus() -> None:
    lora = config(lora={"targets": "q_proj+v_proj"}).lora
    assert lora is not None
    assert lora.targets == ("q_proj", "v_proj")


def test_nodes_are_whole() -> None:
    h100 = CATALOG.accelerators["h100-sxm-80gb"]
    assert [Cluster(accelerator=h100, count=count).num_nodes for count in (1, 8, 9, 17)] == [1, 1, 2, 3]


def test_a_run_gets_the_fleets_price_only_for_the_same_accelerator_and_only_without_its_own() -> None:
    programme = Programme.model_validate(
        {
            "name": "x",
            "sources": [{"tracking_uri": "sqlite:///a.db"}],
            "fleet": [
                {
                    "name": "own",
                    "ownership": "owned",
                    "cluster": {"accelerator": "h100-sxm-80gb", "usd_per_accelerator_hour": 1.5},
                }
            ],
        },
        context=CONTEXT,
    )
    own = config(cluster={"accelerator": "h100-sxm-80gb"})
    other = config(cluster={"accelerator": "a100-80gb"})
    priced = config(cluster={"accelerator": "h100-sxm-80gb", "usd_per_accelerator_hour": 9.0})
    at_own = programme.at_own_price(own)
    assert at_own.cluster is not None
    assert at_own.cluster.usd_per_accelerator_hour == 1.5
    assert programme.at_own_price(other) == other
    assert programme.at_own_price(priced) == priced
    assert programme.at_own_price(config()) == config()
