"""Reads the CSV catalogs. The only place where GiB, GB/s, Gbit/s and TFLOP/s of a data sheet become base units."""

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TypeVar

from planner.domain.accelerator import Accelerator
from planner.domain.cpu import Cpu
from planner.domain.instance_type import InstanceType
from planner.domain.model_spec import ModelSpec
from planner.domain.price_book import Price, PriceBook
from planner.errors import PlannerError, UnknownNameError
from planner.units import GB, GIB, GIGA, TERA

Entry = TypeVar("Entry")

ACCELERATOR_NOTES = ("note",)
MODEL_SOURCES = ("hf_id", "source_url", "retrieved_on", "note")


@dataclass(frozen=True)
class Catalog:
    """Everything foretune knows without having measured it."""

    accelerators: dict[str, Accelerator]
    """CPUs among them, each as one host."""
    cpus: dict[str, Cpu]
    models: dict[str, ModelSpec]
    model_by_hub_id: dict[str, str]
    """Hugging Face id in lower case (``meta-llama/llama-3.1-8b``) -> name of the model."""
    prices: PriceBook

    @property
    def instances(self) -> tuple[InstanceType, ...]:
        """Read when they are asked for: an estimate needs none."""
        return _instances()

    def find(self, kind: str, name: str) -> Accelerator | ModelSpec:
        """The accelerator or model called ``name``; a model also by its Hugging Face id."""
        known: Mapping[str, Accelerator | ModelSpec] = self.accelerators if kind == "accelerator" else self.models
        key = name.strip().lower()
        if kind == "model":
            key = self.model_by_hub_id.get(key, key)
        if key not in known:
            raise UnknownNameError.among(
                kind, name, known, f"(`foretune catalog {kind}s` lists all; a full description works too)"
            )
        return known[key]


def _rows(file_name: str) -> Iterator[dict[str, str]]:
    text = (files("planner.catalog") / file_name).read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())


def _keyed(file_name: str, key: str, build: Callable[[dict[str, str]], Entry]) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for row in _rows(file_name):
        if row[key] in entries:
            raise PlannerError(f"{file_name}: {row[key]!r} is given twice")
        entries[row[key]] = build(row)
    return entries


def _prices() -> tuple[Price, ...]:
    """Prices with how their provider rounds time, where it is known."""
    rounding = {
        row["provider"]: {name: row[name] for name in ("billing_increment_s", "billing_minimum_s")}
        for row in _rows("billing.csv")
    }
    return tuple(
        Price.model_validate({**rounding.get(row["provider"], {}), **_given(row)})
        if row["resource"] == "accelerator"
        else Price.model_validate(_given(row))
        for row in _rows("prices.csv")
    )


def _given(row: dict[str, str], without: tuple[str, ...] = ()) -> dict[str, str]:
    return {key: value for key, value in row.items() if value != "" and key not in without}


def _accelerator(row: dict[str, str]) -> Accelerator:
    peaks = {
        dtype: float(row[f"{dtype}_tflops"]) * TERA
        for dtype in ("fp32", "tf32", "bf16", "fp16", "fp8", "fp4")
        if row[f"{dtype}_tflops"]
    }
    converted = {
        "memory_gib",
        "memory_bandwidth_gb_s",
        "link_gb_s",
        *(f"{d}_tflops" for d in ("fp32", "tf32", "bf16", "fp16", "fp8", "fp4")),
    }
    return Accelerator.model_validate(
        {
            **_given(row, (*converted, *ACCELERATOR_NOTES)),
            "memory_bytes": float(row["memory_gib"]) * GIB,
            "memory_bandwidth_bytes_per_s": float(row["memory_bandwidth_gb_s"]) * GB,
            "peak_flop_per_s": peaks,
            "link_bytes_per_s": float(row["link_gb_s"]) * GB if row["link_gb_s"] else None,
        }
    )


def _cpu(row: dict[str, str]) -> Cpu:
    dtypes = {dtype: f"{dtype}_flop_per_cycle" for dtype in ("fp32", "bf16", "fp16")}
    converted = ("clock_ghz", "memory_gib", "memory_bandwidth_gb_s", *dtypes.values())
    return Cpu.model_validate(
        {
            **_given(row, converted),
            "flop_per_cycle": {dtype: row[column] for dtype, column in dtypes.items() if row[column]},
            "clock_hz": float(row["clock_ghz"]) * GIGA,
            "memory_bytes": float(row["memory_gib"]) * GIB,
            "memory_bandwidth_bytes_per_s": float(row["memory_bandwidth_gb_s"]) * GB,
        }
    )


def _instance(row: dict[str, str]) -> InstanceType:
    nvme, network = row["local_nvme_gb"], row["network_gbit_s"]
    return InstanceType.model_validate(
        {
            **_given(row, ("host_memory_gib", "local_nvme_gb", "network_gbit_s")),
            "host_memory_bytes": float(row["host_memory_gib"]) * GIB,
            "local_nvme_bytes": float(nvme) * GB if nvme else None,
            "network_bytes_per_s": float(network) * GIGA / 8 if network else None,
        }
    )


def _model(row: dict[str, str]) -> ModelSpec:
    return ModelSpec.model_validate(_given(row, MODEL_SOURCES))


@cache
def _instances() -> tuple[InstanceType, ...]:
    return tuple(_instance(row) for row in _rows("instances.csv"))


@cache
def load_catalog() -> Catalog:
    """The catalogs that foretune ships, read once per process."""
    cpus = _keyed("cpus.csv", "slug", _cpu)
    return Catalog(
        accelerators=_keyed("accelerators.csv", "slug", _accelerator)
        | {slug: cpu.as_accelerator() for slug, cpu in cpus.items()},
        cpus=cpus,
        models=_keyed("models.csv", "name", _model),
        model_by_hub_id={row["hf_id"].lower(): row["name"] for row in _rows("models.csv") if row["hf_id"]},
        prices=PriceBook(prices=_prices()),
    )
