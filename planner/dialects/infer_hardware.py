"""Accelerators of a run: from the user's rules, else from what was sampled and counted. Ambiguous is unknown."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from planner.dialects.databricks import read_cluster
from planner.dialects.draft import Draft
from planner.dialects.facts import RunFacts
from planner.dialects.params import Params
from planner.domain.accelerator import Accelerator, Cluster
from planner.domain.programme import HardwareRule
from planner.domain.run_config import PRICE_FIELDS

MEMORY_TOLERANCE_RATIO = 0.03
"""Sampled share of the memory is rounded to 0.1 %, and drivers keep some memory for themselves."""
POWER_TOLERANCE_RATIO = 0.05
RANKS_TOLERANCE_RATIO = 0.03
BUSY_RATIO = 0.05
"""Mean utilisation of a card that a run uses; what desktops and monitors take is less."""
GENERIC_CPU = "cpu-generic"
LOOKED_FOR = "hardware rules in foretune.yaml, param use_cpu, sampled GPU memory and power limit"


def infer_ranks(facts: RunFacts, params: Params, draft: Draft) -> tuple[int | None, str]:
    """Data parallel ranks and how they were found.

    From what a framework says of its devices, else from samples per step over samples per device and pass, else from
    tokens per step, else from the cards that were busy on a host that has more.
    """
    if draft.devices is not None:
        ranks, left = divmod(draft.devices[0], _model_parallel(draft))
        if ranks and not left:
            return ranks, draft.devices[1]
    found, rule = _ranks_by_samples(facts, params, draft)
    if found is not None:
        return found, rule
    for found, other_rule in (_ranks_by_tokens(facts, draft), _ranks_by_busy_cards(facts, draft)):
        if found is not None:
            return found, other_rule
    return None, rule


def _ranks_by_tokens(facts: RunFacts, draft: Draft) -> tuple[int | None, str]:
    """Tokens of all ranks over those of one: only where every sample feeds ``seq_len`` tokens."""
    point = facts.metrics.get("num_input_tokens_seen") or facts.metrics.get("num_tokens")
    one = [draft.get(name) for name in ("seq_len", "micro_batch_size", "gradient_accumulation_steps")]
    if draft.get("batching") not in ("packed", "padded") or point is None or not point.value or not point.step:
        return None, ""
    if not all(one):
        return None, ""
    ranks = point.value / (point.step * one[0] * one[1] * one[2])
    is_whole = round(ranks) >= 1 and abs(ranks - round(ranks)) <= RANKS_TOLERANCE_RATIO * ranks
    return (round(ranks) if is_whole else None), f"tokens / (steps x batch x seq_len) = {ranks:.2f}"


def _ranks_by_busy_cards(facts: RunFacts, draft: Draft) -> tuple[int | None, str]:
    """A run that leaves cards of its only host idle has no other host; where all are busy there may be more hosts."""
    busy = sum((gpu.mean_utilization_ratio or 0.0) >= BUSY_RATIO for gpu in facts.gpus)
    ranks, left = divmod(busy, _model_parallel(draft))
    if facts.num_nodes != 1 or not 0 < busy < len(facts.gpus) or left:
        return None, ""
    return ranks or None, f"{busy} of the host's {len(facts.gpus)} sampled GPUs were busy"


def _model_parallel(draft: Draft) -> int:
    sizes = [draft.get(f"parallelism.{part}") or 1 for part in ("tp", "pp", "cp")]
    return int(sizes[0] * sizes[1] * sizes[2])


def _ranks_by_samples(facts: RunFacts, params: Params, draft: Draft) -> tuple[int | None, str]:
    micro, accumulation = draft.get("micro_batch_size"), draft.get("gradient_accumulation_steps")
    per_second, runtime = facts.positive("train_samples_per_second"), facts.positive("train_runtime")
    steps = facts.metrics["train_runtime"].step if "train_runtime" in facts.metrics else None
    if not (micro and accumulation and per_second and runtime and steps):
        return None, "train_samples_per_second x train_runtime / (steps x batch)"
    if params.integer("max_steps") is not None and (params.integer("max_steps") or 0) > steps:
        return None, "train_samples_per_second: the run stopped before max_steps, for which it is computed"
    ranks = per_second * runtime / (steps * micro * accumulation)
    rounding_ratio = 0.0005 / per_second
    nearest = round(ranks)
    if (
        nearest < 1
        or abs(ranks - nearest) > nearest * (RANKS_TOLERANCE_RATIO + rounding_ratio)
        or rounding_ratio * nearest > 0.4
    ):
        return (
            None,
            f"train_samples_per_second x train_runtime / (steps x batch) = {ranks:.2f} is no whole number of ranks",
        )
    return nearest, f"train_samples_per_second x train_runtime / (steps x batch) = {ranks:.2f}"


def infer_cluster(
    facts: RunFacts, params: Params, draft: Draft, *, rules: Sequence[HardwareRule], ranks: tuple[int | None, str]
) -> None:
    """Sets the cluster, unless the run named it itself. ``ranks``: data parallel ranks and how they were found.

    Of hardware that the run named, a user's rule still says what it costs: no process knows that.
    """
    for rule in rules:
        if fnmatchcase(facts.experiment, rule.experiments):
            if draft.get("cluster") is not None:
                _take_price(draft, rule)
                return
            draft.put("cluster", rule.cluster, "user_rule", f"hardware rule for experiments {rule.experiments!r}")
            return
    if draft.get("cluster") is None:
        read_cluster(facts, draft)
    if draft.get("cluster") is not None:
        return
    if params.flag("use_cpu") and GENERIC_CPU in draft.catalog.accelerators:
        on_cpu, how = "param use_cpu = True", ranks[1] if ranks[0] else "one host"
        draft.put("cluster", {"accelerator": GENERIC_CPU, "count": ranks[0] or 1}, "inferred", f"{on_cpu}: {how}")
        return
    if not facts.gpus:
        draft.unknown("cluster", LOOKED_FOR)
        return
    count, count_rule = _count(draft, *ranks)
    accelerator, rule_text = _from_samples(facts, tuple(draft.catalog.accelerators.values()), count)
    if accelerator is None or count is None:
        draft.unknown("cluster", f"{LOOKED_FOR}: {rule_text}; number of accelerators: {count_rule}")
        return
    draft.put("cluster", {"accelerator": accelerator, "count": count}, "inferred", f"{rule_text}; {count_rule}")


def _take_price(draft: Draft, rule: HardwareRule) -> None:
    known, origin = draft.get("cluster"), draft.origins["cluster"]
    if rule.cluster.accelerator.slug != known.accelerator.slug:
        return
    usual = {name: field.default for name, field in Cluster.model_fields.items() if name in PRICE_FIELDS}
    unsaid = {name: getattr(rule.cluster, name) for name, value in usual.items() if getattr(known, name) == value}
    if any(unsaid[name] != usual[name] for name in unsaid):
        text = f"{origin.rule}; price by the hardware rule for experiments {rule.experiments!r}"
        draft.put("cluster", known.model_copy(update=unsaid), origin.kind, text)


def _from_samples(facts: RunFacts, known: Sequence[Accelerator], count: int | None) -> tuple[Accelerator | None, str]:
    totals = sorted(gpu.memory_total_bytes for gpu in facts.gpus if gpu.memory_total_bytes)
    limits = sorted(gpu.power_limit_w for gpu in facts.gpus if gpu.power_limit_w)
    if not totals:
        return None, "no GPU logged its memory"
    total, limit = totals[len(totals) // 2], limits[len(limits) // 2] if limits else None
    found = f"GPU of {total / 1e9:.1f} GB" + (f" and {limit:.0f} W" if limit else "")
    fitting = [
        accelerator
        for accelerator in known
        if accelerator.kind == "gpu"
        and abs(total / accelerator.memory_bytes - 1) <= MEMORY_TOLERANCE_RATIO
        and (limit is None or accelerator.tdp_w is None or abs(limit / accelerator.tdp_w - 1) <= POWER_TOLERANCE_RATIO)
    ]
    slugs = ", ".join(sorted(accelerator.slug for accelerator in fitting))
    exact = [accelerator for accelerator in fitting if not _is_generic(accelerator)]
    if len(exact) == 1:
        return exact[0], f"{found}: {exact[0].slug} fits"
    if fitting and len({_figures(accelerator, count) for accelerator in fitting}) == 1:
        chosen = min(fitting, key=lambda accelerator: (not _is_generic(accelerator), accelerator.slug))
        return chosen, f"{found}: {slugs} fit and do not differ in what an estimate uses"
    return None, f"{found}: {slugs or 'nothing in the catalog'} fits"


def _is_generic(accelerator: Accelerator) -> bool:
    return "form unknown" in accelerator.name


def _figures(accelerator: Accelerator, count: int | None) -> tuple[object, ...]:
    """What an estimate uses of an accelerator; its links only where there are several."""
    link = None if count == 1 else accelerator.link_bytes_per_s
    peaks = tuple(sorted(accelerator.peak_flop_per_s.items()))
    return accelerator.memory_bytes, accelerator.memory_bandwidth_bytes_per_s, peaks, link


def _count(draft: Draft, ranks: int | None, ranks_rule: str) -> tuple[int | None, str]:
    if ranks is None:
        return None, ranks_rule
    return ranks * _model_parallel(draft), ranks_rule
