"""Fields that a framework logs under a name of its own, as a table: which field, which names, how to read them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from planner.dialects.draft import Draft
from planner.dialects.params import Params
from planner.domain.training_run import OriginKind

Read = Callable[[Params, str], Any]


class Named(NamedTuple):
    """A field and the params that may hold it, the most telling first."""

    field: str
    names: tuple[str, ...]
    read: Read


def integer(params: Params, name: str) -> int | None:
    """A whole number above 0."""
    value = params.integer(name)
    return value if value is not None and value > 0 else None


def number(params: Params, name: str) -> float | None:
    """A number above 0."""
    value = params.number(name)
    return value if value is not None and value > 0 else None


def flag(params: Params, name: str) -> bool | None:
    return params.flag(name)


def text(params: Params, name: str) -> str | None:
    return params.text(name)


def one_of(words: Mapping[str, Any]) -> Read:
    """What a word stands for, upper or lower case; None for words that are not in the table."""
    return lambda params, name: words.get((params.text(name) or "").lower())


def when(yes: Any, no: Any) -> Read:
    """What a flag stands for."""

    def read(params: Params, name: str) -> Any:
        value = params.flag(name)
        return None if value is None else yes if value else no

    return read


def given(meaning: Any) -> Read:
    """What it stands for that a param is there at all."""
    return lambda params, name: meaning if name in params else None


def put_named(
    params: Params, draft: Draft, table: Iterable[Named], *, kind: OriginKind = "logged", place: str = "param"
) -> None:
    """Puts each field of the table for which a name holds a usable value; the others stay as they are."""
    for named in table:
        for name in named.names:
            value = named.read(params, name)
            if value is not None:
                draft.put(named.field, value, kind, f"{place} {name} = {(params.text(name) or '')[:80]}")
                break
