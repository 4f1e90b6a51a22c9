"""Time of adapters, by what their mechanism does in a pass."""

from typing import NamedTuple

from planner.domain.run_vocabulary import AdapterKind
from planner.estimator.adapter_size import WITHOUT_MODULES
from planner.estimator.step_time.efficiency import peak_flop_per_s
from planner.estimator.step_time.memory_bound import bandwidth
from planner.estimator.step_time.recompute import Repeated
from planner.estimator.throughput_constants import ThroughputConstants
from planner.estimator.workload import Workload


class Mechanism(NamedTuple):
    """What an adapter does, LoRA being 1 stream, nothing dense, and the kernels of ``ops_per_adapter``."""

    streams: float
    """Traffic over the inputs and outputs of the adapted matrices, in units of LoRA's."""
    dense: float = 0.0
    """Matrices of the base's size that are built, in units of one delta weight."""
    products: float = 0.0
    """Products of the base's matrix with a square matrix of its input width, in fp32."""
    kernels: float = 1.0
    """Kernels that are launched, in units of LoRA's."""


LORA = Mechanism(1.0)
MECHANISMS: dict[AdapterKind, Mechanism] = {
    "dora": Mechanism(1.5, dense=0.7, kernels=1.2),
    "adalora": Mechanism(1.5, kernels=1.2),
    "lora_fa": Mechanism(1.0),
    "loha": Mechanism(0.0, dense=1.0, kernels=1.2),
    "lokr": Mechanism(0.5, dense=0.5, kernels=1.2),
    "vera": Mechanism(1.4, kernels=1.0),
    "pvera": Mechanism(1.8, kernels=1.2),
    "vblora": Mechanism(1.0, dense=0.3, kernels=2.5),
    "randlora": Mechanism(0.0, dense=1.0, products=0.3, kernels=1.9),
    "bdlora": Mechanism(1.5, kernels=1.2),
    "gralora": Mechanism(2.0, kernels=1.2),
    "glora": Mechanism(1.0, dense=0.4, kernels=1.9),
    "mica": Mechanism(1.0),
    "unilora": Mechanism(1.2, kernels=1.2),
    "lily": Mechanism(2.0, kernels=1.9),
    "adamss": Mechanism(8.0, dense=2.0, kernels=25),
    "frod": Mechanism(0.0, dense=1.0, products=1.0, kernels=1.9),
    "peanut": Mechanism(1.0, dense=1.0, kernels=1.9),
    "fourierft": Mechanism(0.0, dense=1.5, kernels=1.9),
    "c3a": Mechanism(3.0, kernels=1.9),
    "ia3": Mechanism(0.3, kernels=0.5),
    "oft": Mechanism(2.0, kernels=3.0),
    "oft_v1": Mechanism(1.0, dense=1.5, products=2.0, kernels=6.0),
    "boft": Mechanism(1.0, dense=2.0, products=4.0, kernels=7.5),
    "bone": Mechanism(0.7, kernels=0.6),
    "bone_bat": Mechanism(0.0, dense=1.5, kernels=1.9),
    "road": Mechanism(1.0, kernels=1.2),
    "shira": Mechanism(0.0, dense=0.3, kernels=0.6),
    "adaption_prompt": Mechanism(1.5),
    "llama_adapter": Mechanism(1.5),
    "llama_adapter_v2": Mechanism(1.5),
    "bottleneck": Mechanism(2.0),
}
"""From how the methods are defined; prompts, norms and tokens cost nothing beside what passes through the model."""
NOTHING = Mechanism(0.0, kernels=0.0)


def mechanism(kind: AdapterKind | None) -> Mechanism:
    """What an adapter of that kind does; nothing where it sits on no matrix, else LoRA's where the table has none."""
    if kind is None:
        return NOTHING
    return MECHANISMS.get(kind, NOTHING if kind in WITHOUT_MODULES else LORA)


def adapted_modules(run: Workload) -> float:
    """Places in one layer at which the adapter works: matrices, or the layer itself."""
    return run.adapter.modules_per_layer or (1.0 if mechanism(run.adapter_kind).streams else 0.0)


def adapter_s(run: Workload, tokens: float, again: Repeated, c: ThroughputConstants) -> float:
    """Seconds of the adapters in one pass: streams over activations, matrices they build, rotations they apply.

    Adapters that sit on no matrix stream over the hidden states of each layer.
    """
    found = mechanism(run.adapter_kind)
    width = run.adapter.input_width + run.adapter.output_width or 2.0 * run.model.hidden_dim
    fused = run.software == "tuned" or run.is_compiled or run.has_fused_kernels
    layers = run.stage_layers / run.tp
    streamed = c.adapter_traffic_ratio * found.streams * run.compute_bytes * width * tokens * layers
    streamed *= (2.0 + again.pointwise_ratio) / 2.0 * (c.adapter_fused_ratio if fused else 1.0)
    weights = adapted_weights(run) * layers
    dense = c.adapter_dense_passes * found.dense * 4.0 * weights
    seconds = (streamed + dense) / bandwidth(run, c)
    if found.products:
        square = 3.0 * 2.0 * found.products * weights * run.model.hidden_dim
        seconds += square / (c.adapter_product_ratio * peak_flop_per_s(run.accelerator, "fp32"))
    return seconds


def adapted_weights(run: Workload) -> float:
    """Weights of the adapted matrices in one layer, from their mean widths."""
    modules = run.adapter.modules_per_layer
    return run.adapter.input_width * run.adapter.output_width / modules if modules else 0.0
