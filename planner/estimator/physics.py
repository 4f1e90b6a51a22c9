"""One fully known run: all figures of memory and speed, as plain numbers."""

from typing import NamedTuple

from planner.domain.run_config import RunConfig
from planner.estimator.flops import attended_tokens, model_flop
from planner.estimator.length import steps_and_tokens
from planner.estimator.memory.allocator import context_bytes, fits_probability, reserved_bytes, usable_bytes
from planner.estimator.memory.host import host_bytes
from planner.estimator.memory.spread import memory_spreads
from planner.estimator.memory.timeline import Timeline, build_timeline
from planner.estimator.quantile_mixture import Triple, lognormal_triple
from planner.estimator.run_course import RunCourse, run_course
from planner.estimator.step_time.efficiency import peak_flop_per_s
from planner.estimator.step_time.roofline import StepTime, step_time
from planner.estimator.step_time.spread import speed_log_sd
from planner.estimator.storage import base_model_bytes, checkpoint_bytes
from planner.estimator.wall_time import duration_triple, start_up_s
from planner.estimator.wall_time_constants import WALL_TIME
from planner.estimator.workload import Workload
from planner.estimator.workload_of_run import workload


class Physics(NamedTuple):
    """What one alternative needs. Triples are p10, p50, p90."""

    config: RunConfig
    run: Workload
    timeline: Timeline
    allocated_bytes: Triple
    reserved_bytes: Triple
    device_bytes: Triple
    host_bytes: Triple
    fits_probability: float
    step: StepTime
    steps: int
    train_tokens: float
    flop: float
    mfu: float
    tokens_per_s_per_accelerator: Triple
    start_up_s: Triple
    duration_s: Triple
    checkpoint_bytes: float
    course: RunCourse


def matmul_params(run: Workload) -> float:
    """Parameters that multiply every token: all active ones but the embedding table; a tied head counts."""
    counts = run.params
    head = run.model.vocab_size * run.model.hidden_dim
    layers = counts.num_layers * (counts.attention_per_layer + counts.active_mlp_per_layer + counts.router_per_layer)
    return layers + head


def run_physics(config: RunConfig) -> Physics:
    """Memory, speed and length of a run whose fields are all known."""
    run = workload(config)
    timeline = build_timeline(run)
    allocated = timeline.peak_bytes
    reserved = reserved_bytes(run, timeline)
    context = context_bytes(run)
    host = host_bytes(run, timeline)
    is_cpu = run.accelerator.kind == "cpu"
    spreads = memory_spreads(run)

    step = step_time(run)
    step_s = step.total_s
    tokens_per_step = run.tokens_per_step
    steps, train_tokens = steps_and_tokens(config, tokens_per_step=tokens_per_step, fed_tokens=run.fed_tokens)
    speed = tokens_per_step / step_s / run.num_devices
    spread = speed_log_sd(run)
    flop = model_flop(
        tokens=train_tokens,
        seq_len=attended_tokens(run.model, run.fed_tokens),
        matmul_params=matmul_params(run),
        adapter_params=1.0 * run.model.num_layers * run.adapter.active_params_per_layer,
        trains_base=run.trains_base,
        attention_dim=(run.model.q_dim + run.model.v_dim) / 2.0,
        num_layers=run.model.num_layers,
    )
    training_s = train_tokens / speed / run.num_devices
    peak = peak_flop_per_s(run.accelerator, run.compute_dtype)
    starting = start_up_s(run, base_model_bytes(run), config.operations)
    one_checkpoint = checkpoint_bytes(config, run)
    course = run_course(
        config,
        run,
        steps=steps,
        training_s=training_s,
        tokens_per_s=speed * run.num_devices,
        start_up_s=starting,
        checkpoint_bytes=one_checkpoint,
    )
    working = training_s + course.evaluation_s + course.interruptions.lost_s
    return Physics(
        config=config,
        run=run,
        timeline=timeline,
        allocated_bytes=lognormal_triple(allocated, spreads.allocated),
        reserved_bytes=lognormal_triple(reserved, spreads.reserved),
        device_bytes=lognormal_triple(reserved + context, spreads.device),
        host_bytes=lognormal_triple(host, run.constants.host_log_sd),
        fits_probability=fits_probability(host if is_cpu else allocated + context, spreads.device, usable_bytes(run)),
        step=step,
        steps=steps,
        train_tokens=train_tokens,
        flop=flop,
        mfu=flop / training_s / (peak * run.num_devices),
        tokens_per_s_per_accelerator=lognormal_triple(speed, spread),
        start_up_s=lognormal_triple(starting, WALL_TIME.start_up_log_sd),
        duration_s=duration_triple(starting, working, course.writing_s, spread, course.interruptions.lost_sd_s),
        checkpoint_bytes=one_checkpoint,
        course=course,
    )
