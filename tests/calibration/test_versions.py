import math
from datetime import UTC, datetime, timedelta

from planner.calibration.compare import Case
from planner.calibration.conformal import adapt
from planner.calibration.fit import fit
from planner.calibration.residuals import Residual
from planner.calibration.versions import Promotion, decision_in_force, in_use, judge, previous
from planner.catalog.load import load_catalog
from planner.domain.estimate import Quantiles
from planner.domain.run_config import RunConfig
from planner.estimator.estimate_run import estimate_run

START = datetime(2026, 1, 5, tzinfo=UTC)
RUN = {
    "model": "llama-3.2-1b", "method": "full", "precision": "bf16", "seq_len": 512, "batching": "packed",
    "micro_batch_size": 1, "max_steps": 100, "activation_checkpointing": "none", "attention": "flash",
    "loss": "full_logits", "cluster": {"accelerator": "a100-80gb"},
}  # fmt: skip
PHYSICS = estimate_run(RunConfig.model_validate(RUN, context={"catalog": load_catalog()}))


def cases(ratios: list[float], *, first: int = 0, experiment: str = "e") -> list[Case]:
    found = []
    for number, ratio in enumerate(ratios, start=first):
        row = Residual(
            run_id=f"r{number:04d}",
            experiment=experiment,
            resource="duration_s",
            ended_at=START + timedelta(hours=number),
            groups=("all", f"experiment={experiment}"),
            actual=100 * math.exp(ratio),
            estimate_p10=70,
            estimate_p50=100,
            estimate_p90=140,
            log_ratio=ratio,
        )
        told = Quantiles(p10=70, p50=100, p90=140)
        found.append(Case(PHYSICS.model_copy(update={"duration_s": told}), (row,)))
    return found


def judged(old: list[Case], new: list[Case]) -> Promotion:
    rows = [residual for case in [*old, *new] for residual in case.residuals]
    end = max(row.ended_at for row in rows) + timedelta(hours=1)
    champion = fit([r for case in old for r in case.residuals], as_of=new[0].asked_at, prior="p") if old else None
    return judge(fit(rows, as_of=end, prior="p"), champion, [*old, *new])


WIGGLE = [0.3 + 0.05 * math.sin(7 * n) for n in range(60)]


def test_the_first_version_is_promoted() -> None:
    assert judged([], cases(WIGGLE[:10])).action == "promoted"


def test_a_version_that_follows_a_real_shift_beats_the_one_in_use() -> None:
    decision = judged(cases(WIGGLE[:20]), cases([r + 0.5 for r in WIGGLE[20:]], first=20))
    assert decision.action == "promoted"
    assert decision.scores[0].challenger_loss < decision.scores[0].champion_loss


def test_too_few_new_runs_change_nothing() -> None:
    assert judged(cases(WIGGLE[:20]), cases(WIGGLE[:2], first=20)).action == "held"


def test_a_slip_of_units_is_held_with_its_reason() -> None:
    decision = judged(cases(WIGGLE[:20]), cases([r + math.log(1024) for r in WIGGLE[:10]], first=20))
    assert decision.action == "held"
    assert "another unit" in decision.reasons[0]


def test_a_few_runs_in_another_unit_among_many_are_held_too() -> None:
    new = [WIGGLE[n] + (math.log(1024) if n % 5 == 0 else 0.0) for n in range(20)]
    decision = judged(cases(WIGGLE[:20]), cases(new, first=20))
    assert decision.action == "held"
    assert "4 of 21 runs are off by a factor of 1000 or 1024" in decision.reasons[0]


def test_one_run_far_off_is_left_to_the_robust_fit() -> None:
    new = [WIGGLE[n] + (math.log(1024) if n == 5 else 0.0) for n in range(20)]
    assert not any("another unit" in reason for reason in judged(cases(WIGGLE[:20]), cases(new, first=20)).reasons)


def test_one_bad_experiment_is_held_in_a_first_history_too() -> None:
    bad = cases([4.5] * 5, first=100, experiment="bad")
    decision = judged([], [*cases(WIGGLE[:20]), *cases(WIGGLE[:20], first=30, experiment="f"), *bad])
    assert decision.action == "held"
    assert "experiment bad" in decision.reasons[0]


def decided(day: int, version: str, action: str) -> Promotion:
    return Promotion.model_validate(
        {
            "as_of": START + timedelta(days=day), "calibration_id": version, "action": action,
            "decided_by": "command" if action == "rolled back" else "weekly", "champion_id": None, "reasons": (),
        }
    )  # fmt: skip


def test_rolling_back_twice_goes_two_versions_back_and_held_ones_never_count() -> None:
    history = [decided(1, "a", "promoted"), decided(2, "b", "promoted"), decided(3, "x", "held")]
    history.append(decided(4, "c", "promoted"))
    assert (in_use(history), previous(history)) == ("c", "b")
    history.append(decided(5, "b", "rolled back"))
    assert (in_use(history), previous(history)) == ("b", "a")
    assert in_use(history, START + timedelta(days=3)) == "b"
    assert decision_in_force(history) is history[-1]


def test_intervals_recover_their_coverage_within_fifty_runs_of_a_shift() -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    shifted = np.abs(rng.normal(1.0, 1.0, (200, 250)))
    covered = []
    for run in shifted:
        ratio, hits = 1.0, []
        for z in run:
            hits.append(bool(z <= 1.2816 * ratio))
            ratio = adapt(ratio, hits[-1:])
        covered.append(hits[50:])
    assert 0.78 <= np.mean(covered) <= 0.82
