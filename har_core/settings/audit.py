"""``[audit]``: from which size on something odd in the recordings is a finding. What is looked for is in the audit."""

from typing import Self

from pydantic import Field, model_validator

from har_core.settings.base import Settings


class AuditSettings(Settings):
    """Thresholds of the content audit, which ``docs/audit.md`` derives."""

    zero_rows: int = Field(default=1, ge=1)
    """Rows in succession that are zero on a whole unit, from which on they are a zero run."""
    held_rows: int = Field(default=2, ge=2)
    """Equal rows in succession, on all channels, from which on they are a constant run."""
    held_rows_of_unit: int = Field(default=3, ge=2)
    """The same on a unit."""
    held_rows_of_channel: int = Field(default=12, ge=2)
    """The same on one channel, zero or not; a sensor at rest repeats a value up to nine times."""
    saturated_rows: int = Field(default=3, ge=2)
    """Rows in succession at the largest or smallest value of a channel, from which on it is saturated."""
    copied_rows: int = Field(default=1, ge=1)
    """Rows in succession that occur in another place, on all channels, from which on they are duplicates."""
    copied_rows_of_unit: int = Field(default=5, ge=1)
    """The same on a unit."""
    copied_rows_of_channel: int = Field(default=50, ge=50)
    """Rows in succession in which two channels are equal, from which on one is a duplicate of the other."""
    join_score: float = Field(default=3.0, gt=0)
    """Step across a join from which on it is not continuous: 0 is the median step within segments, 1 their 95 %."""
    join_error_rate: float = Field(default=0.05, gt=0, lt=1)
    """Share of sound joins that is put up with where many joins of a recording are told to be broken together."""
    order_score: float = Field(default=1.5, gt=0)
    """Step up to which rows go on from others, where order or channels are in question; counted likewise."""
    swap_evidence: float = Field(default=12.0, gt=0)
    """Log-likelihood from which on two channels, sensors or units are exchanged in a stretch of segments."""
    swap_evidence_of_joins: float = Field(default=5.0, gt=0)
    """What the joins at its ends must contribute to it: levels alone do not tell an exchange from a turn."""
    acceleration_limit: float = Field(default=180.0, gt=0)
    """Largest acceleration that a unit measures along an axis, m/s²: 18 g."""
    turning_rate_limit: float = Field(default=20.944, gt=0)
    """Largest turning rate that a unit measures about an axis, rad/s: 1200°/s."""
    field_min: float = Field(default=0.3, ge=0)
    """Norm of the magnetic field below which it is not the Earth's alone, as a share of that."""
    field_max: float = Field(default=1.7, gt=0)
    """Norm above which it is not."""
    field_rows: int = Field(default=5, ge=1)
    """Rows outside these limits from which on they are a finding."""
    field_gap: int = Field(default=25, ge=0)
    """Rows within the limits that do not divide a finding."""

    @model_validator(mode="after")
    def _limits_in_order(self) -> Self:
        if self.field_min >= self.field_max:
            raise ValueError(f"field_min below field_max: {self.field_min} and {self.field_max}")
        return self
