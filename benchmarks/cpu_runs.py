"""Accuracy on a real MLflow store of 72 small CPU fine-tunings: each run predicted from all others.

Usage: python -m benchmarks.cpu_runs [STORE.db]
"""

import sys
import tempfile
from contextlib import closing
from pathlib import Path

from benchmarks.page import ROOT, write_page
from planner.calibration.backtest import leave_one_out, score
from planner.calibration.compare import compare
from planner.catalog.load import load_catalog
from planner.domain.programme import Programme
from planner.domain.training_run import TrainingRun
from planner.estimator.constants import PRIOR
from planner.sources.reader import open_reader
from planner.warehouse.connection import connect
from planner.warehouse.facts import understand
from planner.warehouse.landing import land
from planner.warehouse.tables import read

DEFAULT_STORE = ROOT.parent / "shared" / "mlflow_cpu_runs" / "mlflow.db"


def main() -> None:
    store = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_STORE
    catalog = load_catalog()
    uri = f"sqlite:///{store.resolve()}"
    programme = Programme.model_validate({"name": "cpu", "sources": [{"tracking_uri": uri}]})
    with tempfile.TemporaryDirectory() as name, connect(Path(name) / "w.duckdb") as db:
        with closing(open_reader(uri)) as reader:
            land(db, reader.source, reader.read(["*"]))
        understand(db, catalog, programme)
        runs = read(db, "training_runs", TrainingRun)
    comparison = compare(runs, catalog.prices)
    rows = [
        (
            one.resource,
            str(one.n),
            f"{one.prior_median_ape:.1%}",
            f"{one.median_ape:.1%}",
            f"{one.p90_ape:.1%}",
            f"{one.coverage_80:.0%}",
        )
        for one in score(leave_one_out(comparison.cases, prior=PRIOR))
    ]
    write_page(
        "cpu_runs",
        "72 real CPU fine-tunings, leave one out",
        "Full and LoRA fine-tunings of 1 to 20 million parameters, as the Hugging Face Trainer logged them: no rank, "
        "no sequence length, no hardware. Errors are absolute and relative to the actual.",
        ("resource", "runs", "median error, physics alone", "median error", "P90", "inside the 80 % range"),
        rows,
    )


if __name__ == "__main__":
    main()
