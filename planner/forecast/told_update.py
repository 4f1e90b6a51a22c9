"""What a forecast told of the next run of a planned update, and which run then was that one."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from fnmatch import fnmatchcase

from planner.domain import Frozen
from planner.domain.estimate import Estimate
from planner.domain.programme import PlannedUpdate
from planner.domain.told_estimate import ToldEstimate
from planner.domain.training_run import TrainingRun


class ToldUpdate(Frozen):
    """The estimate of one run of a planned update, as a forecast rested on it."""

    as_of: datetime
    programme: str
    experiment_pattern: str
    until: datetime
    """End of the weeks that were forecast."""
    model: str | None
    method: str | None
    estimate: ToldEstimate

    @classmethod
    def of(cls, update: PlannedUpdate, estimate: Estimate, as_of: datetime, until: datetime) -> "ToldUpdate":
        """What is told of an update."""
        return cls(
            as_of=as_of,
            programme=update.name,
            experiment_pattern=update.experiment_pattern,
            until=until,
            model=update.run.model.name if update.run.model else None,
            method=update.run.method,
            estimate=ToldEstimate.of(estimate, as_of),
        )

    def is_about(self, run: TrainingRun) -> bool:
        """Whether the run may be one of the update: by experiment, and by model and method where they are known."""
        model = run.config.model.name if run.config.model else None
        pairs = ((self.model, model), (self.method, run.config.method))
        alike = all(mine == other for mine, other in pairs if mine is not None and other is not None)
        return alike and fnmatchcase(run.experiment, self.experiment_pattern)


def runs_told_of(told: Sequence[ToldUpdate], runs: Iterable[TrainingRun]) -> Iterator[tuple[str, ToldEstimate]]:
    """Run ids with the last estimate that a forecast told before they started.

    Where several planned updates may be meant, it is the one of the very same configuration, or else none.
    """
    newest_first = sorted(told, key=lambda one: (one.as_of, one.programme), reverse=True)
    for run in runs:
        found: dict[str, ToldUpdate] = {}
        for one in newest_first:
            if run.started_at is not None and one.as_of <= run.started_at < one.until and one.is_about(run):
                found.setdefault(one.programme, one)
        same = [one for one in found.values() if one.estimate.config_hash == run.config.config_hash]
        chosen = same or list(found.values())
        if len(chosen) == 1:
            yield run.run_id, chosen[0].estimate
