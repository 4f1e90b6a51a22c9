"""The estimate that a run logged about itself before it trained."""

from datetime import datetime
from typing import get_args

from pydantic import Field

from planner.domain import Frozen
from planner.domain.estimate import Estimate, Quantiles, Resource


class ToldEstimate(Frozen):
    """What was expected of a run, short enough for a param."""

    made_at: datetime
    config_hash: str = Field(max_length=100)
    """Of the configuration it was made from."""
    prior: str = Field(max_length=100)
    """Version of the physics and its constants."""
    calibration_id: str | None = Field(default=None, max_length=100)
    """None: physics alone."""
    num_runs: dict[Resource, int] = Field(default_factory=dict)
    """Past runs behind the correction of each resource."""
    resources: dict[Resource, Quantiles]

    @classmethod
    def of(cls, estimate: Estimate, made_at: datetime) -> "ToldEstimate":
        """The short form of an estimate."""
        found = {name: estimate.quantiles(name) for name in get_args(Resource)}
        return cls(
            made_at=made_at,
            config_hash=estimate.config_hash,
            prior=estimate.provenance.prior,
            calibration_id=estimate.provenance.calibration_id,
            num_runs={correction.resource: correction.num_runs for correction in estimate.provenance.corrections},
            resources={name: quantiles for name, quantiles in found.items() if quantiles is not None},
        )

    def quantiles(self, resource: Resource) -> Quantiles | None:
        """The quantiles of a resource by its name, as of an ``Estimate``."""
        return self.resources.get(resource)
