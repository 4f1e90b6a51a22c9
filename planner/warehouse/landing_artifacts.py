"""Lands what runs left among their artifacts: texts, and the sizes of all files."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from planner.domain.raw_run import RawArtifact
from planner.warehouse.connection import Warehouse


def land_artifacts(db: Warehouse, source: str, found: Mapping[str, Sequence[RawArtifact]]) -> None:
    """Makes these the files of the runs, by run id, in one transaction; a run without any is noted as asked."""
    import pyarrow as pa

    rows = [one for run_id, files in found.items() for one in (*files, RawArtifact(run_id, "", None, None, None))]
    kinds = (pa.string(), pa.string(), pa.int64(), pa.string(), pa.string())
    columns = zip(RawArtifact._fields, zip(*rows, strict=True), kinds, strict=True)
    batch = pa.table({name: pa.array([_whole(cell) for cell in cells], kind) for name, cells, kind in columns})
    with db.transaction():
        db.execute(
            "delete from raw_artifacts where source = ? and list_contains(?::varchar[], run_id)", (source, list(found))
        )
        with db.shown({"given_artifacts": batch}):
            db.execute(
                "insert into raw_artifacts select source, run_id, path, num_bytes, text, problem, content_hash "
                "from given_artifacts join raw_runs using (run_id) where source = ?",
                (source,),
            )


def runs_without_artifacts(db: Warehouse, source: str, experiment_patterns: Sequence[str]) -> list[str]:
    """Ended runs whose artifacts were not asked for since they changed, the newest first."""
    rows = db.execute(
        "select run_id, experiment_name from raw_runs anti join raw_artifacts using (source, run_id, content_hash) "
        "where source = ? and lifecycle_stage = 'active' and end_ms is not null order by end_ms desc, run_id",
        (source,),
    )
    return [run_id for run_id, name in rows if any(fnmatchcase(name, pattern) for pattern in experiment_patterns)]


def artifact_fingerprints(db: Warehouse, source: str) -> dict[str, str]:
    """A number for what is known of the artifacts of each run that has some."""
    rows = db.execute(
        "select run_id, sum(hash(path, num_bytes, text))::varchar from raw_artifacts "
        "where source = ? and path <> '' group by run_id",
        (source,),
    )
    return dict(rows)


def _whole(cell: object) -> object:
    """A text without lone surrogates, which Arrow cannot hold."""
    return cell.encode("utf-8", errors="replace").decode("utf-8") if isinstance(cell, str) else cell
