"""The groups a run belongs to, coarse to fine; a finer one is shrunk towards the coarser one."""

from planner.domain.run_config import RunConfig

LEVELS = ("accelerator", "method", "model", "experiment")


def group_path(config: RunConfig, experiment: str | None) -> tuple[str, ...]:
    """Names of the nested groups of a run, from ``all`` to the finest.

    >>> group_path(RunConfig(), "support-bot")[-1]
    'accelerator=unknown, method=unknown, model=unknown, experiment=support-bot'
    """
    keys = {
        "accelerator": config.cluster.accelerator.slug if config.cluster else None,
        "method": config.adapter or config.method,
        "model": config.model.name if config.model else None,
        "experiment": experiment,
    }
    named = [f"{level}={keys[level] or 'unknown'}" for level in LEVELS]
    return ("all", *(", ".join(named[: depth + 1]) for depth in range(len(named))))
