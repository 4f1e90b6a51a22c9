"""What follows from runs that transformers 5.23, PEFT 0.21, TRL 1.16 and Lightning 2.6 really logged on a CPU.

The model has two layers, hidden size 64, vocabulary 128; each fixture names the versions that logged it.
"""

import pytest

from planner.catalog.load import Catalog
from planner.dialects.interpret import interpret
from planner.domain.training_run import TrainingRun
from tests.dialects.recorded import FIXTURES, recorded

TRAINED = ("hf_trainer", "hf_flat", "trl_sft", "trl_dpo", "trl_reward", "trl_grpo")
PHASES = ("start_up_s", "steady_s", "evaluation_s", "checkpoint_s", "stalled_s", "tail_s")


def understood(name: str, catalog: Catalog) -> TrainingRun:
    return interpret(recorded(name), catalog)


@pytest.mark.parametrize("name", TRAINED)
def test_what_trainers_log_is_enough_for_an_estimate(catalog: Catalog, name: str) -> None:
    run = understood(name, catalog)
    config = run.config
    assert run.problem is None
    assert config.model is not None
    assert (config.model.num_layers, config.model.hidden_dim, config.model.num_kv_heads) == (2, 64, 2)
    assert (config.micro_batch_size, config.gradient_accumulation_steps) == (4 if name == "trl_grpo" else 2, 2)
    assert (config.compiler, config.length_order, run.target) == ("none", "random", "out/chat-bot")


def test_an_adapter_that_is_not_logged_is_counted_from_the_flop(catalog: Catalog) -> None:
    """Rank 4 on q_proj and v_proj of two layers: 2 x 4 x ((64 + 64) + (64 + 32))."""
    config = understood("hf_trainer", catalog).config
    assert (config.method, config.trainable_params, config.seq_len) == ("lora", 1792, 48)


def test_flattened_params_say_the_same(catalog: Catalog) -> None:
    config = understood("hf_flat", catalog).config
    assert (config.method, config.seq_len, config.max_steps) == ("full", 48, 6)


def test_trl_says_what_is_learnt_from(catalog: Catalog) -> None:
    objectives = {name: understood(name, catalog).config.objective for name in TRAINED}
    assert objectives == {
        "hf_trainer": "sft", "hf_flat": "sft", "trl_sft": "sft", "trl_dpo": "dpo", "trl_reward": "reward",
        "trl_grpo": "grpo",
    }  # fmt: skip
    sft = understood("trl_sft", catalog)
    assert (sft.config.batching, sft.config.seq_len, sft.config.framework) == ("packed", 64, "trl")
    assert sft.dialect == "hf_trainer+trl"


@pytest.mark.parametrize(("name", "real_tokens", "fed_tokens"), [("trl_dpo", 3148, 3616), ("trl_reward", 1634, 1752)])
def test_a_pair_is_two_sequences(catalog: Catalog, name: str, real_tokens: int, fed_tokens: int) -> None:
    """6 steps of 2 x 2 pairs; tokens as logged, and those fed with padding."""
    mean = understood(name, catalog).config.mean_tokens_per_sample
    assert mean is not None
    assert real_tokens <= mean * 6 * 2 * 2 * 2 <= fed_tokens


def test_rollouts_are_generation(catalog: Catalog) -> None:
    config = understood("trl_grpo", catalog).config
    assert config.generation is not None
    assert (config.generation.max_new_tokens, config.generation.batch_size) == (16, 8)
    assert config.holds_reference is False


@pytest.mark.parametrize("name", ["hf_trainer", "hf_flat", "trl_sft", "trl_dpo", "trl_reward"])
def test_evaluations_and_checkpoints_every_three_steps(catalog: Catalog, name: str) -> None:
    run = understood(name, catalog)
    assert run.config.evaluation is not None
    assert run.config.evaluation.every_steps == run.config.checkpoints.every_steps == 3
    assert run.actual.num_checkpoints == 2


def test_evaluation_tokens_are_those_of_its_samples(catalog: Catalog) -> None:
    evaluation = understood("hf_trainer", catalog).config.evaluation
    assert evaluation is not None
    assert evaluation.tokens == 8 * 48


@pytest.mark.parametrize("name", ["hf_trainer", "hf_flat", "trl_sft", "trl_dpo", "trl_reward"])
def test_phases_add_up_to_the_duration(catalog: Catalog, name: str) -> None:
    actual = understood(name, catalog).actual
    assert actual.duration_s is not None
    assert sum(getattr(actual, phase) for phase in PHASES) == pytest.approx(actual.duration_s, abs=1e-6)
    assert actual.evaluation_s is not None
    assert 0 < actual.evaluation_s < actual.duration_s


def test_a_loop_that_began_before_its_run_is_not_charged_to_the_steps(catalog: Catalog) -> None:
    """The trainer's clock started before MLflow had made its database: 17 s of a run of 2.7 s."""
    actual = understood("hf_trainer", catalog).actual
    assert actual.train_s is not None
    assert actual.duration_s is not None
    assert actual.train_s > actual.duration_s
    assert actual.step_time_s == pytest.approx(actual.duration_s / 6)
    assert actual.steady_step_time_s is not None
    assert actual.step_time_s is not None
    assert actual.steady_step_time_s < actual.step_time_s


@pytest.mark.parametrize("name", ["lightning_autolog", "lightning_logger"])
def test_lightning_alone_does_not_say_what_was_trained(catalog: Catalog, name: str) -> None:
    run = understood(name, catalog)
    assert run.dialect == "lightning"
    assert run.problem is not None
    assert "planner.model" in run.problem


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.json")), ids=lambda path: path.stem)
def test_every_field_says_where_it_comes_from(catalog: Catalog, path: object) -> None:
    run = understood(getattr(path, "stem", ""), catalog)
    for part, given in (("", run.config), ("actual.", run.actual)):
        for field in type(given).model_fields:
            owned = [name for name in run.origins if name == f"{part}{field}" or name.startswith(f"{field}.")]
            assert owned or field == "name", field
    assert all(origin.rule for origin in run.origins.values())
