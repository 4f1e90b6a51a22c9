from collections.abc import Callable

import pytest

from planner.catalog.load import Catalog
from planner.dialects.counted_params import adapter_params, params_without_input_embedding
from planner.dialects.facts import LoggedInput, RunFacts
from planner.dialects.interpret import interpret
from planner.domain.lora import LORA_TARGET_SETS
from planner.domain.run_config import RunConfig
from planner.domain.training_run import TrainingRun

MakeFacts = Callable[..., RunFacts]


@pytest.fixture
def understand(catalog: Catalog, hf_facts: MakeFacts) -> Callable[..., TrainingRun]:
    return lambda params=None, **given: interpret(hf_facts(params, **given), catalog)


@pytest.mark.parametrize(
    ("logged", "ours"),
    [("adamw_torch", "adamw"), ("OptimizerNames.ADAMW_TORCH", "adamw"), ("adamw_torch_fused", "adamw_fused"),
     ("adamw_bnb_8bit", "adamw_8bit"), ("paged_adamw_32bit", "paged_adamw_32bit"), ("adafactor", "adafactor"),
     ("lion_32bit", "lion"), ("sgd", "sgd"), ("galore_adamw", "galore_adamw"), ("None", None)],
)  # fmt: skip
def test_optimizers(understand: Callable[..., TrainingRun], logged: str, ours: str | None) -> None:
    run = understand({"optim": logged})
    assert run.config.optimizer == ours
    assert run.origins["optimizer"].kind == ("unknown" if ours is None else "logged")


@pytest.mark.parametrize(
    ("params", "weights", "compute", "amp"),
    [
        ({}, "fp32", "fp32", False),
        ({"bf16": "True"}, "fp32", "bf16", True),
        ({"bf16": "True", "dtype": "bfloat16"}, "bf16", "bf16", True),
        ({"dtype": "torch.bfloat16"}, "bf16", "bf16", False),
        ({"fp16": "True", "torch_dtype": "float32"}, "fp32", "fp16", True),
    ],
)
def test_precision_tells_weights_from_autocast(
    understand: Callable[..., TrainingRun], params: dict[str, str], weights: str, compute: str, amp: bool
) -> None:
    precision = understand(params).config.precision
    assert precision is not None
    assert (precision.weights_dtype, precision.compute_dtype, precision.amp) == (weights, compute, amp)


@pytest.mark.parametrize(
    ("params", "stage", "offload"),
    [
        ({"fsdp": "[<FSDPOption.FULL_SHARD: 'full_shard'>]"}, 3, False),
        ({"fsdp": "full_shard auto_wrap offload"}, 3, True),
        ({"fsdp": "shard_grad_op"}, 2, False),
        ({"fsdp": "True"}, 3, False),
        ({"deepspeed": "{'zero_optimization': {'stage': 2, 'offload_optimizer': {'device': 'cpu'}}}"}, 2, True),
        ({"deepspeed": "configs/zero3.json"}, None, False),
        ({}, None, False),
    ],
)
def test_sharding(
    understand: Callable[..., TrainingRun], params: dict[str, str], stage: int | None, offload: bool
) -> None:
    parallelism = understand(params).config.parallelism
    assert (parallelism.zero_stage, parallelism.cpu_offload) == (stage, offload)


def test_one_rank_shards_nothing(understand: Callable[..., TrainingRun]) -> None:
    run = understand(metrics={"train_samples_per_second": 0.8, "train_runtime": 100.0})
    assert run.config.parallelism.zero_stage == 0


def test_weights_trained_under_fsdp_with_autocast_are_fp32_shards(
    understand: Callable[..., TrainingRun], catalog: Catalog
) -> None:
    params = {"_name_or_path": "mistralai/Mistral-7B-v0.1", "bf16": "True", "dtype": "bfloat16", "fsdp": "full_shard"}
    params |= dict.fromkeys(("hidden_size", "vocab_size"), "None")
    tokens = 4096.0 * 80 * 8
    flop = 6 * tokens * params_without_input_embedding(catalog.models["mistral-7b"])
    run = understand(params, metrics={"total_flos": flop, "num_input_tokens_seen": tokens})
    assert run.config.method == "full"
    assert run.config.precision is not None
    assert run.config.precision.weights_dtype == "fp32"


def test_adapters_are_kept_in_fp32(understand: Callable[..., TrainingRun], catalog: Catalog) -> None:
    params = {"_name_or_path": "mistralai/Mistral-7B-v0.1", "hidden_size": "None", "dtype": "bfloat16"}
    params["quantization_config"] = (
        "{'load_in_4bit': True, 'bnb_4bit_quant_type': 'nf4', 'bnb_4bit_use_double_quant': True}"
    )
    config = understand(params).config
    assert (config.method, config.base_quantization) == ("qlora", "nf4_dq")
    assert config.precision is not None
    assert (config.precision.weights_dtype, config.precision.adapter_dtype) == ("bf16", "fp32")


@pytest.mark.parametrize(
    ("text", "quantization", "method"),
    [
        ("{'load_in_8bit': True}", "int8", "lora"),
        ("{'quant_method': 'gptq', 'bits': 4}", "gptq4", "qlora"),
        ("{'load_in_4bit': True, 'bnb_4bit_quant_type': 'fp4'}", None, "qlora"),
        ("{'quant_method': 'awq'}", None, None),
        ("None", "none", None),
    ],
)
def test_quantised_bases(
    understand: Callable[..., TrainingRun], text: str, quantization: str | None, method: str | None
) -> None:
    config = understand({"quantization_config": text}).config
    assert (config.base_quantization, config.method) == (quantization, method)


@pytest.mark.parametrize(
    ("params", "kind"),
    [({"gradient_checkpointing": "True"}, "full"), ({"activation_checkpointing": "True"}, "full"), ({}, "none"),
     ({"fsdp_config": "{'activation_checkpointing': True}"}, "full"), ({"gradient_checkpointing": "None"}, None)],
)  # fmt: skip
def test_activation_checkpointing(
    understand: Callable[..., TrainingRun], params: dict[str, str], kind: str | None
) -> None:
    assert understand(params).config.activation_checkpointing == kind


def test_kernels(understand: Callable[..., TrainingRun]) -> None:
    config = understand({"_attn_implementation": "flash_attention_2", "use_liger_kernel": "True"}).config
    assert (config.attention, config.loss) == ("flash", "fused_linear_ce")
    assert understand().config.loss == "full_logits"
    assert understand({"loss_type": "chunked_nll"}).config.loss == "chunked_ce"


@pytest.mark.parametrize(
    ("params", "batching"),
    [
        ({"packing": "True"}, "packed"),
        ({"packing": "False"}, "dynamic"),
        ({"packing": "False", "padding_free": "True"}, "padding_free"),
    ],
)
def test_trl_logs_length_and_packing(
    understand: Callable[..., TrainingRun], params: dict[str, str], batching: str
) -> None:
    config = understand({"max_length": "2048", **params}).config
    assert (config.seq_len, config.batching, config.framework) == (2048, batching, "trl")


def test_a_run_without_max_steps_trained_as_long_as_it_did(understand: Callable[..., TrainingRun]) -> None:
    run = understand({"max_steps": "-1"}, metrics={"loss": 1.0})
    assert (run.config.max_steps, run.config.epochs) == (10, 3.0)
    assert run.origins["max_steps"].kind == "inferred"
    assert understand({"max_steps": "-1"}, metrics={"loss": 1.0}, status="FAILED").config.max_steps is None


@pytest.mark.parametrize(
    ("params", "every", "keep", "content"),
    [
        ({}, 5, 2, "full_state"),
        ({"save_steps": "0.5"}, 5, 2, "full_state"),
        ({"save_strategy": "SaveStrategy.STEPS", "save_only_model": "True"}, 5, 2, None),
        ({"save_strategy": "no"}, None, None, None),
        ({"save_strategy": "epoch", "save_total_limit": "None"}, None, None, "full_state"),
    ],
)
def test_checkpoints(
    understand: Callable[..., TrainingRun],
    params: dict[str, str],
    every: int | None,
    keep: int | None,
    content: str | None,
) -> None:
    checkpoints = understand(params).config.checkpoints
    assert (checkpoints.every_steps, checkpoints.keep_last, checkpoints.content) == (every, keep, content)


def test_rows_of_the_training_data_are_read_from_its_logged_input(understand: Callable[..., TrainingRun]) -> None:
    inputs = (LoggedInput("corpus", "training", 1200), LoggedInput("held out", "eval", 100))
    dataset = understand(inputs=inputs).config.dataset
    assert dataset is not None
    assert dataset.rows == 1200


def test_lora_of_an_ordinary_run_is_found_from_its_flops(
    understand: Callable[..., TrainingRun], catalog: Catalog
) -> None:
    model = catalog.models["llama-3.1-8b"]
    size = adapter_params(model, LORA_TARGET_SETS["all_linear"], 16)
    samples = 2 * 4 * 10
    flop = 6.0 * 1024 * samples * (params_without_input_embedding(model) + size)
    params = {"_name_or_path": "meta-llama/Llama-3.1-8B", "hidden_size": "None"}
    run = understand(params, metrics={"total_flos": flop, "train_samples_per_second": 0.8, "train_runtime": 100.0})
    config: RunConfig = run.config
    assert (config.method, config.trainable_params, config.seq_len) == ("lora", size, 1024)
    assert run.actual.tokens == 1024 * samples
