"""The moments of a training step and who holds memory in each; the peak is the largest moment, not a sum of maxima."""

from typing import NamedTuple

from planner.domain.estimate import Moment, MomentName
from planner.estimator.elementwise import always, is_plain, larger, largest, smaller, where
from planner.estimator.memory.adapter_activations import adapter_delta_bytes, virtual_keys_bytes
from planner.estimator.memory.dequantised_weights import cast_weights_bytes, dequantised_bytes
from planner.estimator.memory.gathered_shards import gathered_bytes
from planner.estimator.memory.generation import generation_logits_bytes, key_value_cache_bytes
from planner.estimator.memory.gradients import bucket_bytes, first_gradients_bytes, gradients_bytes
from planner.estimator.memory.logits import logits_bytes
from planner.estimator.memory.optimizer_states import states_bytes, step_temporaries_bytes
from planner.estimator.memory.recomputed_layer import backward_temporaries_bytes, recomputed_bytes
from planner.estimator.memory.saved_activations import saved_bytes, sharded_frozen_hidden_bytes
from planner.estimator.memory.weights import (
    adapter_bytes,
    frozen_copies_bytes,
    loading_bytes,
    trained_params,
    weights_bytes,
)
from planner.estimator.workload import Workload

Tenants = dict[str, float]


class Timeline(NamedTuple):
    """Tenants in bytes by moment (of one run alone), and the sums that the allocator's figures need."""

    moments: dict[MomentName, Tenants]
    totals_bytes: dict[MomentName, float]
    activations_bytes: float
    """Saved and recomputed activations of one pass."""
    logits_bytes: float

    @property
    def peak_bytes(self) -> float:
        return largest(self.totals_bytes.values())

    def as_moments(self) -> tuple[Moment, ...]:
        return tuple(Moment.model_construct(name=name, tenants_bytes=held) for name, held in self.moments.items())


def _stage_timeline(run: Workload, *, is_first_stage: bool, is_last_stage: bool) -> Timeline:
    trained = trained_params(run, has_embeddings=is_first_stage, has_head=is_last_stage)
    gradients = gradients_bytes(run, trained)
    weights = weights_bytes(run, has_embeddings=is_first_stage, has_head=is_last_stage)
    resting = {
        "weights": weights,
        "adapter": adapter_bytes(run, trained),
        "frozen_copies": frozen_copies_bytes(run, weights),
        "optimizer_states": states_bytes(run, trained),
        "gradient_bucket": bucket_bytes(run, trained),
    }
    accumulated = where(run.accumulation > 1, gradients, 0.0)
    passing = {
        **resting,
        "gradients": accumulated,
        "gathered_shards": gathered_bytes(run),
        "dequantised_weights": dequantised_bytes(run),
        "cast_weights": cast_weights_bytes(run),
        "adapter_matrices": adapter_delta_bytes(run),
        "virtual_keys": virtual_keys_bytes(run),
    }
    saved = saved_bytes(run, is_first_stage=is_first_stage)
    hidden = sharded_frozen_hidden_bytes(run)
    recomputed = recomputed_bytes(run)
    logits = logits_bytes(run) if is_last_stage else 0.0
    inside_layer = {"recomputed_layer": recomputed, "backward_temporaries": backward_temporaries_bytes(run)}
    backward_start = {
        **passing,
        **inside_layer,
        "gradients": larger(accumulated, smaller(first_gradients_bytes(run, trained), gradients)),
        "saved_activations": saved,
        "sharded_hidden_states": hidden,
    }
    backward_end = {**passing, **inside_layer, "gradients": gradients, "saved_activations": saved / run.stage_layers}
    moments: dict[MomentName, Tenants] = {
        "load": {**resting, "optimizer_states": 0.0, "gradient_bucket": 0.0, "unsharded_weights": loading_bytes(run)},
        "forward": {**passing, "saved_activations": saved},
        "loss": {**passing, "saved_activations": saved, "logits": logits},
        "backward": _fuller(backward_start, backward_end),
        "optimizer": {**resting, "gradients": gradients, "step_temporaries": step_temporaries_bytes(run, trained)},
    }
    if run.generated_sequences:
        moments["generation"] = {
            **resting,
            "gathered_shards": passing["gathered_shards"],
            "dequantised_weights": passing["dequantised_weights"],
            "key_value_cache": key_value_cache_bytes(run),
            "logits": generation_logits_bytes(run) if is_last_stage else 0.0,
        }
    totals = {name: sum(who.values()) for name, who in moments.items()}
    held = {name: _held(who) for name, who in moments.items()} if all(map(is_plain, totals.values())) else {}
    return Timeline(held, totals, saved + hidden + recomputed, logits)


def _held(tenants: Tenants) -> Tenants:
    return {tenant: held for tenant, held in tenants.items() if held > 0}


def _fuller(start: Tenants, end: Tenants) -> Tenants:
    """The backward pass trades activations for gradients evenly: its largest point is its start or its end."""
    at_start, at_end = sum(start.values()), sum(end.values())
    if is_plain(at_start) and is_plain(at_end):
        return start if at_start >= at_end else end
    return {"all": larger(at_start, at_end)}


def build_timeline(run: Workload) -> Timeline:
    """The timeline of the fullest device; under pipeline parallelism the first or the last stage."""
    if always(run.pp == 1):
        return _stage_timeline(run, is_first_stage=True, is_last_stage=True)
    first = _stage_timeline(run, is_first_stage=True, is_last_stage=False)
    last = _stage_timeline(run, is_first_stage=False, is_last_stage=True)
    fuller = where(first.peak_bytes >= last.peak_bytes, first, last)
    if always(run.pp > 1):
        return fuller
    return where(run.pp == 1, _stage_timeline(run, is_first_stage=True, is_last_stage=True), fuller)
