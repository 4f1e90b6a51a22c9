import re
from pathlib import Path
from typing import get_args

from planner.dialects.run_table_actuals import MEMORY_COLUMNS, SPEED_COLUMNS, TIERS, TIMES_AND_SIZES
from planner.dialects.run_table_cells import CONFIG_COLUMNS
from planner.dialects.run_table_layout import SHARDINGS
from planner.dialects.run_table_method import BASES, OPTIMIZERS
from planner.domain.run_vocabulary import Batching
from planner.sources.run_table_file import FIGURES

PAGE = (Path(__file__).parents[2] / "docs" / "import-format.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([a-z0-9_]+)`", PAGE))


def test_the_page_describes_every_column() -> None:
    measured = {*MEMORY_COLUMNS.values(), *SPEED_COLUMNS.values(), *TIMES_AND_SIZES.values(), *TIERS.values()}
    assert {*CONFIG_COLUMNS, *measured, *FIGURES, "prob_fits", "error"} <= NAMED


def test_the_page_lists_the_words_of_the_table() -> None:
    other_spellings = {"galore_adamw", "galore_adamw_8bit", "galore_adamw_8bit_layerwise"}
    assert {*SHARDINGS, *BASES, *get_args(Batching), *OPTIMIZERS} - other_spellings <= NAMED
