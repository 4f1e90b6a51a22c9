"""Synthetic crossed effects: error of the mean log ratio, coverage, and time.

Six accelerators, five models, five frameworks and twelve datasets with effects of SD .25, .2, .15 and .15, a cell
effect of SD .1, noise .15, intercept .3; labels are drawn by Dirichlet weights (.8, 1, 1, .7). Scored on 4,000 fresh
draws of the same mix.
"""

import time
from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks.page import write_page
from planner.calibration.fit import learn
from planner.calibration.observed import Observed
from planner.calibration.resolve import Resolved, resolve, score_at
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


def main() -> None:
    traits = traits_by_key()
    rows = []
    for num_runs in (300, 1000, 3000):
        errors, covered = [], []
        for seed in range(NUM_SEEDS):
            keys, ratios, fresh, mean = draw(num_runs, seed)
            (learnt,) = learn(history(keys, ratios, traits))
            told: dict[tuple[int, ...], Resolved] = {key: resolve(learnt, traits[key], {}) for key in set(fresh)}
            bias, log_sd = np.array([(told[key].log_bias, told[key].log_sd) for key in fresh]).T
            seen = mean + np.random.default_rng(seed + 1000).normal(0, NOISE_SD, mean.size)
            errors.append(float(np.sqrt(np.mean((bias - mean) ** 2))))
            covered.append(float(np.mean(np.abs(seen - bias) < score_at(learnt, 0.8) * log_sd)))
        name = f"{num_runs:,} runs: RMSE of the log ratio, mean of {NUM_SEEDS} seeds"
        rows.append((name, f"{np.mean(errors):.4f}", f"{np.mean(covered):.1%}"))
    keys, ratios, _, _ = draw(100_000, 0)
    observed = history(keys, ratios, traits)
    start = time.perf_counter()
    (learnt,) = learn(observed)
    rows.append(("100,000 runs: one resource fitted", f"{time.perf_counter() - start:.2f} s", ""))
    one = traits[keys[0]]
    start = time.perf_counter()
    for _ in range(500):
        resolve(learnt, one, {})
    rows.append(("one run looked up, plain Python", f"{(time.perf_counter() - start) / 500 * 1e6:.0f} us", ""))
    write_page(
        "calibration",
        "Calibration on synthetic crossed effects",
        (__doc__ or "").partition("\n\n")[2].strip().replace("\n", " "),
        ("what", "figure", "inside the 80 % range"),
        rows,
    )


if __name__ == "__main__":
    main()
