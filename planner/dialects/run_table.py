"""One row of a run table (docs/import-format.md) as a run before it starts.

A blank cell is *not stated*: it becomes None and the estimate spans it. Columns of outcomes are never read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from pydantic import ValidationError

from planner.catalog.load import Catalog
from planner.dialects.run_table_batch import read_batch
from planner.dialects.run_table_cells import CellError, Cells
from planner.dialects.run_table_hardware import read_hardware
from planner.dialects.run_table_layout import read_parallelism
from planner.dialects.run_table_method import read_training
from planner.dialects.run_table_model import read_model
from planner.dialects.run_table_precision import read_precision
from planner.domain.run_config import RunConfig
from planner.domain.run_vocabulary import ActivationCheckpointing, AttentionKernel, Compiler, Fp8Recipe, LossKernel

FigureFamily = Literal["memory", "fits", "throughput"]
FAMILIES: tuple[FigureFamily, ...] = get_args(FigureFamily)

OBJECTIVES = {"finetune": "sft", "pretrain": "pretrain", "rlhf": "ppo", "dpo": "dpo"}
LOSSES: dict[str, LossKernel] = {
    "none": "full_logits",
    "fused_ce": "fused_ce",
    "chunked_ce": "chunked_ce",
    "fused_linear_ce": "fused_linear_ce",
}
COMPILERS: dict[str, Compiler] = {
    "none": "none",
    "torch_compile": "torch_compile",
    "thunder": "thunder",
    "thunder_nvfuser": "thunder",
    "thunder_torchcompile": "thunder",
    "thunder_unsloth": "thunder",
}
RECIPES: dict[str, Fp8Recipe] = {name: name for name in get_args(Fp8Recipe)} | {"rowwise_with_gw_hp": "rowwise"}
CHECKPOINTING = {name: name for name in get_args(ActivationCheckpointing)}
ATTENTION = {name: name for name in get_args(AttentionKernel)}
LENGTH_ORDERS = {"longest_first": "longest_first", "random": "random"}
SOME_STEPS = 100
"""Rates and peaks do not depend on the length of a run."""


@dataclass(frozen=True)
class TableRun:
    """A row as far as it can be understood."""

    id: str
    config: RunConfig | None
    """None where nothing can be predicted. Incomplete where the row states no length or batch."""
    unpredictable: dict[FigureFamily, str] = field(default_factory=dict)
    """Why a family of figures cannot be predicted from the row, for each that cannot."""


def read_row(row: Mapping[str, str], catalog: Catalog) -> TableRun:
    """The run of a row; never an error: ``unpredictable`` says what is missing or wrong."""
    label = str(row.get("id") or "").strip()[:200]
    try:
        return _run(label, Cells(row), catalog)
    except CellError as error:
        return _nothing(label, str(error))
    except ValidationError as error:
        return _nothing(label, f"the row contradicts itself: {_first(error)}")


def _run(label: str, cells: Cells, catalog: Catalog) -> TableRun:
    model = read_model(cells, catalog)
    hardware = read_hardware(cells, catalog)
    training = read_training(cells, None if isinstance(model, str) else model)
    missing = [found for found in (model, hardware, training) if isinstance(found, str)]
    if isinstance(model, str) or isinstance(hardware, str) or isinstance(training, str):
        return _nothing(label, "; ".join(missing))
    parallelism = read_parallelism(cells, hardware)
    batch = read_batch(cells, hardware.cluster.count // parallelism.model_parallel or 1)
    precision = read_precision(cells, trains_base=training.method == "full")
    fields: dict[str, Any] = {
        "name": label or "run",
        "model": model,
        "method": training.method,
        "adapter": training.adapter,
        "objective": cells.word("kind", OBJECTIVES) or "sft",
        "base_quantization": training.base,
        "lora": training.lora,
        "virtual_tokens": training.virtual_tokens,
        "trainable_params": training.trainable_params,
        "precision": precision.precision,
        "fp8_recipe": cells.word("fp8_recipe", RECIPES),
        "fp8_attention": cells.flag("fp8_attention"),
        "activation_dtype": precision.activation_dtype,
        "optimizer": training.optimizer,
        "optimizer_in_backward": training.in_backward,
        "seq_len": batch.seq_len,
        "mean_tokens_per_sample": batch.mean_tokens_per_sample,
        "batching": batch.batching,
        "length_order": cells.word("length_order", LENGTH_ORDERS),
        "micro_batch_size": batch.micro_batch_size,
        "gradient_accumulation_steps": batch.gradient_accumulation_steps,
        "max_steps": SOME_STEPS,
        "activation_checkpointing": cells.word("activation_ckpt", CHECKPOINTING),
        "activation_checkpointing_ratio": cells.number("activation_ckpt_fraction", most=1.0),
        "attention": cells.word("attention", ATTENTION),
        "loss": cells.word("fused_loss", LOSSES),
        "compiler": cells.word("compiler", COMPILERS),
        "parallelism": parallelism,
        "cluster": hardware.cluster,
        "framework": cells.name("framework"),
        "framework_version": cells.verbatim("framework_version"),
    }
    config = RunConfig.model_validate(fields)
    reasons: dict[FigureFamily, str | None] = {
        "throughput": hardware.speed_is_unknown or precision.speed_is_unknown,
        "fits": hardware.memory_is_unknown,
    }
    return TableRun(label, config, {family: reason for family, reason in reasons.items() if reason})


def _nothing(label: str, reason: str) -> TableRun:
    return TableRun(label, None, dict.fromkeys(FAMILIES, reason))


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in found["loc"])
    return " ".join(f"{where}: {found['msg']}".removeprefix(": ").split())[:300]
