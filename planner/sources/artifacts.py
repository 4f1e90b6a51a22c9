"""Reads small text files that a run left among its artifacts, through MLflow's artifact API."""

import tempfile
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from planner.domain.raw_run import RawArtifact
from planner.sources.reader import without_secrets

MAX_BYTES = 256 * 1024
MAX_FILES = 20
"""Of one run."""
MAX_LISTED = 500
MAX_DEPTH = 3


def read_artifacts(
    run_id: str, artifact_uri: str, patterns: Sequence[str], tracking_uri: str | None = None
) -> list[RawArtifact]:
    """Files whose path or name fits a shell pattern; what is too large or cannot be read comes with its reason.

    The text is only kept, never interpreted here. Nothing outside the run's own artifacts is asked for.
    """
    found: list[RawArtifact] = []
    try:
        repository = get_artifact_repository(artifact_uri, tracking_uri=tracking_uri)
        root = _local_root(artifact_uri)
        for path, num_bytes in _files(repository, None, 0, [MAX_LISTED]):
            if len(found) == MAX_FILES:
                break
            if any(
                fnmatchcase(path, pattern) or fnmatchcase(PurePosixPath(path).name, pattern) for pattern in patterns
            ):
                if root is not None and not (root / path).resolve().is_relative_to(root.resolve()):
                    found.append(RawArtifact(run_id, path, None, None, "not read: a link to a file elsewhere"))
                else:
                    found.append(_read(repository, run_id, path, num_bytes))
    except (MlflowException, OSError, ValueError) as error:
        reason = without_secrets(" ".join(str(error).split()), artifact_uri)[:300]
        found.append(RawArtifact(run_id, "", None, None, f"cannot be listed: {reason}"))
    return found


def is_inside(path: str) -> bool:
    """Whether a path stays below the folder it is meant from, on any system.

    >>> is_inside("model/adapter_config.json"), is_inside("../../etc/passwd"), is_inside("C:/x")
    (True, False, False)
    """
    parts = path.split("/")
    return bool(path) and not any(part in ("", ".", "..") for part in parts) and not set("\\:\x00") & set(path)


def _local_root(artifact_uri: str) -> Path | None:
    """The folder of artifacts that lie on this machine."""
    scheme = urlsplit(artifact_uri).scheme
    if scheme not in ("", "file"):
        return None
    return Path(url2pathname(urlsplit(artifact_uri).path) if scheme else artifact_uri)


def _files(repository: Any, folder: str | None, depth: int, left: list[int]) -> Iterator[tuple[str, int | None]]:
    """Paths and sizes, at most ``MAX_LISTED`` entries in all."""
    for entry in repository.list_artifacts(folder):
        left[0] -= 1
        if left[0] < 0:
            return
        if not is_inside(entry.path):
            continue
        if not entry.is_dir:
            yield entry.path, entry.file_size
        elif depth < MAX_DEPTH:
            yield from _files(repository, entry.path, depth + 1, left)


def _read(repository: Any, run_id: str, path: str, num_bytes: int | None) -> RawArtifact:
    if num_bytes is None or num_bytes > MAX_BYTES:
        return RawArtifact(run_id, path, num_bytes, None, f"not read: {num_bytes} bytes, the limit is {MAX_BYTES}")
    with tempfile.TemporaryDirectory() as folder:
        try:
            content = Path(repository.download_artifacts(path, folder)).read_bytes()[: MAX_BYTES + 1]
        except (MlflowException, OSError) as error:
            reason = " ".join(str(error).split())[:300]
            return RawArtifact(run_id, path, num_bytes, None, f"cannot be read: {reason}")
    if len(content) > MAX_BYTES:
        return RawArtifact(run_id, path, num_bytes, None, f"not read: larger than it said, the limit is {MAX_BYTES}")
    return RawArtifact(run_id, path, len(content), content.decode("utf-8", errors="replace"), None)
