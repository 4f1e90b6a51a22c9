"""What a run of the demo logs: the names of a Hugging Face trainer, foretune's own ``planner.*`` names, or both."""

import json
from typing import Any

import numpy as np

from planner.catalog.load import Catalog
from planner.domain.model_spec import ModelSpec
from planner.domain.run_config import RunConfig
from planner.estimator.params import count_adapter, count_params
from planner.sources.demo_calendar import DemoRun
from planner.units import MEGA

OPTIM_BY_OPTIMIZER = {
    "adamw": "adamw_torch",
    "adamw_fused": "adamw_torch_fused",
    "adamw_8bit": "adamw_bnb_8bit",
    "paged_adamw_32bit": "paged_adamw_32bit",
    "adafactor": "adafactor",
}
DTYPE_NAMES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
SAMPLES_PER_RUN = 24
POWER_RATIO = (0.84, 0.97)
"""Made-up power draw of a busy card over its limit."""


def params_of(run: DemoRun, catalog: Catalog) -> dict[str, str]:
    """Everything the run logs before its first step."""
    params: dict[str, Any] = {}
    if run.experiment.logs != "contract":
        params.update(_trainer_params(run.published.config, catalog), max_steps=run.max_steps, run_name=run.name)
    if run.experiment.logs != "trainer":
        params["planner.run_config"] = json.dumps(_by_catalog_names(run), sort_keys=True)
    return {key: str(value) for key, value in params.items()}


def _by_catalog_names(run: DemoRun) -> dict[str, Any]:
    """The configuration as people write it: model and accelerator by name, defaults left out."""
    config = run.published.config.model_copy(update={"name": run.name, "max_steps": run.max_steps})
    fields = config.model_dump(mode="json", exclude_defaults=True)
    if config.model is not None and config.cluster is not None:
        fields["model"] = config.model.name
        fields["cluster"]["accelerator"] = config.cluster.accelerator.slug
    return fields


def _trainer_params(config: RunConfig, catalog: Catalog) -> dict[str, Any]:
    params: dict[str, Any] = {
        "per_device_train_batch_size": config.micro_batch_size,
        "gradient_accumulation_steps": config.gradient_accumulation_steps,
        "num_train_epochs": 3.0,
        "optim": OPTIM_BY_OPTIMIZER.get(config.optimizer or ""),
        "gradient_checkpointing": config.activation_checkpointing != "none",
        "max_length": config.seq_len,
        "packing": config.batching == "packed",
        "padding_free": config.batching == "padding_free",
        "fsdp": "full_shard auto_wrap" if config.parallelism.zero_stage == 3 else "",
        "report_to": "['mlflow']",
    }
    if config.loss in ("full_logits", "fused_linear_ce"):
        params["use_liger_kernel"] = config.loss == "fused_linear_ce"
    if config.precision is not None:
        params["bf16"] = config.precision.amp and config.precision.compute_dtype == "bf16"
        params["fp16"] = config.precision.amp and config.precision.compute_dtype == "fp16"
        params["dtype"] = DTYPE_NAMES.get(config.precision.weights_dtype)
    if config.model is not None:
        params.update(_model_params(config.model, catalog))
    return {key: value for key, value in params.items() if value is not None}


def _model_params(model: ModelSpec, catalog: Catalog) -> dict[str, Any]:
    hub_id = next((hub for hub, name in catalog.model_by_hub_id.items() if name == model.name), model.name)
    experts = {"num_local_experts": model.num_experts, "num_experts_per_tok": model.experts_per_token}
    return {
        "_name_or_path": hub_id,
        "num_hidden_layers": model.num_layers,
        "hidden_size": model.hidden_dim,
        "intermediate_size": model.ffn_dim,
        "num_attention_heads": model.num_heads,
        "num_key_value_heads": model.num_kv_heads,
        "head_dim": model.head_dim,
        "vocab_size": model.vocab_size,
        "tie_word_embeddings": model.tied_embeddings,
        **experts,
    }


def metrics_of(run: DemoRun) -> dict[str, float]:
    """Everything a finished run logs at its end. Figures are those published, converted to base units."""
    metrics: dict[str, float | None] = {}
    if run.experiment.logs == "contract":
        metrics.update(_loop_metrics(run))
    else:
        metrics.update(_trainer_metrics(run))
    if run.experiment.logs != "trainer":
        published = run.published
        metrics.update(
            {
                "planner.tokens_per_s_per_accelerator": published.figures.tokens_per_s_per_accelerator,
                "planner.peak_allocated_bytes": published.figures.peak_allocated_bytes,
                "planner.peak_reserved_bytes": published.figures.peak_reserved_bytes,
                "planner.peak_device_bytes": published.figures.peak_device_bytes,
                "planner.checkpoint_bytes": published.figures.checkpoint_bytes,
            }
        )
    return {key: value for key, value in metrics.items() if value is not None}


def _loop_metrics(run: DemoRun) -> dict[str, float | None]:
    """What a trainer of another kind would say about its loop, under foretune's names."""
    return {
        "planner.steps": float(run.max_steps),
        "planner.train_s": run.train_s,
        "planner.step_time_s": run.published.figures.step_time_s,
        "planner.start_up_s": run.start_up_s,
        "planner.tokens": run.max_steps * (run.published.tokens_per_step or 0.0),
    }


def _trainer_metrics(run: DemoRun) -> dict[str, float]:
    tokens = float(round(run.max_steps * (run.published.tokens_per_step or 0.0)))
    metrics = {
        "train_runtime": round(run.train_s, 4),
        "train_steps_per_second": round(run.max_steps / run.train_s, 3),
        "num_input_tokens_seen": tokens,
        "total_flos": total_flos(run.published.config, tokens),
    }
    if run.published.samples_per_step is not None:
        metrics["train_samples_per_second"] = round(run.published.samples_per_step * run.max_steps / run.train_s, 3)
    return metrics


def total_flos(config: RunConfig, tokens: float) -> float:
    """A Hugging Face trainer's ``total_flos``: 6 x tokens x parameters, input embeddings left out, adapter included."""
    if config.model is None:
        return 0.0
    params = float(count_params(config.model).non_embedding)
    if config.lora is not None and config.lora.rank is not None and config.lora.targets is not None:
        adapter = count_adapter(config.model, config.lora.rank, config.lora.targets)
        params += config.model.num_layers * adapter.params_per_layer
    return 6.0 * tokens * params


def system_samples_of(run: DemoRun) -> list[tuple[float, str, float]]:
    """Seconds since the start, name and value of MLflow's system metrics of the first GPU; empty without its memory.

    The largest memory sample is the published peak, rounded to tenths as MLflow does. Smaller samples and the power
    draw are made up.
    """
    peak_bytes, cluster = run.published.figures.peak_device_bytes, run.published.config.cluster
    if run.experiment.logs != "trainer" or peak_bytes is None or cluster is None:
        return []
    accelerator = cluster.accelerator
    random = np.random.default_rng(run.max_steps)
    samples: list[tuple[float, str, float]] = []
    for n in range(1, SAMPLES_PER_RUN + 1):
        at_s = run.start_up_s / 2 if n == 1 else run.start_up_s + run.train_s * (n - 1) / SAMPLES_PER_RUN
        used_bytes = peak_bytes * (1.0 if n > 1 and n % 4 == 0 else random.uniform(0.3, 0.35) if n == 1 else 0.99)
        power_ratio = random.uniform(0.2, 0.25) if n == 1 else random.uniform(*POWER_RATIO)
        values = {
            "memory_usage_megabytes": used_bytes / MEGA,
            "memory_usage_percentage": 100 * used_bytes / accelerator.memory_bytes,
        }
        if accelerator.tdp_w is not None:
            values["power_usage_watts"] = power_ratio * accelerator.tdp_w
            values["power_usage_percentage"] = 100 * power_ratio
        samples += [(at_s, f"system/gpu_0_{key}", round(value, 1)) for key, value in values.items()]
    return samples
