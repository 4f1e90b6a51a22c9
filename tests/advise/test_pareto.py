import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from planner.advise.pareto import front

POINTS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 9), st.integers(1, 9), st.floats(0.5, 1.0)), min_size=1, max_size=60
)


@given(points=POINTS)
def test_the_front_is_what_a_comparison_of_all_pairs_leaves(points: list[tuple[int, int, int, float]]) -> None:
    columns = [np.array(column, float) for column in zip(*points, strict=True)]
    kept = front(columns[0].astype(int), columns[1], columns[2], columns[3]).tolist()
    values = [point[:3] for point in points]

    def beats(other: tuple[int, ...], one: tuple[int, ...]) -> bool:
        return other != one and all(better <= worse for better, worse in zip(other, one, strict=True))

    undominated = {one for one in values if not any(beats(other, one) for other in values)}
    assert {values[place] for place in kept} == undominated
    assert len(kept) == len(undominated)
    for place in kept:
        assert points[place][3] == max(point[3] for point in points if point[:3] == values[place])


def test_of_nothing_nothing_is_left() -> None:
    none = np.zeros(0)
    assert front(none.astype(int), none, none, none).size == 0
