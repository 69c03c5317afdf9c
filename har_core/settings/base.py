"""What all settings share: frozen, no unknown keys, no silent conversion of types."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Base of every section of the experiment file."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )
