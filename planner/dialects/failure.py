"""Why a run did not finish: from its tags, the ends of its logs, and the memory in use when it ended.

A run out of memory stays: what it asked for is known, and that it needed more than its devices have.
"""

import re
from collections.abc import Iterator

from planner.dialects.draft import Draft
from planner.dialects.facts import RunFacts
from planner.domain.training_run import Failure, OriginKind

TELLING_TAG = re.compile(r"error|exception|fail|reason|exit|terminat|signal|preempt|interrupt|evict|cancel|note", re.I)
LOG_FILE = re.compile(r"(\.log|\.out|\.err|std(out|err)[^/]*|traceback[^/]*|error[^/]*|logs?/[^/]+\.txt)$", re.I)
LOG_TAIL_CHARACTERS = 20_000
SIGNS: tuple[tuple[Failure, re.Pattern[str]], ...] = (
    (
        "oom",
        re.compile(
            r"out of memory|OutOfMemory|OOM[- ]?kill|\bOOM\b|CUBLAS_STATUS_ALLOC_FAILED|std::bad_alloc"
            r"|Cannot allocate memory|exit[a-z_ ]{0,20}[ :=]{0,3}137\b",
            re.I,
        ),
    ),
    (
        "preempted",
        re.compile(
            r"pre-?empt|spot (instance )?(interrupt|terminat|reclaim)|evicted|node (was )?(lost|drained|reclaimed)"
            r"|DUE TO TIME LIMIT|SIGTERM|exit[a-z_ ]{0,20}[ :=]{0,3}143\b",
            re.I,
        ),
    ),
    ("cancelled", re.compile(r"KeyboardInterrupt|cancell?ed|SIGINT|exit[a-z_ ]{0,20}[ :=]{0,3}130\b", re.I)),
    (
        "crashed",
        re.compile(r"Traceback \(most recent call last\)|\w+(Error|Exception)\b|Segmentation fault|SIGSEGV|NCCL"),
    ),
)
"""The first that is found counts: a run out of memory ends in a traceback too."""
FULL_RATIO, ROOM_RATIO = 0.97, 0.85
"""Share of a device's memory in use at the last sample: full, or with room for what was asked next."""
FIRST_STEPS = 3
"""Memory peaks in the first steps: a run that dies in them with full devices has run out of it."""


def read_failure(facts: RunFacts, draft: Draft) -> None:
    """Sets the cause of a run that ended without finishing; where nothing tells, what was looked at."""
    if facts.status not in ("FAILED", "KILLED"):
        draft.unknown("failure", f"status {facts.status[:20]}: it did not fail")
        return
    found = _stated(draft) or next(_written(facts), None) or _by_memory(facts, draft) or _by_status(facts)
    if found is None:
        draft.unknown("failure", "tags, logs among the artifacts, sampled GPU memory at the end")
        return
    cause, kind, rule = found
    draft.put("failure", cause, kind, rule)
    cluster = draft.get("cluster")
    if cause == "oom":
        draft.put(
            "actual.peak_exceeds_bytes",
            None if cluster is None or cluster.accelerator.kind == "cpu" else cluster.accelerator.memory_bytes,
            "inferred",
            "out of memory: the run needed more than a device has",
        )


def _stated(draft: Draft) -> tuple[Failure, OriginKind, str] | None:
    """What the run said itself."""
    cause, origin = draft.get("failure"), draft.origins.get("failure")
    return None if cause is None or origin is None else (cause, origin.kind, origin.rule)


def _written(facts: RunFacts) -> Iterator[tuple[Failure, OriginKind, str]]:
    for name, text in facts.tags.items():
        if TELLING_TAG.search(name):
            for cause, sign in SIGNS:
                if match := sign.search(f"{name}: {text[:LOG_TAIL_CHARACTERS]}"):
                    yield cause, "tag", f"tag {name[:60]}: {match.group()[:60]!r}"
    for path, text in facts.artifacts.items():
        if LOG_FILE.search(path):
            for cause, sign in SIGNS:
                if match := sign.search(text[-LOG_TAIL_CHARACTERS:]):
                    yield cause, "artifact", f"end of {path[-80:]}: {match.group()[:60]!r}"


def _by_memory(facts: RunFacts, draft: Draft) -> tuple[Failure, OriginKind, str] | None:
    ratios = [
        gpu.last_memory_bytes / gpu.memory_total_bytes
        for gpu in facts.gpus
        if gpu.last_memory_bytes and gpu.memory_total_bytes
    ]
    if not ratios or facts.status != "FAILED":
        return None
    fullest, steps = max(ratios), draft.get("actual.steps") or 0
    rule = f"the fullest device was at {fullest:.0%} in its last sample, after {steps} steps"
    if fullest >= FULL_RATIO and steps <= FIRST_STEPS:
        return "oom", "inferred", rule
    if fullest <= ROOM_RATIO and steps > FIRST_STEPS:
        return "crashed", "inferred", rule
    return None


def _by_status(facts: RunFacts) -> tuple[Failure, OriginKind, str] | None:
    return (
        ("cancelled", "inferred", "status KILLED, without a sign of anything else")
        if facts.status == "KILLED"
        else None
    )
