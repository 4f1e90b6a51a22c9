from datetime import UTC, datetime

import pytest

from planner.catalog.load import load_catalog
from planner.domain.accelerator import Cluster
from planner.domain.estimate import Estimate, MemoryEstimate, Moment, Provenance, Quantiles
from planner.domain.programme import Budget, FleetPool, GatePolicy
from planner.domain.run_config import RunConfig
from planner.gate.decide import decide
from planner.gate.decision import GateDecision
from planner.gate.way_out import suggestions
from planner.units import GIB

NOW = datetime(2026, 11, 23, tzinfo=UTC)
CATALOG = load_catalog()
A100 = CATALOG.accelerators["a100-80gb"]
CONFIG = RunConfig(
    name="nightly",
    model=CATALOG.models["llama-3.1-8b"],
    method="lora",
    seq_len=2048,
    micro_batch_size=8,
    max_steps=100,
    cluster=Cluster(accelerator=A100, count=4),
)


def estimate(*, fits: float = 1.0, cost_usd: Quantiles | None = None, unknowns: tuple[str, ...] = ()) -> Estimate:
    memory = Quantiles(p10=38 * GIB, p50=40 * GIB, p90=42 * GIB)
    return Estimate(
        config_hash=CONFIG.config_hash,
        accelerator="a100-80gb",
        num_accelerators=4,
        params=8_000_000_000,
        trainable_params=1000,
        steps=100,
        train_tokens=1e6,
        flop=1e18,
        memory=MemoryEstimate(
            timeline=(Moment(name="backward", tenants_bytes={"weights": 40 * GIB}),),
            peak_allocated_bytes=memory,
            peak_reserved_bytes=memory,
            peak_device_bytes=memory,
            host_peak_bytes=memory,
            usable_bytes=80 * GIB,
            fits_probability=fits,
        ),
        step_time_breakdown_s={"matmul": 1.0},
        bottleneck="compute",
        mfu=0.4,
        tokens_per_s_per_accelerator=Quantiles.exact(1000.0),
        start_up_s=Quantiles.exact(60.0),
        duration_s=Quantiles(p10=3000.0, p50=3600.0, p90=7200.0),
        duration_breakdown_s={"steps": 3540.0, "start_up": 60.0},
        checkpoint_bytes=Quantiles.exact(1e6),
        storage_bytes=Quantiles.exact(1e6),
        storage_breakdown_bytes={},
        network_bytes=Quantiles.exact(1e6),
        network_breakdown_bytes={},
        inter_node_bytes_per_s=0.0,
        cost_usd=cost_usd,
        cost_breakdown_usd={},
        unknowns=unknowns,
        provenance=Provenance(prior="test"),
    )


def gate(
    expected: Estimate,
    *,
    policy: GatePolicy | None = None,
    budget: Budget | None = None,
    fleet: tuple[FleetPool, ...] = (),
    remaining_month_usd: float | None = None,
) -> GateDecision:
    return decide(
        CONFIG,
        expected,
        decided_at=NOW,
        policy=policy or GatePolicy(),
        budget=budget or Budget(),
        fleet=fleet,
        remaining_month_usd=remaining_month_usd,
    )


def test_a_run_that_breaks_no_rule_is_allowed_without_reasons() -> None:
    decision = gate(estimate())
    assert decision.verdict == "allow"
    assert decision.reasons == ()


@pytest.mark.parametrize(("fits", "verdict"), [(0.5, "block"), (0.93, "warn"), (0.97, "allow"), (0.9, "warn")])
def test_the_probability_of_fitting_decides_on_memory(fits: float, verdict: str) -> None:
    decision = gate(estimate(fits=fits))
    assert decision.verdict == verdict
    for reason in decision.reasons:
        assert reason.rule == "memory"
        assert reason.value == fits
        assert "of 80.0 GiB" in reason.message
        assert "weights with 40.0 GiB" in reason.message


@pytest.mark.parametrize(("limit_s", "verdict"), [(3000.0, "block"), (4000.0, "warn"), (7200.0, "allow")])
def test_a_duration_whose_median_is_too_long_blocks_and_whose_tail_is_too_long_warns(
    limit_s: float, verdict: str
) -> None:
    decision = gate(estimate(), policy=GatePolicy(max_duration_s=limit_s))
    assert decision.verdict == verdict
    if decision.reasons:
        assert decision.reasons[0].limit == limit_s


def test_a_chance_below_the_blocking_limit_blocks_even_where_the_limit_of_warnings_lies_lower() -> None:
    policy = GatePolicy(min_fits_probability=0.99, warn_fits_probability=0.5)
    assert gate(estimate(fits=0.7), policy=policy).verdict == "block"
    assert gate(estimate(fits=0.995), policy=policy).verdict == "allow"


def test_what_is_left_of_the_month_is_named_in_the_reason() -> None:
    decision = gate(estimate(cost_usd=Quantiles(p10=1.0, p50=5.0, p90=20.0)), remaining_month_usd=2.0)
    assert "costs 5.00 USD (p90 20.00 USD), left of the month's budget: 2.00 USD" in decision.reasons[0].message


def test_every_broken_rule_is_a_reason_and_blocking_ones_come_first() -> None:
    decision = gate(
        estimate(fits=0.1, cost_usd=Quantiles(p10=1.0, p50=5.0, p90=20.0), unknowns=("attention",)),
        budget=Budget(per_run_usd=10.0, monthly_usd=100.0),
        remaining_month_usd=2.0,
        fleet=(FleetPool(name="small", cluster=Cluster(accelerator=A100, count=2), ownership="owned"),),
    )
    assert decision.verdict == "block"
    assert [(r.rule, r.verdict) for r in decision.reasons] == [
        ("memory", "block"),
        ("monthly_budget", "block"),
        ("fleet", "block"),
        ("run_budget", "warn"),
        ("unknown_fields", "warn"),
    ]
    assert all(reason.value is not None and reason.limit is not None for reason in decision.reasons)


def test_a_budget_without_a_price_warns_that_it_cannot_be_checked() -> None:
    assert [r.rule for r in gate(estimate(), budget=Budget(per_run_usd=1.0)).reasons] == ["price"]


def test_a_fleet_with_enough_of_the_accelerator_passes() -> None:
    pools = tuple(
        FleetPool(name=name, cluster=Cluster(accelerator=A100, count=2), ownership="owned") for name in ("a", "b")
    )
    assert gate(estimate(), fleet=pools).verdict == "allow"


def test_decisions_at_different_times_have_different_ids() -> None:
    later = decide(
        CONFIG,
        estimate(),
        decided_at=datetime(2026, 11, 24, tzinfo=UTC),
        policy=GatePolicy(),
        budget=Budget(),
        fleet=(),
        remaining_month_usd=None,
    )
    assert later.decision_id != gate(estimate()).decision_id


def test_the_way_out_names_changes_that_pass_and_keep_the_effective_batch() -> None:
    tried: list[RunConfig] = []

    def is_blocked(config: RunConfig) -> bool:
        tried.append(config)
        return config.micro_batch_size != 1

    found = suggestions(CONFIG, is_blocked)
    assert found[0] == "micro_batch_size: 1 and gradient_accumulation_steps: 8"
    same_batch = {(c.micro_batch_size or 0) * (c.gradient_accumulation_steps or 0) for c in tried}
    assert same_batch == {8}


def test_changes_that_do_not_help_alone_are_tried_together() -> None:
    config = CONFIG.model_copy(update={"method": "full", "activation_checkpointing": "none"})
    (text,) = suggestions(config, lambda changed: changed.method == "full" or changed.micro_batch_size != 1)
    assert text.split("; ") == [
        "micro_batch_size: 1 and gradient_accumulation_steps: 8",
        "method: lora with rank 16 on all linear layers (trains an adapter, not all weights)",
    ]


def test_there_may_be_no_way_out() -> None:
    assert suggestions(CONFIG, lambda _: True) == ()


def test_a_full_fine_tuning_may_become_an_adapter() -> None:
    full = CONFIG.model_copy(update={"method": "full", "lora": None})
    assert any("lora" in text for text in suggestions(full, lambda config: config.method == "full"))
