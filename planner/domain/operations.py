"""How a run is operated: what surrounds its training steps."""

from pydantic import Field

from planner.domain import Frozen


class Evaluation(Frozen):
    """Scoring of held-out samples during training; generating text is ``generation``."""

    every_steps: int | None = Field(default=None, gt=0, le=10**10)
    """None: once, at the end."""
    tokens: int = Field(gt=0, le=10**15)
    """Tokens of one evaluation."""


class Retention(Frozen):
    """Months for which what a run leaves is kept."""

    base_model_months: float = Field(default=1.0, ge=0, le=1200)
    dataset_months: float = Field(default=1.0, ge=0, le=1200)
    checkpoints_months: float = Field(default=1.0, ge=0, le=1200)
    logs_months: float = Field(default=1.0, ge=0, le=1200)


class Operations(Frozen):
    """Where, and how disturbed, a run runs. None means unknown: the usual is taken and its spread is wide."""

    image_bytes: float | None = Field(default=None, ge=0, le=10**13)
    """Container image that each node fetches before the run; None: it is there already."""
    model_is_cached: bool = True
    """The base model lies on storage of the cluster; otherwise it is downloaded first."""
    download_bytes_per_s: float | None = Field(default=None, gt=0, le=10**13)
    """Rate at which one node fetches image and model."""
    failures_per_accelerator_hour: float | None = Field(default=None, ge=0, le=1000)
    spot_interruptions_per_node_hour: float | None = Field(default=None, ge=0, le=1000)
    """Only for clusters of pricing category Dynamic."""
    reschedule_s: float | None = Field(default=None, ge=0, le=10**9)
    """From an interruption until the run starts up again."""
    queue_wait_s: float | None = Field(default=None, ge=0, le=10**9)
    """Wait before the start; not part of the duration, and not billed."""
    retention: Retention = Retention()
