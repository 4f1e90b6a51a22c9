"""PyTorch Lightning 2.x: ``mlflow.pytorch.autolog`` (MLflow 2.9 to 3.17), or a trainer's arguments through its logger.

Autologging logs the optimizer's arguments, ``epochs`` and the metrics of the module; the model, batch and hardware come
from ``planner.*`` names, hardware rules or samples.
"""

from planner.dialects.draft import Draft
from planner.dialects.facts import RunFacts
from planner.dialects.litgpt import PRECISIONS, dotted
from planner.dialects.named_fields import Named, integer, number, one_of, put_named
from planner.dialects.params import Params

NAME = "lightning"
AUTOLOGGED = ("optimizer_name", "epochs")
OPTIMIZERS = {"adamw": "adamw", "sgd": "sgd", "adafactor": "adafactor", "lion": "lion", "muon": "muon"}
FIELDS = (
    Named("optimizer", ("optimizer_name",), one_of(OPTIMIZERS)),
    Named("max_steps", ("trainer.max_steps",), integer),
    Named("epochs", ("trainer.max_epochs", "epochs"), number),
    Named("gradient_accumulation_steps", ("trainer.accumulate_grad_batches", "accumulate_grad_batches"), integer),
    Named("micro_batch_size", ("micro_batch_size", "batch_size", "data.batch_size"), integer),
    Named("seq_len", ("max_seq_length", "max_seq_len", "seq_len", "data.max_seq_length"), integer),
    Named("precision", ("trainer.precision",), one_of(PRECISIONS)),
)
STRATEGIES = {"fsdp": 3, "deepspeed_stage_1": 1, "deepspeed_stage_2": 2, "deepspeed_stage_3": 3, "ddp": 0}


def recognises(facts: RunFacts) -> bool:
    autologged = all(name in facts.params for name in AUTOLOGGED) or "pytorch" in facts.tags.get(
        "mlflow.autologging", ""
    )
    return autologged or any(name.startswith("trainer.") for name in dotted(facts))


def describe(facts: RunFacts, params: Params, draft: Draft) -> None:
    """Fills the draft with what is logged under Lightning's names."""
    params = Params(dotted(facts))
    draft.unknown("model", "params and tags planner.model; autologging does not say what the module holds")
    draft.unknown("micro_batch_size", "params micro_batch_size, batch_size, planner.micro_batch_size")
    put_named(params, draft, FIELDS)
    fused = params.flag("fused")
    if draft.get("optimizer") == "adamw" and fused:
        draft.put("optimizer", "adamw_fused", "logged", "params optimizer_name, fused")
    devices, nodes = integer(params, "trainer.devices"), integer(params, "trainer.num_nodes") or 1
    if devices:
        draft.devices = (devices * nodes, "params trainer/devices x trainer/num_nodes")
    strategy = (params.text("trainer.strategy") or "").lower()
    if strategy in STRATEGIES:
        draft.put("parallelism.zero_stage", STRATEGIES[strategy], "logged", f"param trainer/strategy = {strategy}")
    draft.put("framework", NAME, "inferred", "names of the params")
