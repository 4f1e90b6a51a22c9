"""What the fields of a run must agree on."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.domain.run_config import RunConfig


def check_consistent(config: "RunConfig") -> None:
    """Raises ``ValueError`` that names the fields which contradict each other."""
    _check_method(config)
    _check_model_parallel(config)
    _check_data_parallel(config)


def _check_method(config: "RunConfig") -> None:
    if config.method == "full":
        for field in ("lora", "adapter", "virtual_tokens"):
            if getattr(config, field) is not None:
                raise ValueError(f"method full trains all weights: it takes no {field}")
        if config.base_quantization not in (None, "none"):
            raise ValueError(f"method full trains all weights: base_quantization {config.base_quantization} is frozen")
    if config.method == "qlora" and config.base_quantization == "none":
        raise ValueError("method qlora has a quantised base: base_quantization none contradicts it")


def _check_model_parallel(config: "RunConfig") -> None:
    p, model = config.parallelism, config.model
    if model is None:
        return
    if model.num_heads % p.tp:
        raise ValueError(f"parallelism.tp {p.tp} does not divide the {model.num_heads} attention heads of {model.name}")
    if p.pp * p.virtual_stages > model.num_layers:
        raise ValueError(
            f"parallelism: pp {p.pp} x virtual_stages {p.virtual_stages} exceeds the {model.num_layers} layers "
            f"of {model.name}"
        )
    if p.ep > 1 and (model.num_experts or 1) % p.ep:
        experts = f"{model.num_experts} experts" if model.num_experts else "no experts"
        raise ValueError(f"parallelism.ep {p.ep} does not divide the experts of {model.name}, which has {experts}")


def _check_data_parallel(config: "RunConfig") -> None:
    p, cluster = config.parallelism, config.cluster
    if cluster is None:
        return
    if cluster.count % p.model_parallel:
        raise ValueError(
            f"parallelism: tp {p.tp} x pp {p.pp} x cp {p.cp} = {p.model_parallel} does not divide "
            f"the cluster's count of {cluster.count} accelerators"
        )
    ranks = config.data_parallel
    if p.dp_shard is not None and ranks % p.dp_shard:
        relation = "exceeds" if p.dp_shard > ranks else "does not divide"
        raise ValueError(f"parallelism: dp_shard {p.dp_shard} {relation} {ranks} data parallel ranks")
    if cluster.count % (p.ep * p.pp):
        raise ValueError(
            f"parallelism: ep {p.ep} x pp {p.pp} does not divide the cluster's count of {cluster.count} accelerators"
        )
