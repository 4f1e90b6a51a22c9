"""Real trainings on a CPU, logged by the callback and read back by foretune's own reader: nothing is inferred."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from planner.catalog.load import load_catalog
from planner.domain.training_run import TrainingRun

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

Ingest = Callable[[], list[TrainingRun]]
Library = Callable[[str], Any]
LENGTHS = [20 + 4 * (number % 8) for number in range(64)]
MAY_BE_INFERRED = {"operations"}
"""Where and how a run is operated is planned, not observed."""
DO_NOT_APPLY_TO_FULL = {"adapter", "lora", "virtual_tokens", "holds_reference"}


def rows(torch: Any, lengths: list[int]) -> list[dict[str, Any]]:
    return [{"input_ids": (tokens := torch.arange(n) % 127 + 1), "labels": tokens} for n in lengths]


def arguments(transformers: Any, **given: Any) -> Any:
    usual = {
        "output_dir": "out", "report_to": "mlflow", "per_device_train_batch_size": 2, "max_steps": 12,
        "gradient_accumulation_steps": 2, "logging_steps": 1, "use_cpu": True, "save_strategy": "steps",
        "save_steps": 6, "save_total_limit": 2, "eval_strategy": "steps", "eval_steps": 4, "disable_tqdm": True,
    }  # fmt: skip
    return transformers.TrainingArguments(**{**usual, **given})


def train(library: Library, model: Any, *, lengths: list[int] | None = None, **given: Any) -> Any:
    torch, transformers = library("torch"), library("transformers")
    from planner.mlflow_callback import PlannerCallback

    def padded(batch: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            name: torch.nn.utils.rnn.pad_sequence([row[name] for row in batch], batch_first=True) for name in batch[0]
        }

    trainer = transformers.Trainer(
        model,
        arguments(transformers, **given),
        train_dataset=rows(torch, lengths or [32] * 64),
        eval_dataset=rows(torch, [32] * 8),
        data_collator=padded,
    )
    trainer.add_callback(PlannerCallback())
    trainer.train()
    return trainer


def word_tokenizer(tokenizers: Any, transformers: Any) -> Any:
    names = dict.fromkeys(("unk_token", "pad_token", "eos_token"), "<pad>")
    words = tokenizers.models.WordLevel({"<pad>": 0}, names["unk_token"])
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizers.Tokenizer(words), **names)


def known_fields(run: TrainingRun) -> dict[str, str]:
    """Kind of origin of each field of the configuration that has a value."""
    config = run.config.model_dump(exclude_none=True)
    return {
        field: origin.kind
        for field, origin in run.origins.items()
        if field.partition(".")[0] in config and origin.kind != "unknown"
    }


def test_a_training_needs_no_inference_at_all(library: Library, tiny_llama: Any, store: Path, ingest: Ingest) -> None:
    trainer = train(library, tiny_llama)
    (run,) = ingest()
    config, actual = run.config, run.actual
    assert run.problem is None
    assert run.status == "FINISHED"
    kinds = {field: kind for field, kind in known_fields(run).items() if field not in MAY_BE_INFERRED}
    assert set(kinds.values()) == {"logged"}, {field: kind for field, kind in kinds.items() if kind != "logged"}

    assert config.model is not None
    assert (config.model.name, config.model.num_layers, config.model.vocab_size) == ("tiny-llama", 2, 128)
    weights = sum(one.numel() for one in tiny_llama.parameters())
    assert (config.method, config.trainable_params, config.lora) == ("full", weights, None)
    assert config.precision is not None
    assert (config.precision.weights_dtype, config.precision.compute_dtype, config.precision.amp) == ("fp32",) * 2 + (
        False,
    )
    assert (config.seq_len, config.batching, config.micro_batch_size) == (32, "packed", 2)
    assert (config.gradient_accumulation_steps, config.max_steps) == (2, 12)
    assert config.dataset is not None
    assert (config.dataset.rows, config.dataset.tokens) == (64, 64 * 32)
    assert config.cluster is not None
    assert (config.cluster.accelerator.kind, config.cluster.count) == ("cpu", 1)
    assert config.parallelism.zero_stage == 0
    assert config.evaluation is not None
    assert (config.evaluation.every_steps, config.evaluation.tokens) == (4, 8 * 32)
    assert (config.checkpoints.every_steps, config.checkpoints.keep_last) == (6, 2)
    assert (config.attention, config.activation_checkpointing, config.loss) == ("sdpa", "none", "full_logits")
    assert config.optimizer in ("adamw", "adamw_fused")
    assert (config.framework, config.compiler) == ("transformers", "none")

    assert (actual.tokens, actual.steps, actual.num_checkpoints) == (12 * 2 * 2 * 32, 12, 2)
    assert actual.flop == trainer.state.total_flos
    folder = Path("out") / "checkpoint-12"
    assert actual.checkpoint_bytes == pytest.approx(sum(one.stat().st_size for one in folder.iterdir()), rel=0.01)
    assert actual.host_peak_bytes is not None
    assert actual.host_peak_bytes > 5e7
    for field in ("train_s", "evaluation_s", "checkpoint_s", "step_time_s", "tokens_per_s_per_accelerator", "tokens"):
        assert run.origins[f"actual.{field}"].kind == "logged", field
        assert getattr(actual, field) > 0
    assert actual.train_s is not None
    assert actual.evaluation_s is not None
    assert actual.checkpoint_s is not None
    assert actual.tokens is not None
    assert actual.evaluation_s + actual.checkpoint_s < actual.train_s
    assert actual.tokens_per_s_per_accelerator == pytest.approx(actual.tokens / actual.train_s)

    assert run.sample_lengths is not None
    assert (run.sample_lengths.p10, run.sample_lengths.longest, run.sample_lengths.is_complete) == (32, 32, True)
    assert run.told is not None
    assert run.told.calibration_id is None
    assert run.told.resources["duration_s"].p50 > 0
    assert run.started_at is not None
    assert run.ended_at is not None
    assert run.started_at <= run.told.made_at <= run.ended_at


def test_an_adapter_is_read_from_peft(library: Library, tiny_llama: Any, store: Path, ingest: Ingest) -> None:
    peft = library("peft")
    adapter = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    model = peft.get_peft_model(tiny_llama, adapter)
    train(library, model, lengths=LENGTHS, eval_strategy="no", save_strategy="no")
    (run,) = ingest()
    config = run.config
    assert run.problem is None
    kinds = {field: kind for field, kind in known_fields(run).items() if field not in MAY_BE_INFERRED}
    assert set(kinds.values()) == {"logged"}, {field: kind for field, kind in kinds.items() if kind != "logged"}
    assert (config.method, config.adapter, config.base_quantization) == ("lora", "lora", "none")
    assert config.lora is not None
    assert (config.lora.rank, config.lora.targets) == (4, ("q_proj", "v_proj"))
    assert config.trainable_params == 2 * 4 * ((64 + 64) + (64 + 32))
    assert config.precision is not None
    assert config.precision.adapter_dtype == "fp32"
    assert (config.batching, config.seq_len) == ("dynamic", 48)
    assert config.mean_tokens_per_sample is not None
    assert 34 < config.mean_tokens_per_sample < 48
    assert run.actual.tokens is not None
    assert run.actual.tokens == pytest.approx(config.mean_tokens_per_sample * 12 * 2 * 2, rel=0.1)
    assert (run.actual.num_checkpoints, run.actual.checkpoint_s) == (0, 0)
    assert config.evaluation is None


def test_trl_packs_and_it_is_logged(library: Library, tiny_llama: Any, store: Path, ingest: Ingest) -> None:
    library("torch")
    datasets, trl, tokenizers = library("datasets"), library("trl"), library("tokenizers")
    transformers = library("transformers")
    from planner.mlflow_callback import PlannerCallback

    tokenizer = word_tokenizer(tokenizers, transformers)
    texts = datasets.Dataset.from_list([{"input_ids": [number % 127 + 1 for number in range(n)]} for n in LENGTHS * 4])
    settings = trl.SFTConfig(
        output_dir="out", report_to="mlflow", per_device_train_batch_size=2, max_steps=8, logging_steps=1,
        use_cpu=True, bf16=False, save_strategy="no", disable_tqdm=True, max_length=64, packing=True,
    )  # fmt: skip
    trainer = trl.SFTTrainer(tiny_llama, settings, train_dataset=texts, processing_class=tokenizer)
    trainer.add_callback(PlannerCallback(cluster={"accelerator": "cpu-1core"}))
    trainer.train()
    (run,) = ingest()
    config = run.config
    assert run.problem is None
    kinds = {field: kind for field, kind in known_fields(run).items() if field not in MAY_BE_INFERRED}
    assert set(kinds.values()) == {"logged"}, {field: kind for field, kind in kinds.items() if kind != "logged"}
    assert (config.framework, config.objective, config.batching, config.seq_len) == ("trl", "sft", "packed", 64)
    assert config.cluster is not None
    assert (config.cluster.accelerator.slug, config.cluster.count) == ("cpu-1core", 1)
    assert config.dataset is not None
    assert config.dataset.rows == len(trainer.train_dataset)
    assert config.dataset.size_bytes is not None
    assert run.actual.tokens is not None
    assert run.sample_lengths is not None
    assert run.sample_lengths.longest <= 64
    assert run.told is not None


def test_without_the_trainers_own_logging_a_run_is_made(
    library: Library, tiny_llama: Any, store: Path, ingest: Ingest
) -> None:
    train(library, tiny_llama, report_to="none", max_steps=3, eval_strategy="no", save_strategy="no")
    (run,) = ingest()
    assert (run.problem, run.status, run.dialect) == (None, "FINISHED", "planner")
    assert run.config.model is not None
    assert run.config.model.hidden_dim == 64
    assert run.told is not None


def test_an_error_of_the_callback_is_a_warning(
    library: Library, tiny_llama: Any, store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    library("torch")
    import planner.mlflow_callback.trainer_callback as module

    def broken(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("no luck today")

    monkeypatch.setattr(module, "trainer_draft", broken)
    monkeypatch.setattr("planner.mlflow_callback.training_log.TrainingLog._used", broken)
    trainer = train(library, tiny_llama, max_steps=3, eval_strategy="no", save_strategy="no")
    assert trainer.state.global_step == 3
    assert "no luck today" in caplog.text


def test_a_training_that_runs_out_of_memory_says_so(
    library: Library, tiny_llama: Any, store: Path, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch, transformers = library("torch"), library("transformers")
    from planner.mlflow_callback import PlannerCallback

    calls: list[int] = []

    def until_full(*_given: Any) -> None:
        calls.append(1)
        if len(calls) > 6:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    tiny_llama.register_forward_pre_hook(until_full)
    callback = PlannerCallback(config_path=None)
    given = arguments(transformers, eval_strategy="no", save_strategy="no")
    trainer = transformers.Trainer(tiny_llama, given, train_dataset=rows(torch, [32] * 64), callbacks=[callback])
    with pytest.raises(torch.OutOfMemoryError) as raised:
        trainer.train()
    monkeypatch.setattr("sys.last_exc", raised.value, raising=False)
    callback._broken_off()  # as when the process ends
    (run,) = ingest()
    assert (run.status, run.failure, run.actual.steps) == ("FAILED", "oom", 3)
    assert run.config.seq_len == 32


def test_known_accelerators_only(library: Library) -> None:
    """A card that no catalog holds must not be taken for another."""
    from planner.dialects.draft import Draft
    from planner.mlflow_callback.live_devices import put_cluster
    from tests.mlflow_callback.fake_cuda import FakeCuda

    draft = Draft(load_catalog())
    assert put_cluster(draft, FakeCuda("Some X1"), num_ranks=4) == "Some X1"
    assert draft.get("cluster") is None
    put_cluster(draft, FakeCuda("NVIDIA A100-SXM4-80GB"), num_ranks=4)
    assert (draft.get("cluster").accelerator.slug, draft.get("cluster").count) == ("a100-sxm-80gb", 4)
