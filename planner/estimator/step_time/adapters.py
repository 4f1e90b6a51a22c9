"""Time of adapters, by what their mechanism does in a pass."""

from typing import NamedTuple

from planner.domain.run_vocabulary import AdapterKind
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
    "dora": Mechanism(1.5, dense=0.7, kernels=2.0),
    "adalora": Mechanism(1.5, kernels=2.0),
    "lora_fa": Mechanism(1.0),
    "loha": Mechanism(0.0, dense=1.0, kernels=2.0),
    "lokr": Mechanism(0.5, dense=0.5, kernels=2.0),
    "vera": Mechanism(1.4, kernels=1.5),
    "pvera": Mechanism(1.8, kernels=2.0),
    "vblora": Mechanism(1.0, dense=0.3, kernels=4.0),
    "randlora": Mechanism(0.0, dense=1.0, products=0.3, kernels=3.0),
    "bdlora": Mechanism(1.5, kernels=2.0),
    "gralora": Mechanism(2.0, kernels=2.0),
    "glora": Mechanism(1.0, dense=0.4, kernels=3.0),
    "mica": Mechanism(1.0),
    "unilora": Mechanism(1.2, kernels=2.0),
    "lily": Mechanism(2.0, kernels=3.0),
    "adamss": Mechanism(8.0, dense=2.0, kernels=40.0),
    "frod": Mechanism(0.0, dense=1.0, products=1.0, kernels=3.0),
    "peanut": Mechanism(1.0, dense=1.0, kernels=3.0),
    "fourierft": Mechanism(0.0, dense=1.5, kernels=3.0),
    "c3a": Mechanism(3.0, kernels=3.0),
    "ia3": Mechanism(0.3, kernels=0.5),
    "oft": Mechanism(2.0, kernels=5.0),
    "oft_v1": Mechanism(1.0, dense=1.5, products=2.0, kernels=10.0),
    "boft": Mechanism(1.0, dense=2.0, products=4.0, kernels=12.0),
    "bone": Mechanism(0.7, kernels=1.0),
    "bone_bat": Mechanism(0.0, dense=1.5, kernels=3.0),
    "road": Mechanism(1.0, kernels=2.0),
    "shira": Mechanism(0.0, dense=0.3, kernels=1.0),
    "bottleneck": Mechanism(1.0),
}
"""From how the methods are defined; ones that sit on no matrix (prompts, norms, tokens) are not in the table."""


def mechanism(kind: AdapterKind | None) -> Mechanism:
    """What an adapter of that kind does; LoRA's where the table has none."""
    return MECHANISMS.get(kind, LORA) if kind is not None else LORA


def adapter_s(run: Workload, tokens: float, again: Repeated, c: ThroughputConstants) -> float:
    """Seconds of the adapters in one pass: streams over activations, matrices they build, rotations they apply."""
    if run.trains_base or not run.adapter.input_width:
        return 0.0
    found = mechanism(run.adapter_kind)
    width = run.adapter.input_width + run.adapter.output_width
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
