"""Arithmetic for numbers and for arrays of numbers, element by element: one formula serves one run and many.

Where a formula says ``float``, an array of floats does as well. Plain numbers never load numpy.
"""

import math
from collections.abc import Callable, Iterable
from functools import lru_cache, reduce, wraps
from typing import Any, TypeVar, cast

Value = TypeVar("Value")
Number = TypeVar("Number", bound=float)
F = TypeVar("F", bound=Callable[..., Any])

MOST_CACHED = 4096


def is_plain(value: Any) -> bool:
    """Whether a value is one number."""
    return isinstance(value, (float, int))


def larger(one: Number, other: Number) -> Number:
    above: Any = one > other
    if above is True:
        return one
    if above is False:
        return other
    import numpy as np

    found: Number = np.maximum(one, other)
    return found


def smaller(one: Number, other: Number) -> Number:
    below: Any = one < other
    if below is True:
        return one
    if below is False:
        return other
    import numpy as np

    found: Number = np.minimum(one, other)
    return found


def largest(values: Iterable[Number]) -> Number:
    return reduce(larger, values)


def where(condition: bool, met: Value, otherwise: Value) -> Value:
    """``met`` where the condition holds, else ``otherwise``; value by value of dicts and named tuples (absent: 0)."""
    holds: Any = condition
    if holds is True:
        return met
    if holds is False:
        return otherwise
    chosen: Value = _chosen(holds, met, otherwise)
    return chosen


def _chosen(holds: Any, met: Any, otherwise: Any) -> Any:
    if isinstance(met, dict):
        names = {**met, **otherwise}
        return {name: _chosen(holds, met.get(name, 0.0), otherwise.get(name, 0.0)) for name in names}
    if isinstance(met, tuple):
        return type(met)(*(_chosen(holds, one, other) for one, other in zip(met, otherwise, strict=True)))
    import numpy as np

    return np.where(holds, met, otherwise)


def is_nothing(value: float) -> bool:
    """Whether it is one number that is not above 0."""
    return is_plain(value) and value <= 0


def always(condition: bool) -> bool:
    """Whether a condition holds of every element."""
    holds: Any = condition
    return holds if holds is True or holds is False else bool(holds.all())


def sometimes(condition: bool) -> bool:
    """Whether a condition holds of any element."""
    holds: Any = condition
    return holds if holds is True or holds is False else bool(holds.any())


def _same_for_arrays(name: str) -> Callable[[float], float]:
    of_number: Callable[[float], float] = getattr(math, name)

    def compute(value: Any) -> float:
        if isinstance(value, (float, int)):
            return of_number(value)
        import numpy as np

        found: float = getattr(np, name)(value)
        return found

    return compute


ceil = cast(Callable[[float], int], _same_for_arrays("ceil"))
exp = _same_for_arrays("exp")
expm1 = _same_for_arrays("expm1")
log = _same_for_arrays("log")
log2 = _same_for_arrays("log2")
sqrt = _same_for_arrays("sqrt")


def power(base: float, exponent: float) -> float:
    if is_plain(base):
        return math.pow(base, exponent)
    import numpy as np

    found: float = np.power(base, exponent)
    return found


def hypot(one: float, other: float) -> float:
    if is_plain(one) and is_plain(other):
        return math.hypot(one, other)
    import numpy as np

    found: float = np.hypot(one, other)
    return found


def rounded(value: Any, digits: int | None = None) -> int:
    """The nearest integer, or so many decimal places."""
    if is_plain(value):
        return cast(int, round(value, digits))
    import numpy as np

    found: int = np.round(value, digits or 0)
    return found


def erfc(value: Any) -> float:
    """The complementary error function, which numpy does not have."""
    if is_plain(value):
        return math.erfc(value)
    import numpy as np

    found: Any = np.fromiter(map(math.erfc, value.tolist()), float, len(value))
    result: float = found
    return result


def cached_for_numbers(function: F) -> F:
    """Remembers results, unless an argument is an array, which cannot be looked up."""
    cached = lru_cache(maxsize=MOST_CACHED)(function)

    def call(*args: Any) -> Any:
        try:
            return cached(*args)
        except TypeError:
            return function(*args)

    return cast(F, wraps(function)(call))
