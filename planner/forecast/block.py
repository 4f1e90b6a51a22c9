"""A block of samples: small enough for memory, and drawn the same whenever it is drawn."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from planner.forecast.occupancy import Floats


@dataclass(frozen=True, slots=True)
class Block:
    """What the samples of one block share. Each generator is named after what it draws: a programme more or a run more
    leaves the draws of the others as they were, and a replay is identical."""

    as_of: datetime
    bounds_s: Floats
    """Starts of the weeks and the end of the last one, in seconds after ``as_of``."""
    seed_text: str
    number: int
    num_samples: int

    def generator(self, *purpose: str) -> np.random.Generator:
        text = "|".join((self.seed_text, str(self.as_of.timestamp()), str(self.number), *purpose))
        return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()))
