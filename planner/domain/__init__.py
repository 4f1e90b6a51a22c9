"""The nouns that more than one verb uses. All are immutable, refuse unknown keys and carry units in field names."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Base of every domain type: immutable, no unknown keys, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())
