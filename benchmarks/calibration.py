"""Synthetic crossed effects: error of the mean log ratio, coverage, and time.

Six accelerators, five models, five frameworks and twelve datasets with effects of SD .25, .2, .15 and .15, a cell
effect of SD .1, noise .15, intercept .3; labels are drawn by Dirichlet weights (.8, 1, 1, .7). Scored on 4,000 fresh
draws of the same mix. *Best possible* is the best linear unbiased prediction from the true variances: no method comes
below it on average. After a step shift of 1.5 SD in a group of 200 runs, refitted every five runs, intervals adapt.
"""

import time
from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks.page import write_page
from planner.calibration.conformal import adapt
from planner.calibration.fit import learn
from planner.calibration.observed import Observed
from planner.calibration.resolve import Asked, Resolved, as_group, resolve, score_at
from planner.calibration.resolve_many import resolve_many
from planner.calibration.robust import Floats, Ints
from planner.calibration.traits import Traits

SIZES, EFFECT_SDS, WEIGHTS = (6, 5, 5, 12), (0.25, 0.2, 0.15, 0.15), (0.8, 1.0, 1.0, 0.7)
CELL_SD, NOISE_SD, INTERCEPT = 0.1, 0.15, 0.3
START = datetime(2026, 1, 1, tzinfo=UTC)
NUM_SEEDS = 10
NUM_FRESH = 4000

Keys = list[tuple[int, ...]]


def draw(num_runs: int, seed: int) -> tuple[Keys, Floats, Keys, Floats]:
    """Labels and log ratios of a history, labels and mean log ratios of fresh runs."""
    rng = np.random.default_rng(seed)
    effects = [rng.normal(0, sd, size) for size, sd in zip(SIZES, EFFECT_SDS, strict=True)]
    cell = rng.normal(0, CELL_SD, SIZES)
    shares = [rng.dirichlet(np.full(size, weight)) for size, weight in zip(SIZES, WEIGHTS, strict=True)]

    def runs(count: int) -> tuple[Keys, Floats]:
        index: list[Ints] = [rng.choice(size, size=count, p=p) for size, p in zip(SIZES, shares, strict=True)]
        mean = INTERCEPT + sum(effect[i] for effect, i in zip(effects, index, strict=True)) + cell[tuple(index)]
        return list(zip(*(i.tolist() for i in index), strict=True)), mean

    keys, mean = runs(num_runs)
    ratios = mean + rng.normal(0, NOISE_SD, num_runs)
    fresh, expected = runs(NUM_FRESH)
    return keys, ratios, fresh, expected


def traits_by_key() -> dict[tuple[int, ...], Traits]:
    found = {}
    for key in np.ndindex(*SIZES):
        a, m, f, d = key
        names = [f"accelerator=a{a}", f"model=m{m}", f"experiment=d{d}"]
        cell = f"accelerator=a{a}, framework=f{f}, model=m{m}"
        found[key] = Traits(
            groups=("all", *(", ".join(names[: depth + 1]) for depth in range(3))),
            labels=(
                ("accelerator", names[0]),
                ("framework", f"framework=f{f}"),
                ("model", names[1]),
                ("experiment", names[2]),
                ("accelerator, framework", f"accelerator=a{a}, framework=f{f}"),
                ("accelerator, framework, model", cell),
            ),
            flags=(names[2],),
        )
    return found


def history(keys: Keys, ratios: Floats, traits: dict[tuple[int, ...], Traits]) -> list[Observed]:
    return [
        Observed(
            run_id=f"r{number:06d}",
            resource="tokens_per_s_per_accelerator",
            ended_at=START + timedelta(seconds=number),
            traits=traits[key],
            terms={},
            log_ratio=ratio,
            estimate_log_sd=0.25,
        )
        for number, (key, ratio) in enumerate(zip(keys, ratios.tolist(), strict=True))
    ]


def best_possible(keys: Keys, ratios: Floats, fresh: Keys, mean: Floats) -> float:
    """RMSE of the prediction that knows every variance."""
    seen, inverse = np.unique(np.array(keys), axis=0, return_inverse=True)
    code = inverse.ravel()
    count = np.bincount(code)
    level = np.bincount(code, weights=ratios) / count
    variances = np.concatenate([[10.0], *(np.full(size, sd**2) for size, sd in zip(SIZES, EFFECT_SDS, strict=True))])
    weight = 1 / (CELL_SD**2 + NOISE_SD**2 / count)
    known = _indicators(seen)
    effects = np.linalg.solve(known.T @ (known * weight[:, None]) + np.diag(1 / variances), known.T @ (weight * level))
    own = CELL_SD**2 * weight * (level - known @ effects)
    by_cell = dict(zip(map(tuple, seen.tolist()), own.tolist(), strict=True))
    told = _indicators(np.array(fresh)) @ effects + np.array([by_cell.get(key, 0.0) for key in fresh])
    return float(np.sqrt(np.mean((told - mean) ** 2)))


def _indicators(keys: Ints) -> Floats:
    columns = [np.ones((len(keys), 1))]
    columns += [np.eye(size)[keys[:, place]] for place, size in enumerate(SIZES)]
    return np.hstack(columns)


def after_shift(seed: int) -> list[bool]:
    """Whether each of 100 runs after a step shift lay inside its interval."""
    dice = np.random.default_rng(seed)
    values = dice.normal(0, NOISE_SD, 300)
    values[200:] += 1.5 * NOISE_SD
    who = Traits(groups=("all", "accelerator=a"))
    rows = history([()] * 300, values, {(): who})
    ratio, inside = 1.0, []
    for first in range(140, 300, 5):
        (learnt,) = learn(rows[:first], {"tokens_per_s_per_accelerator": {"all": ratio}}, passes=1)
        group = as_group(learnt, resolve(learnt, who, {}))
        hits = [group.log_p10 <= value <= group.log_p90 for value in values[first : first + 5].tolist()]
        ratio = adapt(ratio, hits)
        inside += hits
    return inside[60:]


def main() -> None:
    traits = traits_by_key()
    rows = []
    for num_runs in (300, 1000, 3000):
        errors, covered, best = [], [], []
        for seed in range(NUM_SEEDS):
            keys, ratios, fresh, mean = draw(num_runs, seed)
            best.append(best_possible(keys, ratios, fresh, mean))
            (learnt,) = learn(history(keys, ratios, traits))
            told: dict[tuple[int, ...], Resolved] = {key: resolve(learnt, traits[key], {}) for key in set(fresh)}
            bias, log_sd = np.array([(told[key].log_bias, told[key].log_sd) for key in fresh]).T
            seen = mean + np.random.default_rng(seed + 1000).normal(0, NOISE_SD, mean.size)
            errors.append(float(np.sqrt(np.mean((bias - mean) ** 2))))
            covered.append(float(np.mean(np.abs(seen - bias) < score_at(learnt, 0.8) * log_sd)))
        name = f"{num_runs:,} runs: RMSE of the log ratio, mean of {NUM_SEEDS} seeds"
        rows.append((name, f"{np.mean(errors):.4f}", f"{np.mean(best):.4f}", f"{np.mean(covered):.1%}"))
    keys, ratios, _, _ = draw(100_000, 0)
    observed = history(keys, ratios, traits)
    start = time.perf_counter()
    (learnt,) = learn(observed)
    rows.append(("100,000 runs: one resource fitted", f"{time.perf_counter() - start:.2f} s", "", ""))
    one = traits[keys[0]]
    start = time.perf_counter()
    for _ in range(500):
        resolve(learnt, one, {})
    rows.append(("one run looked up, plain Python", f"{(time.perf_counter() - start) / 500 * 1e6:.0f} us", "", ""))
    asked = [Asked(traits[key], {}, 0.25) for key in keys[:NUM_FRESH]]
    resolve_many(learnt, asked)
    took = []
    for _ in range(7):
        start = time.perf_counter()
        resolve_many(learnt, asked)
        took.append(time.perf_counter() - start)
    each = min(took) / NUM_FRESH
    rows.append((f"one of {NUM_FRESH:,} runs looked up at once, best of 7", f"{each * 1e6:.0f} us", "", ""))
    inside = np.mean([after_shift(seed) for seed in range(2 * NUM_SEEDS)], axis=0)
    for first, last in ((0, 25), (25, 50), (50, 100)):
        name = f"runs {first + 1} to {last} after a step shift"
        rows.append((name, "", "", f"{np.mean(inside[first:last]):.1%}"))
    write_page(
        "calibration",
        "Calibration on synthetic crossed effects",
        (__doc__ or "").partition("\n\n")[2].strip().replace("\n", " "),
        ("what", "figure", "best possible", "inside the 80 % range"),
        rows,
    )


if __name__ == "__main__":
    main()
