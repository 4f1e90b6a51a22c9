"""What every flow reads first: the programme, the catalogs and where foretune keeps its files."""

import os
from dataclasses import dataclass
from pathlib import Path

from planner.catalog.load import Catalog, load_catalog
from planner.catalog.price_file import with_own_prices
from planner.config_files import load_programme
from planner.domain.programme import Programme
from planner.settings import Settings, read_settings


@dataclass(frozen=True)
class Context:
    programme: Programme
    catalog: Catalog
    settings: Settings


def open_context(config_path: Path) -> Context:
    """Everything that a programme file leads to; an ``InputError`` where it cannot be used."""
    catalog = load_catalog()
    programme = load_programme(config_path, catalog)
    return Context(programme, with_own_prices(catalog, programme.prices), read_settings(os.environ, config_path))
