"""The catalog's entry for the name by which a driver or an operating system calls a device."""

import re

from planner.catalog.load import Catalog
from planner.domain.accelerator import Accelerator

MEMORY_TOLERANCE_RATIO = 0.04
"""Drivers keep some of the memory for themselves."""
NO_MODEL = {"nvidia", "tesla", "amd", "instinct", "generation", "gpu", "server", "edition", "processor", "cpu", "intel"}
"""Words of a name that do not tell one card from another."""
ALIASES = {"nvidia h100 80gb hbm3": "h100-sxm-80gb", "nvidia h200": "h200-sxm-141gb"}
"""Drivers that leave out the form of the card."""
FORM_UNKNOWN = "form unknown"
GENERIC_CPU, ONE_CORE = "cpu-generic", "cpu-1core"


def gpu_named(catalog: Catalog, name: str, memory_bytes: float) -> Accelerator | None:
    """The card that a driver calls so; None where no entry or several fit, as for a part of a card.

    >>> from planner.catalog.load import load_catalog
    >>> gpu_named(load_catalog(), "NVIDIA A100-SXM4-80GB", 85.1e9).slug
    'a100-sxm-80gb'
    """
    if slug := ALIASES.get(" ".join(name.lower().split())):
        return _as_large(catalog.accelerators[slug], memory_bytes)
    words = _words(name)
    gpus = [entry for entry in catalog.accelerators.values() if entry.kind == "gpu" and _as_large(entry, memory_bytes)]
    same = [entry for entry in gpus if _words(entry.name) == words]
    vague = [entry for entry in gpus if FORM_UNKNOWN in entry.name and _words(entry.name) == words - {"sxm", "pcie"}]
    found = [entry for entry in same if FORM_UNKNOWN not in entry.name] or same or vague
    return found[0] if len(found) == 1 else None


def cpu_named(catalog: Catalog, name: str, num_cores: int) -> Accelerator:
    """The host with a CPU called so of which a process may use that many cores; a generic one where none fits.

    >>> from planner.catalog.load import load_catalog
    >>> cpu_named(load_catalog(), "Intel(R) Xeon(R) Platinum 8480+", 112).slug
    'cpu-xeon-8480'
    """
    words = _words(re.sub(r"\((R|TM)\)", " ", name, flags=re.I))
    fitting = [cpu for cpu in catalog.cpus.values() if num_cores >= cpu.cores and _words(cpu.name) <= words]
    known = [cpu.slug for cpu in fitting if cpu.vendor != "generic"]
    slug = known[0] if len(known) == 1 else ONE_CORE if num_cores == 1 else GENERIC_CPU
    return catalog.accelerators[slug]


def _as_large(entry: Accelerator, memory_bytes: float) -> Accelerator | None:
    return entry if abs(memory_bytes / entry.memory_bytes - 1) <= MEMORY_TOLERANCE_RATIO else None


def _words(name: str) -> frozenset[str]:
    """Words that tell a device from others: without vendor, memory and remarks in parentheses."""
    plain = re.sub(r"\([^)]*\)", " ", name.lower())
    words = (re.sub(r"^sxm\d$", "sxm", word) for word in re.split(r"[\s\-/_]+", plain))
    return frozenset(word for word in words if word and word not in NO_MODEL and not re.fullmatch(r"\d+gb?", word))
