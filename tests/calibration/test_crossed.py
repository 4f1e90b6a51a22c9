import numpy as np
import pytest

from planner.calibration.crossed import Assumed, Column, Spots, solve


def data(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, 12, 1500), rng.integers(0, 9, 1500)
    y = 0.3 + rng.normal(0, 0.3, 12)[one] + rng.normal(0, 0.2, 9)[other] + rng.normal(0, 0.15, 1500)
    return one, other, y


def solved(one: np.ndarray, other: np.ndarray, y: np.ndarray, bounds: np.ndarray | None = None) -> np.ndarray:
    """Sums of effects by (level of one, level of the other)."""
    limits = np.zeros(0) if bounds is None else bounds
    count = y.size + limits.size
    columns = [
        Column("all", ("all",), np.zeros(count, dtype=np.int64), np.ones(count), 10.0),
        Column("one", tuple("abcdefghijkl"), np.append(one, np.zeros(limits.size, int)), np.ones(count), 0.3),
        Column("other", tuple("ABCDEFGHI"), np.append(other, np.zeros(limits.size, int)), np.ones(count), 0.3),
    ]
    spots = Spots(np.append(y, limits * 0), np.ones(count), np.zeros(count), np.zeros(count), np.ones(count), limits)
    found = solve(columns, spots, assumed=Assumed(0.01, 0.01))
    effects = found.effects
    return np.asarray(effects[0] + effects[1:13, None] + effects[None, 13:])


def test_effects_agree_with_the_mixed_model_of_statsmodels() -> None:
    api = pytest.importorskip("statsmodels.regression.mixed_linear_model")
    one, other, y = data()
    model = api.MixedLM(
        y, np.ones((y.size, 1)), groups=np.ones(y.size), exog_re=None,
        exog_vc=api.VCSpec(
            ["one", "other"],
            [[[f"{c}" for c in range(12)]], [[f"{c}" for c in range(9)]]],
            [[np.eye(12)[one]], [np.eye(9)[other]]],
        ),
    )  # fmt: skip
    result = model.fit()
    blup = np.asarray(next(iter(result.random_effects.values())))
    expected = float(result.fe_params[0]) + blup[-21:-9, None] + blup[None, -9:]
    assert solved(one, other, y) == pytest.approx(expected, abs=0.01)


def test_a_bound_far_below_says_nothing_and_one_above_lifts_its_level() -> None:
    one, other, y = data()
    base = solved(one, other, y)
    assert solved(one, other, y, np.array([-5.0])) == pytest.approx(base, abs=1e-3)
    assert solved(one, other, y, np.full(20, base[0, 0] + 0.5))[0, 0] > base[0, 0] + 0.02
