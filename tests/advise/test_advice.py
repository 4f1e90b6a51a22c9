"""Laws of advice, over random runs and limits."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.advise.advice import Advice, Option, advise
from planner.advise.offers import offers
from planner.advise.request import Request
from planner.catalog.load import load_catalog
from planner.domain.estimate import Estimate
from planner.domain.price_book import PriceBook
from planner.domain.run_config import RunConfig
from planner.errors import MissingPriceError, UnknownFieldError
from planner.estimator.estimate_run import estimate_run

ON = date(2026, 11, 24)
LAW = settings(max_examples=8, deadline=None)
RUNS = st.fixed_dictionaries(
    {
        "method": st.sampled_from(("full", "lora")),
        "precision": st.sampled_from(("bf16", "bf16-mixed")),
        "framework": st.sampled_from(("transformers", "torchtitan", None)),
        "model": st.sampled_from(("llama-3.1-8b", "qwen2-0.5b")),
        "gradient_accumulation_steps": st.sampled_from((1, 3, 4)),
        "activation_checkpointing": st.sampled_from(("none", "full", None)),
    }
)


def figures(options: tuple[Option, ...]) -> set[tuple[float, float, int]]:
    return {(option.cost_usd.p50, option.duration_s.p50, len(option.departures)) for option in options}


def cheapest_usd(advice: Advice) -> float:
    return min((option.cost_usd.p50 for option in advice.options), default=float("inf"))


@LAW
@given(fields=RUNS, least=st.sampled_from((0.5, 0.9, 0.99)))
def test_no_option_is_beaten_and_each_fits_as_asked(
    fields: dict[str, Any], least: float, make_run: Any, advise_on: Any
) -> None:
    advice = advise_on(make_run(**fields), min_fits_probability=least)
    for option in advice.options:
        assert option.fits_probability >= least
        assert option.cost_usd.p10 <= option.cost_usd.p50 <= option.cost_usd.p90
        assert option.why.endswith(".")
        for other in advice.options:
            beats = (
                other.cost_usd.p50 <= option.cost_usd.p50
                and other.duration_s.p50 <= option.duration_s.p50
                and len(other.departures) <= len(option.departures)
            )
            assert other is option or not beats


@LAW
@given(fields=RUNS)
def test_every_option_keeps_the_effective_batch(fields: dict[str, Any], make_run: Any, advise_on: Any) -> None:
    config = make_run(**fields)
    advice = advise_on(config)
    assert advice.effective_batch == config.micro_batch_size * config.gradient_accumulation_steps * 4
    for option in advice.options:
        said = dict(setting.split("=", 1) for setting in option.settings)
        count = int(said.get("cluster.count", 4))
        degrees = int(said.get("parallelism.tp", 1)) * int(said.get("parallelism.pp", 1))
        micro = int(said.get("micro_batch_size", config.micro_batch_size))
        accumulation = int(said.get("gradient_accumulation_steps", config.gradient_accumulation_steps))
        assert micro * accumulation * count // degrees == advice.effective_batch
        assert count <= 8


@LAW
@given(fields=RUNS, share=st.floats(0.1, 1.0))
def test_a_tighter_budget_never_adds_options(
    fields: dict[str, Any], share: float, make_run: Any, advise_on: Any
) -> None:
    config = make_run(**fields)
    free = advise_on(config)
    budget = share * max((option.cost_usd.p50 for option in free.options), default=1.0)
    bound = advise_on(config, budget_usd=budget)
    assert figures(bound.options) == {found for found in figures(free.options) if found[0] <= budget}
    tighter = advise_on(config, budget_usd=0.5 * budget)
    assert figures(tighter.options) <= figures(bound.options)


@LAW
@given(fields=RUNS, share=st.floats(0.05, 1.0))
def test_a_tighter_deadline_never_adds_options(
    fields: dict[str, Any], share: float, make_run: Any, advise_on: Any
) -> None:
    config = make_run(**fields)
    free = advise_on(config)
    deadline = share * max((option.duration_s.p50 for option in free.options), default=1.0)
    assert figures(advise_on(config, deadline_s=deadline).options) <= figures(free.options)


@LAW
@given(fields=RUNS, factor=st.floats(0.2, 1.0))
def test_cheaper_prices_never_make_the_cheapest_option_dearer(
    fields: dict[str, Any], factor: float, make_run: Any, advise_on: Any
) -> None:
    config, book = make_run(**fields), load_catalog().prices
    cheaper = PriceBook(
        prices=tuple(
            price.model_copy(update={"usd_per_unit": price.usd_per_unit * factor})
            if price.accelerator == "l40s-48gb"
            else price
            for price in book.prices
        )
    )
    assert cheapest_usd(advise_on(config, prices=cheaper)) <= cheapest_usd(advise_on(config)) * (1 + 1e-9)


def test_what_is_left_out_is_counted_by_what_broke_with_an_example(make_run: Any, advise_on: Any) -> None:
    advice = advise_on(make_run(framework=None), deadline_s=3600.0, budget_usd=8.0)
    broke = {rejection.reason: rejection for rejection in advice.rejected}
    assert set(broke) == {
        "no price", "impossible parallelism", "memory", "deadline", "budget", "unsupported precision"
    }  # fmt: skip
    assert "a800-80gb" in broke["no price"].example
    assert broke["unsupported precision"].example == "t4-16gb has no bf16"
    assert "does not divide" in broke["impossible parallelism"].example
    assert "fits with probability" in broke["memory"].example
    assert all(rejection.num_candidates > 0 for rejection in advice.rejected)


def test_an_option_that_may_break_a_limit_says_so(make_run: Any, advise_on: Any) -> None:
    advice = advise_on(make_run())
    slow = max(advice.options, key=lambda option: option.duration_s.p50)
    near = advise_on(make_run(), deadline_s=slow.duration_s.p50 * 1.01, budget_usd=slow.cost_usd.p50 * 10)
    assert any("may miss the deadline" in option.why for option in near.options)


@pytest.mark.parametrize(("objective", "powers"), [("cost", (1, 0)), ("time", (0, 1)), ("balanced", (1, 1))])
def test_the_objective_orders_the_options(
    objective: str, powers: tuple[int, int], make_run: Any, advise_on: Any
) -> None:
    options = advise_on(make_run(), objective=objective, keep={"method", "precision"}).options
    ranks = [option.cost_usd.p50 ** powers[0] * option.duration_s.p50 ** powers[1] for option in options]
    assert ranks == sorted(ranks)


def test_what_is_kept_does_not_change(make_run: Any, advise_on: Any) -> None:
    keep = {"count", "method", "precision", "micro_batch", "checkpointing", "parallelism"}
    advice = advise_on(make_run(), keep=keep)
    assert advice.options
    for option in advice.options:
        assert {setting.split("=")[0] for setting in option.settings} <= {"cluster.accelerator"}


def test_a_run_without_hardware_is_advised_too(make_run: Any, advise_on: Any) -> None:
    advice = advise_on(make_run(accelerator=None))
    assert advice.asked is None
    assert advice.effective_batch == 16
    assert all("cluster.accelerator=" in " ".join(option.settings) for option in advice.options)


def test_without_any_price_and_without_a_batch_the_search_says_what_it_needs(make_run: Any, advise_on: Any) -> None:
    with pytest.raises(MissingPriceError, match="no hardware has a price"):
        advise_on(make_run(), hardware=("a800-80gb",), prices=PriceBook(prices=()))
    with pytest.raises(UnknownFieldError, match="gradient_accumulation_steps is not known"):
        advise_on(make_run(gradient_accumulation_steps=None))


def test_corrections_by_past_runs_decide_the_front(make_run: Any) -> None:
    """Eight times as slow as the physics says on an H100: what the physics prefers then loses."""
    config, book = make_run(), load_catalog().prices
    clusters = offers(config, [load_catalog().accelerators[name] for name in ("a100-80gb", "h100-sxm-80gb")])

    def corrected(run: RunConfig) -> Estimate:
        found = estimate_run(run, book, ON)
        factor = 8.0 if found.accelerator.startswith("h100") else 1.0
        cost = None if found.cost_usd is None else found.cost_usd.scale(factor)
        return found.model_copy(update={"duration_s": found.duration_s.scale(factor), "cost_usd": cost})

    request = Request(max_devices=8, budget_usd=30.0)
    physics = advise(config, clusters, book, ON, request, lambda run: estimate_run(run, book, ON))
    learnt = advise(config, clusters, book, ON, request, corrected, is_calibrated=True)
    assert "h100-sxm-80gb" in {option.accelerator for option in physics.options}
    assert {option.accelerator for option in learnt.options} == {"a100-80gb"}
    assert all(option.cost_usd.p50 <= 30.0 for option in learnt.options)
