"""What the fields of a run must agree on."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.domain.run_config import RunConfig


def check_consistent(config: "RunConfig") -> None:
    """Raises ``ValueError`` that names the fields which contradict each other."""
    _check_method(config)
    for is_broken, message in layout_conflicts(config):
        if is_broken:
            raise ValueError(message())


def _check_method(config: "RunConfig") -> None:
    if config.method == "full":
        for field in ("lora", "adapter", "virtual_tokens"):
            if getattr(config, field) is not None:
                raise ValueError(f"method full trains all weights: it takes no {field}")
        if config.base_quantization not in (None, "none"):
            raise ValueError(f"method full trains all weights: base_quantization {config.base_quantization} is frozen")
    if config.method == "qlora" and config.base_quantization == "none":
        raise ValueError("method qlora has a quantised base: base_quantization none contradicts it")


def layout_conflicts(config: "RunConfig") -> Iterator[tuple[bool, Callable[[], str]]]:
    """What model, parallelism and cluster must agree on: whether they do not, and how to say it.

    Where the sizes are arrays, the conditions are arrays too.
    """
    p, model, cluster = config.parallelism, config.model, config.cluster
    if model is not None:
        heads, layers, experts = model.num_heads, model.num_layers, model.num_experts
        yield (
            heads % p.tp != 0,
            lambda: f"parallelism.tp {p.tp} does not divide the {heads} attention heads of {model.name}",
        )
        yield (
            p.pp * p.virtual_stages > layers,
            lambda: (
                f"parallelism: pp {p.pp} x virtual_stages {p.virtual_stages} exceeds the {layers} layers "
                f"of {model.name}"
            ),
        )
        yield (
            (p.ep > 1) & ((experts or 1) % p.ep != 0),
            lambda: (
                f"parallelism.ep {p.ep} does not divide the experts of {model.name}, which has "
                + (f"{experts} experts" if experts else "no experts")
            ),
        )
    if cluster is not None:
        count, ranks = cluster.count, config.data_parallel
        yield (
            count % p.model_parallel != 0,
            lambda: (
                f"parallelism: tp {p.tp} x pp {p.pp} x cp {p.cp} = {p.model_parallel} does not divide "
                f"the cluster's count of {count} accelerators"
            ),
        )
        shards = p.dp_shard
        if shards is not None:
            yield (
                ranks % shards != 0,
                lambda: (
                    f"parallelism: dp_shard {shards} {'exceeds' if shards > ranks else 'does not divide'} "
                    f"{ranks} data parallel ranks"
                ),
            )
        yield (
            count % (p.ep * p.pp) != 0,
            lambda: f"parallelism: ep {p.ep} x pp {p.pp} does not divide the cluster's count of {count} accelerators",
        )
