"""Reads what a run left among its artifacts, through MLflow's artifact API: small texts, and the sizes of all files."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from requests import RequestException

from planner.dialects.artifact_files import is_configuration, is_log
from planner.dialects.failure import LOG_TAIL_CHARACTERS
from planner.domain.raw_run import RawArtifact
from planner.sources.reader import without_secrets

MAX_BYTES = 256 * 1024
"""Of a configuration that is read."""
MAX_LOG_BYTES = 8 * 1024 * 1024
"""Of a log of which the end is read: MLflow hands files over whole."""
MAX_FILES = 20
"""Read of one run, those nearest to the top first."""
MAX_LISTED = 500
MAX_DEPTH = 3
MAX_PATH = 1000
"""Characters."""
FAILURES = (MlflowException, RequestException, OSError, ValueError, ImportError)


def read_artifacts(run_id: str, artifact_uri: str, tracking_uri: str | None = None) -> list[RawArtifact]:
    """The files of a run by path: configurations as text, logs with their end as text, of others only the size.

    What is too large or cannot be read comes with its reason. Texts are only kept, never interpreted here. Nothing
    outside the run's own artifacts is asked for.
    """
    root = _local_root(artifact_uri)
    if root is not None and not _is_near(tracking_uri or ""):
        return [RawArtifact(run_id, ".", None, None, "not read: a folder of this machine, named by another one")]
    try:
        repository = get_artifact_repository(artifact_uri, tracking_uri=tracking_uri)
        listed = dict(_files(repository, None, 0, [MAX_LISTED]))
    except FAILURES as error:
        return [RawArtifact(run_id, ".", None, None, f"cannot be listed: {_reason(error, artifact_uri)}")]
    num_read, found = 0, []
    for path, num_bytes in sorted(listed.items(), key=lambda one: (one[0].count("/"), one[0])):
        limit = MAX_BYTES if is_configuration(path) else MAX_LOG_BYTES if is_log(path) else 0
        if root is not None and not (root / path).resolve().is_relative_to(root.resolve()):
            found.append(RawArtifact(run_id, path, None, None, "not read: a link to a file elsewhere"))
        elif not limit:
            found.append(RawArtifact(run_id, path, num_bytes, None, None))
        elif num_read == MAX_FILES:
            found.append(RawArtifact(run_id, path, num_bytes, None, f"not read: {MAX_FILES} files were before it"))
        else:
            num_read += 1
            found.append(_read(repository, run_id, path, num_bytes, limit, artifact_uri))
    return found


def is_inside(path: str) -> bool:
    """Whether a path stays below the folder it is meant from, on any system.

    >>> is_inside("model/adapter_config.json"), is_inside("../../etc/passwd"), is_inside("C:/x")
    (True, False, False)
    """
    parts = path.split("/")
    return (
        0 < len(path) <= MAX_PATH
        and not any(part in ("", ".", "..") for part in parts)
        and not set("\\:\x00") & set(path)
    )


def _local_root(artifact_uri: str) -> Path | None:
    """The folder of artifacts that lie on this machine."""
    scheme = urlsplit(artifact_uri).scheme
    if scheme not in ("", "file"):
        return None
    return Path(url2pathname(urlsplit(artifact_uri).path) if scheme else artifact_uri)


def _is_near(tracking_uri: str) -> bool:
    """Whether who wrote the store may name folders here: a file or database of ours, or a server on this machine."""
    parts = urlsplit(tracking_uri)
    return parts.scheme not in ("http", "https") or parts.hostname in ("localhost", "127.0.0.1", "::1")


def _files(repository: Any, folder: str | None, depth: int, left: list[int]) -> Iterator[tuple[str, int | None]]:
    """Paths and sizes, at most ``MAX_LISTED`` entries in all; a folder that cannot be listed is left out."""
    try:
        entries = repository.list_artifacts(folder)
    except FAILURES:
        if folder is None:
            raise
        return
    for entry in entries:
        left[0] -= 1
        if left[0] < 0:
            return
        if not is_inside(entry.path):
            continue
        if not entry.is_dir:
            yield entry.path, entry.file_size
        elif depth < MAX_DEPTH:
            yield from _files(repository, entry.path, depth + 1, left)


def _read(repository: Any, run_id: str, path: str, num_bytes: int | None, limit: int, artifact_uri: str) -> RawArtifact:
    if num_bytes is None or num_bytes > limit:
        size = "unknown size" if num_bytes is None else f"{num_bytes} bytes"
        return RawArtifact(run_id, path, num_bytes, None, f"not read: {size}, the limit is {limit}")
    with tempfile.TemporaryDirectory() as folder:
        try:
            file = Path(repository.download_artifacts(path, folder))
            if not file.resolve().is_relative_to(Path(folder).resolve()):
                return RawArtifact(run_id, path, num_bytes, None, "not read: it was put outside its folder")
            with file.open("rb") as opened:
                content = opened.read(limit + 1)
        except FAILURES as error:
            return RawArtifact(run_id, path, num_bytes, None, f"cannot be read: {_reason(error, artifact_uri)}")
    if len(content) > limit:
        return RawArtifact(run_id, path, num_bytes, None, f"not read: larger than it said, the limit is {limit}")
    text = content.decode("utf-8", errors="replace")
    return RawArtifact(
        run_id, path, len(content), text[-LOG_TAIL_CHARACTERS:] if limit == MAX_LOG_BYTES else text, None
    )


def _reason(error: Exception, artifact_uri: str) -> str:
    return without_secrets(" ".join(str(error).split()), artifact_uri)[:300]
