"""Names what moved: of all recorded changes the one that explains the shift of the runs best, or none."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from planner.calibration.robust import Floats
from planner.domain import Frozen
from planner.drift.factors import NUMERIC, Factor, FactorKind

SHIFT_PRIOR_RUNS = 1.0
"""A shift is shrunk as if one more run without it had been seen."""
MARGIN = 1.0
"""How much better than every other explanation (in units of BIC) the one that is named has to be."""
MIN_AFFECTED_RUNS = 3
CHANGING: frozenset[FactorKind] = frozenset({"software version", "driver"})
"""Of these only a level that most runs before did not have can be what moved."""
SAME_RUNS: frozenset[FactorKind] = frozenset({"programme", "model", "method"})
"""Where these single out the same runs, they say the same."""
UNKNOWN = "unknown"
MAX_LEVELS = 5


class Segment(Frozen):
    """A group's runs before or after the change, with the levels of what moved."""

    num_runs: int
    log_bias: float
    levels: dict[str, int]
    """Number of runs by level: of a number its median; empty where nothing is named."""


class Verdict(Frozen):
    """What moved, and the evidence."""

    kind: str
    """``software version``, ``driver``, ``accelerator``, ``dataset length``, ``price``, ``cadence``, ... or
    ``unknown`` where nothing recorded stands out."""
    name: str
    """Which one; for unknown the candidates that cannot be told apart, if any."""
    level: str
    """The level whose runs moved."""
    sentence: str
    before: Segment
    after: Segment
    advantage: float | None = None
    """How much better it explains the shift than the next candidate of another kind, in units of BIC."""


@dataclass(frozen=True)
class Evidence:
    """All runs of one resource that tell about one drift; one entry a run."""

    run_ids: Sequence[str]
    z: Floats
    """SDs from the level before the change."""
    is_after: np.ndarray
    is_own: np.ndarray
    """Whether the run belongs to the series that drifts."""
    log_ratio: Floats


@dataclass(frozen=True)
class _Candidate:
    kinds: tuple[FactorKind, ...]
    factor: Factor | None
    level: str
    runs: np.ndarray
    score: float
    is_new: bool = True
    """Whether the level appeared in the series with the change."""


def judge(evidence: Evidence, factors: Iterable[Factor]) -> Verdict:
    """The factor whose level explains the shift, by the drop of the squares and BIC (Schwarz 1978).

    A version, a driver, a number or another level that appeared with the change is held against all runs with it,
    whenever they were; a level that was there before against its runs since the change, for whose date one more
    parameter counts.
    """
    dated = math.log(max(evidence.z.size, 2))
    since = evidence.is_after
    whole = _Candidate((), None, "", since, _explained(evidence.z, since) - dated)
    found = _distinct([*_candidates(evidence, factors, dated)])
    best = max(found, key=lambda one: one.score, default=whole)
    if best.factor is None or best.score <= whole.score:
        return _unknown(evidence, ())
    others = [one for one in (whole, *found) if not _same_kind(one, best)]
    rival = max(others, key=lambda one: one.score)
    if best.score - rival.score < MARGIN:
        return _unknown(evidence, () if rival.factor is None else (best, rival))
    return _named(evidence, best, best.score - rival.score)


def _explained(z: Floats, chosen: np.ndarray) -> float:
    """Drop of the sum of squares when the chosen runs may have a mean of their own, shrunk towards 0."""
    return float(np.sum(z[chosen]) ** 2 / (np.count_nonzero(chosen) + SHIFT_PRIOR_RUNS))


def _candidates(evidence: Evidence, factors: Iterable[Factor], dated: float) -> Iterable[_Candidate]:
    for factor in factors:
        level_of = np.array([factor.levels.get(run_id, "") for run_id in evidence.run_ids])
        mine_before = Counter(level_of[evidence.is_own & ~evidence.is_after])
        mine_after = Counter(level_of[evidence.is_own & evidence.is_after])
        for level, count in sorted(mine_after.items()):
            if not level or count < MIN_AFFECTED_RUNS or (factor.kind in NUMERIC and level == "usual"):
                continue
            changing = factor.kind in CHANGING
            if changing and mine_before[level] > mine_before.total() / 2:
                continue
            appeared = changing or factor.kind in NUMERIC or not mine_before[level]
            runs = (level_of == level) if appeared else (level_of == level) & evidence.is_after
            price = 0.0 if appeared else dated + math.log(max(len(set(level_of)), 1))
            yield _Candidate((factor.kind,), factor, str(level), runs, _explained(evidence.z, runs) - price, appeared)


def _distinct(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Without those that single out the same runs and mean the same; the first of them stands."""
    kept: list[_Candidate] = []
    for one in candidates:
        alike = next((other for other in kept if _same_kind(one, other) and np.array_equal(one.runs, other.runs)), None)
        if alike is None:
            kept.append(one)
    return kept


def _same_kind(one: _Candidate, other: _Candidate) -> bool:
    kinds = {*one.kinds, *other.kinds}
    return one.kinds == other.kinds or (kinds <= SAME_RUNS and np.array_equal(one.runs, other.runs))


def _named(evidence: Evidence, best: _Candidate, advantage: float) -> Verdict:
    factor = best.factor
    if factor is None:
        return _unknown(evidence, ())
    before, after = _segments(evidence, best)
    return Verdict(
        kind=factor.kind,
        name=factor.name,
        level=best.level,
        sentence=f"what moved: {_told(best, before, after)}",
        before=before,
        after=after,
        advantage=advantage,
    )


def _unknown(evidence: Evidence, candidates: Sequence[_Candidate]) -> Verdict:
    names = " or ".join(_told(one, *_segments(evidence, one)) for one in candidates)
    before, after = _segments(evidence, None)
    return Verdict(
        kind=UNKNOWN,
        name=names,
        level="",
        sentence=f"cannot be told apart: {names}" if names else "nothing that is recorded explains it",
        before=before,
        after=after,
    )


def _told(one: _Candidate, before: Segment, after: Segment) -> str:
    factor = one.factor
    if factor is None:
        return UNKNOWN
    title = factor.kind if factor.name == factor.kind else f"{factor.kind} ({factor.name})"
    if not one.is_new:
        return f"{title} {one.level}, whose runs alone shifted"
    now = next(iter(after.levels), UNKNOWN) if factor.kind in NUMERIC else one.level
    return f"{title} from {next(iter(before.levels), UNKNOWN)} to {now}"


def _segments(evidence: Evidence, one: _Candidate | None) -> tuple[Segment, Segment]:
    """The series before and after, with the most frequent levels of a factor first.

    Of a number: its median in the runs that moved, and what was usual for them before.
    """
    own_before, own_after = evidence.is_own & ~evidence.is_after, evidence.is_own & evidence.is_after
    levels: list[dict[str, int]] = [{}, {}]
    factor = one.factor if one else None
    if one is not None and factor is not None and factor.kind in NUMERIC:
        moved = [factor.numbers[run] for run in _names(evidence, own_after & one.runs)]
        if moved:
            levels = [{_number(median(usual for _, usual in moved)): len(moved)}]
            levels.append({_number(median(value for value, _ in moved)): len(moved)})
    elif factor is not None:
        for place, chosen in enumerate((own_before, own_after)):
            counts = Counter(factor.levels.get(run, UNKNOWN) for run in _names(evidence, chosen))
            levels[place] = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MAX_LEVELS])
    return _segment(evidence, own_before, levels[0]), _segment(evidence, own_after, levels[1])


def _segment(evidence: Evidence, chosen: np.ndarray, levels: dict[str, int]) -> Segment:
    bias = float(np.mean(evidence.log_ratio[chosen])) if chosen.any() else 0.0
    return Segment(num_runs=int(np.count_nonzero(chosen)), log_bias=bias, levels=levels)


def _names(evidence: Evidence, chosen: np.ndarray) -> list[str]:
    return [run_id for run_id, mine in zip(evidence.run_ids, chosen, strict=True) if mine]


def _number(value: float) -> str:
    return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
