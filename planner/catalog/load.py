"""Reads the CSV catalogs. The only place where GiB, GB/s and TFLOP/s of a data sheet become base units."""

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TypeVar

from planner.domain.accelerator import Accelerator
from planner.domain.model_spec import ModelSpec
from planner.domain.price_book import Price, PriceBook
from planner.errors import PlannerError, UnknownNameError
from planner.units import GB, GIB, TERA

Entry = TypeVar("Entry")

ACCELERATOR_NOTES = ("note",)
MODEL_SOURCES = ("hf_id", "source_url", "retrieved_on", "note")


@dataclass(frozen=True)
class Catalog:
    """Everything foretune knows without having measured it."""

    accelerators: dict[str, Accelerator]
    models: dict[str, ModelSpec]
    model_by_hub_id: dict[str, str]
    """Hugging Face id in lower case (``meta-llama/llama-3.1-8b``) -> name of the model."""
    prices: PriceBook

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


def _model(row: dict[str, str]) -> ModelSpec:
    return ModelSpec.model_validate(_given(row, MODEL_SOURCES))


@cache
def load_catalog() -> Catalog:
    """The catalogs that foretune ships, read once per process."""
    return Catalog(
        accelerators=_keyed("accelerators.csv", "slug", _accelerator),
        models=_keyed("models.csv", "name", _model),
        model_by_hub_id={row["hf_id"].lower(): row["name"] for row in _rows("models.csv") if row["hf_id"]},
        prices=PriceBook(prices=tuple(Price.model_validate(_given(row)) for row in _rows("prices.csv"))),
    )
