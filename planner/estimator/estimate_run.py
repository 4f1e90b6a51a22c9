"""The estimator's front door: a configuration in, an estimate out. Pure: no clock, no file, no history."""

from collections.abc import Iterator, Sequence
from datetime import date

from planner.domain.estimate import CheckpointAdvice, Estimate, MemoryEstimate, Provenance, Quantiles
from planner.domain.model_spec import ModelSpec
from planner.domain.price_book import PriceBook
from planner.domain.run_config import RunConfig
from planner.estimator.constants import PRIOR
from planner.estimator.cost import cost_of_run
from planner.estimator.energy import run_power
from planner.estimator.memory.allocator import usable_bytes
from planner.estimator.network import inter_node_bytes_per_s, network_rows
from planner.estimator.padding import real_tokens_ratio
from planner.estimator.physics import Physics, run_physics
from planner.estimator.quantile_mixture import Triple, mix
from planner.estimator.step_time.links import network_bytes_per_s
from planner.estimator.storage import (
    base_model_bytes,
    dataset_bytes,
    kept_by_month,
    storage_rows,
    stored_byte_months,
    working_bytes,
)
from planner.estimator.throughput_constants import THROUGHPUT
from planner.estimator.unknowns import describe, expand
from planner.estimator.workload_of_run import known
from planner.units import format_duration

LARGE_LOSS_RATIO = 0.05
"""Share of the work that interruptions may cost without a note."""
CHECKPOINT_LOG_SD = 0.5
"""Spread of the time that checkpoints take: storage differs by more than its data sheet says; assumed."""
SIZE_LOG_SD = 0.1
"""Spread of bytes stored and moved: file formats, compression, metadata; assumed."""


def estimate_run(config: RunConfig, prices: PriceBook | None = None, on: date | None = None) -> Estimate:
    """What a run needs: memory, time, storage, network and cost, from its configuration alone.

    ``on`` is the day whose prices are used, the newest where it is None. Fields that are not known are spanned: every
    plausible combination is estimated, and the quantiles are those of the mixture. The breakdowns are those of the
    combination nearest to the middle.

    Raises ``UnknownFieldError`` without model, cluster, seq_len, micro_batch_size or a length.
    """
    known(config.model, "model", "its dimensions decide memory and time")
    cluster = known(config.cluster, "cluster", "the accelerator decides what fits and how fast it is")
    known(config.seq_len or config.mean_tokens_per_sample, "seq_len", "activations and attention grow with it")
    known(config.micro_batch_size, "micro_batch_size", "activations and tokens a step grow with it")
    alternatives, unknowns = expand(config)
    weights = [alternative.weight for alternative in alternatives]
    found = [run_physics(alternative.config) for alternative in alternatives]

    durations = mix(weights, [physics.duration_s for physics in found])
    shown = _nearest(found, mix(weights, [physics.allocated_bytes for physics in found]).p50)
    step_s = shown.step.total_s
    stored = storage_rows(shown.config, shown.run, steps=shown.steps, train_tokens=shown.train_tokens)
    moved = network_rows(
        shown.run,
        model_bytes=base_model_bytes(shown.run),
        dataset_bytes=dataset_bytes(shown.config, shown.train_tokens),
        checkpoint_bytes=shown.checkpoint_bytes,
        num_written=shown.course.num_written,
    )
    start_up = mix(weights, [physics.start_up_s for physics in found])
    cost, cost_rows, notes = cost_of_run(
        cluster,
        prices,
        on,
        accelerator_hours=durations.scale(cluster.count / 3600.0),
        stored_byte_months=stored_byte_months(config, stored),
        uploaded_bytes=shown.checkpoint_bytes,
    )
    draw = run_power(cluster)
    if cluster.power is not None and draw.note:
        notes = (*notes, draw.note)
    return Estimate(
        config_hash=config.config_hash,
        accelerator=cluster.accelerator.slug,
        num_accelerators=cluster.count,
        params=shown.run.params.total,
        trainable_params=shown.run.trainable_params,
        steps=shown.steps,
        train_tokens=shown.train_tokens,
        real_tokens_ratio=real_tokens_ratio(config),
        flop=shown.flop,
        memory=_memory(found, weights, shown),
        step_time_breakdown_s=shown.step.breakdown_s,
        bottleneck=shown.step.bottleneck,
        mfu=shown.mfu,
        tokens_per_s_per_accelerator=mix(weights, [physics.tokens_per_s_per_accelerator for physics in found]),
        start_up_s=start_up,
        duration_s=durations,
        duration_breakdown_s=_duration_rows(durations, start_up, shown),
        checkpoint_s=_checkpoint_time(shown.course.writing_s),
        checkpoint_bytes=_sizes(weights, [physics.checkpoint_bytes for physics in found]),
        checkpoint_advice=_checkpoint_advice(shown),
        storage_bytes=Quantiles.lognormal(sum(stored.values()), SIZE_LOG_SD),
        storage_breakdown_bytes=stored,
        storage_months=kept_by_month(config.operations.retention, stored),
        working_storage_bytes=working_bytes(
            stored, checkpoint_bytes=shown.checkpoint_bytes, num_written=shown.course.num_written
        ),
        network_bytes=Quantiles.lognormal(sum(moved.values()), SIZE_LOG_SD),
        network_breakdown_bytes=moved,
        inter_node_bytes_per_s=inter_node_bytes_per_s(shown.run, step_s),
        inter_node_link_bytes_per_s=network_bytes_per_s(shown.run, THROUGHPUT) if shown.run.num_nodes > 1 else None,
        cost_usd=cost,
        cost_breakdown_usd=cost_rows,
        power_w=draw.power_w,
        power_breakdown_w=draw.breakdown_w,
        co2e_g_per_kwh=None if cluster.power is None else cluster.power.co2e_g_per_kwh,
        unknowns=unknowns,
        notes=(*_notes(config, shown, unknowns), *notes),
        provenance=Provenance(prior=PRIOR),
    )


def _notes(config: RunConfig, shown: Physics, unknowns: tuple[str, ...]) -> tuple[str, ...]:
    notes = list(_model_notes(config.model))
    advice = _checkpoint_advice(shown).best_every_steps
    if unknowns:
        notes.append(
            f"not all fields are known: the breakdowns show one possibility, {describe(shown.config, unknowns)}"
        )
    if shown.run.software is None and shown.run.accelerator.kind != "cpu":
        name = "not given" if config.framework is None else f"{config.framework!r}, which is not known"
        notes.append(f"framework is {name}: the speed spans eager to vendor-tuned software")
    if shown.run.compute_dtype not in shown.run.accelerator.peak_flop_per_s:
        notes.append(
            f"{shown.run.accelerator.slug} has no known speed in {shown.run.compute_dtype}, which it may not support: "
            "the speed is that of the nearest format it has"
        )
    if shown.run.num_nodes > 1 and shown.run.inter_node_bytes_per_s is None:
        notes.append("cluster.inter_node_bytes_per_s_per_accelerator is not given: 25 GB/s were taken")
    if config.operations.queue_wait_s:
        wait = format_duration(config.operations.queue_wait_s)
        notes.append(f"it waits {wait} in the queue before it starts: not part of the duration, and not billed")
    lost_s, work_s = shown.course.interruptions.lost_s, shown.train_tokens / shown.tokens_per_s_per_accelerator[1]
    if lost_s * shown.run.num_devices > LARGE_LOSS_RATIO * work_s:
        notes.append(
            f"interruptions are expected to cost {format_duration(lost_s)}: "
            + (
                "write checkpoints (checkpoints.every_steps)"
                if advice is None
                else f"checkpoints every {advice:,} steps"
            )
            + " lose least"
        )
    return tuple(notes)


def _model_notes(model: ModelSpec | None) -> Iterator[str]:
    """Where a model comes from that no catalog holds, and what was assumed about it."""
    if model is not None and model.origin is not None:
        yield f"model {model.name}: dimensions from the {model.origin}"
    if model is not None and model.assumption is not None:
        yield f"model {model.name}: {model.assumption}"


def _nearest(found: Sequence[Physics], allocated_bytes: float) -> Physics:
    return min(found, key=lambda physics: abs(physics.allocated_bytes[1] - allocated_bytes))


def _sizes(weights: Sequence[float], sizes: Sequence[float]) -> Quantiles:
    triples: list[Triple] = []
    for size in sizes:
        around = Quantiles.lognormal(size, SIZE_LOG_SD)
        triples.append((around.p10, around.p50, around.p90))
    return mix(weights, triples)


def _duration_rows(durations: Quantiles, start_up: Quantiles, shown: Physics) -> dict[str, float]:
    """Rows that add up to the median duration: training is what the others leave."""
    course = shown.course
    others = {
        "start_up": start_up.p50,
        "evaluation": course.evaluation_s,
        "checkpoints": course.writing_s,
        "interruptions": course.interruptions.lost_s,
    }
    return {**others, "training": max(durations.p50 - sum(others.values()), 0.0)}


def _checkpoint_time(writing_s: float) -> Quantiles | None:
    return Quantiles.lognormal(writing_s, CHECKPOINT_LOG_SD) if writing_s > 0 else None


def _checkpoint_advice(shown: Physics) -> CheckpointAdvice:
    course = shown.course
    steps = course.best_interval_s / shown.step.total_s
    return CheckpointAdvice(
        expected_interruptions=course.interruptions.expected,
        best_every_steps=max(1, round(steps)) if steps < shown.steps else None,
        needed_bytes_per_s=course.writing.needed_bytes_per_s,
        needed_iops=course.writing.needed_iops,
    )


def _memory(found: Sequence[Physics], weights: Sequence[float], shown: Physics) -> MemoryEstimate:
    allocated = mix(weights, [physics.allocated_bytes for physics in found])
    reserved = _at_least(allocated, mix(weights, [physics.reserved_bytes for physics in found]))
    fits_probability = sum(w * physics.fits_probability for w, physics in zip(weights, found, strict=True))
    return MemoryEstimate(
        timeline=shown.timeline.as_moments(),
        peak_allocated_bytes=allocated,
        peak_reserved_bytes=reserved,
        peak_device_bytes=_at_least(reserved, mix(weights, [physics.device_bytes for physics in found])),
        host_peak_bytes=mix(weights, [physics.host_bytes for physics in found]),
        usable_bytes=usable_bytes(shown.run),
        fits_probability=min(fits_probability, 1.0),  # weights add up to 1 but for rounding
    )


def _at_least(held: Quantiles, holder: Quantiles) -> Quantiles:
    """The quantiles of what holds another quantity: at no level below it, however wide its own spread."""
    return Quantiles(p10=max(held.p10, holder.p10), p50=max(held.p50, holder.p50), p90=max(held.p90, holder.p90))
