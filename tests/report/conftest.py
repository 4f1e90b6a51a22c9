"""Pages as a team with three programmes would see them, and one without any data."""

import math
import random
from datetime import UTC, date, datetime, timedelta

import pytest

from planner.domain.estimate import Correction, Estimate, MemoryEstimate, Moment, Provenance, Quantiles
from planner.report.page import (
    ALL_PROGRAMMES,
    AccuracyRow,
    CadenceRow,
    ComparisonRow,
    DemandRow,
    DriftPointRow,
    DriftRow,
    ForecastRow,
    GateRow,
    Headline,
    QualityRow,
    TotalRow,
    UnreadRow,
    WeeklyPage,
)
from planner.units import GIB

AS_OF = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
MONDAY = date(2026, 11, 23)
PROGRAMMES = {"support-assistant": 1.0, "legal-summaries": 0.6, "code-review": 0.25}
SIZES = {
    "runs": 14.0,
    "accelerator_hours": 900.0,
    "peak_accelerators": 24.0,
    "storage_bytes": 900 * GIB,
    "network_bytes": 310 * GIB,
    "cost_usd": 2600.0,
}
RUN_SIZES = {
    "peak_device_bytes": 61 * GIB,
    "duration_s": 16_000.0,
    "tokens_per_s_per_accelerator": 2900.0,
    "cost_usd": 190.0,
}


def _forecast() -> tuple[ForecastRow, ...]:
    rows = []
    for week in range(13):
        for name, share in ({ALL_PROGRAMMES: 1.85} | PROGRAMMES).items():
            for resource, size in SIZES.items():
                p50 = size * share / 1.85 * (1 + 0.25 * math.sin(week * 1.6)) * (1 + 0.01 * week)
                spread = 1.25 + 0.015 * week
                rows.append(
                    ForecastRow.model_validate(
                        {
                            "week_start": MONDAY + timedelta(weeks=week),
                            "programme": name,
                            "resource": resource,
                            "p10": p50 / spread,
                            "p50": p50,
                            "p90": p50 * spread,
                            "mean": p50 * 1.03,
                        }
                    )
                )
    return tuple(rows)


def _demand(rng: random.Random) -> tuple[DemandRow, ...]:
    return tuple(
        DemandRow(
            week_start=MONDAY - timedelta(weeks=week),
            experiment=name,
            runs=(runs := max(1, round(share * rng.gauss(7, 2)))),
            finished_runs=max(1, runs - 1),
            accelerator_hours=runs * rng.uniform(50, 75),
            cost_usd=runs * rng.uniform(140, 210),
        )
        for week in range(1, 27)
        for name, share in PROGRAMMES.items()
    )


def _comparisons(rng: random.Random) -> tuple[ComparisonRow, ...]:
    rows = []
    for index in range(150):
        for resource, size in RUN_SIZES.items():
            truth = size * math.exp(rng.gauss(0, 0.5 if resource != "peak_device_bytes" else 0.25))
            p50 = truth / math.exp(rng.gauss(0, 0.12))
            rows.append(
                ComparisonRow.model_validate(
                    {
                        "run_id": f"{index:032x}",
                        "run_name": f"sft-{rng.choice(list(PROGRAMMES))}-{index}",
                        "experiment": rng.choice(list(PROGRAMMES)),
                        "resource": resource,
                        "ended_at": AS_OF - timedelta(days=180 - 1.2 * index),
                        "actual": truth,
                        "prior_p50": truth / math.exp(rng.gauss(0.35, 0.2)),
                        "p10": p50 / 1.18,
                        "p50": p50,
                        "p90": p50 * 1.18,
                        "within": p50 / 1.18 <= truth <= p50 * 1.18,
                    }
                )
            )
    return tuple(rows)


def _gate_log(rng: random.Random) -> tuple[GateRow, ...]:
    rows = []
    for index in range(60):
        verdict = rng.choices(("allow", "warn", "block"), (8, 2, 1))[0]
        reasons = {
            "allow": "",
            "warn": "takes 21.0 h (p90 31.4 h), the limit is 24.0 h",
            "block": "fits with probability 12 %, 90 % wanted: device memory 88.1 GiB (p90 93.0 GiB) of 79.1 GiB",
        }[verdict]
        rows.append(
            GateRow.model_validate(
                {
                    "decided_at": AS_OF - timedelta(days=60 - index, hours=rng.uniform(0, 12)),
                    "name": f"sft-{rng.choice(list(PROGRAMMES))}-{index}",
                    "verdict": verdict,
                    "reasons": reasons,
                    "cost_usd_p50": None if index % 9 == 0 else rng.uniform(40, 900),
                    "duration_s_p50": rng.uniform(3000, 90_000),
                    "fits_probability": 0.12 if verdict == "block" else rng.uniform(0.95, 1),
                    "actual_duration_s": None if verdict == "block" else rng.uniform(3000, 90_000),
                }
            )
        )
    return tuple(rows)


DRIFT = {
    "factor_p10": 1.15,
    "factor_p90": 1.3,
    "drift_id": "3f2a91c0",
    "stage": "open",
    "alarm_at": AS_OF - timedelta(days=6),
    "moved": "driver",
    "verdict": "what moved: driver (driver_version) from 550.2 to <b>570.1</b>",
    "before": '{"num_runs": 36, "log_bias": 0.08, "levels": {"550.2": 36}}',
    "after": '{"num_runs": 12, "log_bias": 0.28, "levels": {"<b>570.1</b>": 12}}',
}


def _drift_points() -> tuple[DriftPointRow, ...]:
    rng = random.Random(3)  # noqa: S311
    points = []
    for number in range(60):
        moved = number >= 43
        points.append(
            DriftPointRow(
                resource="duration_s",
                group="accelerator=a100-sxm-80gb, method=lora",
                drift_id="3f2a91c0",
                ended_at=AS_OF - timedelta(days=60 - number),
                ratio=(1.22 if moved else 1.0) * rng.uniform(0.9, 1.1),
                ewma_ratio=1.0 + min(max(number - 43, 0) * 0.03, 0.22),
                band_ratio=1.08,
                statistic_share=max(number - 43, 0) * 0.1,
            )
        )
    return tuple(points)


def _drift() -> tuple[DriftRow, ...]:
    groups = (
        ("duration_s", "accelerator=a100-sxm-80gb, method=lora", 48, 5.9, "drifting", "up", 1.22),
        ("duration_s", "all", 150, 2.3, "ok", None, None),
        ("peak_device_bytes", "all", 150, 1.1, "ok", None, None),
        ("peak_device_bytes", "accelerator=h100-sxm-80gb, method=full", 31, 0.4, "ok", None, None),
        ("tokens_per_s_per_accelerator", "accelerator=a100-sxm-80gb, method=lora", 48, 4.4, "ok", None, None),
        ("cost_usd", "experiment=code-review", 6, 0.8, "too_few_runs", None, None),
    )
    return tuple(
        DriftRow.model_validate(
            {
                "resource": resource,
                "group": group,
                "num_runs": runs,
                "baseline_log_bias": 0.08,
                "recent_log_bias": 0.08 + (0.2 if factor else 0.01),
                "statistic": statistic,
                "limit": 5.0,
                "state": state,
                "direction": direction,
                "since": AS_OF - timedelta(days=17) if factor else None,
                "factor": factor,
                **(DRIFT if factor else {}),
            }
        )
        for resource, group, runs, statistic, state, direction, factor in groups
    )


@pytest.fixture(scope="session")
def busy_page() -> WeeklyPage:
    return make_busy_page()


def make_busy_page() -> WeeklyPage:
    rng = random.Random(7)  # noqa: S311
    fields = ("base model", "dataset size", "sequence length", "accelerator", "peak memory", "tokens")
    return WeeklyPage(
        title="Fine-tuning capacity, week of 23 November 2026",
        programme="Applied language models",
        as_of=AS_OF,
        time_zone="Europe/Berlin",
        num_weeks=13,
        calibration_id="c-2026-11-23-5f0a91",
        num_runs_learnt_from=150,
        headlines=(
            Headline(label="Cost, next 13 weeks", value_text="34,900 USD", note="80 % range 31,200 to 39,800 USD"),
            Headline(label="Accelerator-hours", value_text="12,100 h", note="80 % range 10,900 to 13,600 h"),
            Headline(label="Accelerators at the peak", value_text="31", note="24 owned; p90 38"),
            Headline(label="Budget", value_text="96 % used by December", note="11,200 USD a month"),
            Headline(label="Median error, duration", value_text="9 %", note="36 % before calibration"),
            Headline(label="Groups drifting", value_text="1 of 6", note="duration, A100, LoRA"),
        ),
        forecast=_forecast(),
        totals=tuple(
            TotalRow.model_validate({"resource": r, "p10": s * 11.5, "p50": s * 13, "p90": s * 15, "mean": s * 13.2})
            for r, s in SIZES.items()
        ),
        demand=_demand(rng),
        comparisons=_comparisons(rng),
        accuracy=tuple(
            AccuracyRow.model_validate(
                {
                    "resource": resource,
                    "num_runs": 150,
                    "prior_median_ape_ratio": 0.36,
                    "median_ape_ratio": 0.084,
                    "p90_ape_ratio": 0.21,
                    "coverage_80_ratio": 0.79,
                    "bias_log": 0.013,
                }
            )
            for resource in RUN_SIZES
        ),
        drift=_drift(),
        drift_points=_drift_points(),
        gate_log=_gate_log(rng),
        quality=tuple(
            QualityRow(
                experiment=name,
                num_runs=60,
                num_estimable=57,
                field=field,
                known_ratio=rng.uniform(0.6, 1),
                origins="logged 52, artifact 5, unknown 3",
            )
            for name in PROGRAMMES
            for field in fields
        ),
        unread=(
            UnreadRow(run_id="7c" * 16, run_name="try-2", experiment="code-review", reason="no base model was logged"),
        ),
        budget_monthly_usd=11_200.0,
        cadence=tuple(
            CadenceRow(
                programme=name,
                planned_updates=26,
                finished_updates=24,
                attempts=29,
                updates_per_planned=0.92,
                attempts_per_finished_p50=1.21,
            )
            for name in PROGRAMMES
        ),
        notes=("Prices as of 1 November 2026.",),
    )


@pytest.fixture(scope="session")
def empty_page() -> WeeklyPage:
    return WeeklyPage(
        title="Fine-tuning capacity",
        programme="New team",
        as_of=AS_OF,
        time_zone="UTC",
        num_weeks=13,
        calibration_id=None,
        num_runs_learnt_from=0,
    )


@pytest.fixture(scope="session")
def lora_estimate() -> Estimate:
    return make_lora_estimate()


def make_lora_estimate() -> Estimate:
    held = {"weights": 15 * GIB, "lora_weights": 0.2 * GIB, "optimizer_states": 0.4 * GIB}
    extra: dict[str, dict[str, float]] = {
        "load": {},
        "forward": {"activations": 18 * GIB},
        "loss": {"activations": 18 * GIB, "logits": 7.8 * GIB},
        "backward": {"activations": 12 * GIB, "gradients": 0.2 * GIB, "logits": 3.9 * GIB},
        "optimizer": {"gradients": 0.2 * GIB},
    }
    return Estimate(
        config_hash="ab12cd34",
        accelerator="a100-sxm-80gb",
        num_accelerators=4,
        params=8_030_000_000,
        trainable_params=42_000_000,
        steps=1200,
        train_tokens=78e6,
        flop=3.9e18,
        memory=MemoryEstimate(
            timeline=tuple(Moment.model_validate({"name": n, "tenants_bytes": held | e}) for n, e in extra.items()),
            peak_allocated_bytes=Quantiles.lognormal(41 * GIB, 0.06),
            peak_reserved_bytes=Quantiles.lognormal(45 * GIB, 0.07),
            peak_device_bytes=Quantiles.lognormal(46 * GIB, 0.07),
            host_peak_bytes=Quantiles.lognormal(12 * GIB, 0.2),
            usable_bytes=79.1 * GIB,
            fits_probability=0.998,
        ),
        step_time_breakdown_s={"compute": 4.1, "communication": 0.4},
        bottleneck="matrix_units",
        mfu=0.41,
        tokens_per_s_per_accelerator=Quantiles.lognormal(3200, 0.1),
        start_up_s=Quantiles.lognormal(140, 0.4),
        duration_s=Quantiles.lognormal(6400, 0.12),
        duration_breakdown_s={"start_up": 140, "steps": 6000, "checkpoints": 60},
        checkpoint_bytes=Quantiles.exact(0.5 * GIB),
        storage_bytes=Quantiles.exact(2.5 * GIB),
        storage_breakdown_bytes={"checkpoints": 2.5 * GIB},
        network_bytes=Quantiles.lognormal(16 * GIB, 0.1),
        network_breakdown_bytes={"base_model": 15.5 * GIB, "dataset": 0.5 * GIB},
        inter_node_bytes_per_s=0.0,
        cost_usd=Quantiles.lognormal(16.4, 0.12),
        cost_breakdown_usd={"accelerators": 16.2, "storage": 0.2},
        unknowns=("attention",),
        notes=("The price is the list price of the region.",),
        provenance=Provenance(
            prior="p1",
            calibration_id="c-2026-11-23-5f0a91",
            corrections=(
                Correction(resource="duration_s", group="accelerator=a100-sxm-80gb", factor=1.31, num_runs=48),
            ),
        ),
    )
