"""``[audit]``: the size from which something odd in the recordings is a finding. The detectors are in the audit."""

from typing import Self

from pydantic import Field, model_validator

from har_core.settings.base import Settings


class AuditSettings(Settings):
    """Thresholds of the content audit; ``docs/audit.md`` explains them. A unit is all that is worn at one place."""

    zero_rows: int = Field(default=1, ge=1)
    """Consecutive rows of zeros on a whole unit that make a zero run."""
    held_rows: int = Field(default=2, ge=2)
    """Consecutive equal rows on all channels that make a constant run; more on fewer channels than 45."""
    held_rows_of_unit: int = Field(default=3, ge=2)
    """The same on a unit; more on fewer channels than nine."""
    held_rows_of_channel: int = Field(default=12, ge=2)
    """The same on one channel, zero or not; a sensor at rest repeats a value up to nine times."""
    saturated_rows: int = Field(default=3, ge=2)
    """Consecutive rows at the largest or smallest value of a channel that make it saturated."""
    copied_rows: int = Field(default=1, ge=1)
    """Consecutive rows found in a second place, on all channels, that make duplicates; more on fewer channels."""
    copied_rows_of_unit: int = Field(default=5, ge=1)
    """The same on a unit; more on fewer channels than nine."""
    copied_rows_of_channel: int = Field(default=50, ge=50)
    """Consecutive rows in which two channels are equal that make one a duplicate of the other."""
    join_score: float = Field(default=3.0, gt=0)
    """Step from which a join is not continuous: 0 is the median step within segments, 1 their 95 % quantile."""
    join_error_rate: float = Field(default=0.05, gt=0, lt=1)
    """Largest share of sound joins among many that are reported broken together: the false discovery rate."""
    order_score: float = Field(default=1.5, gt=0)
    """Largest step at which rows continue others, when order or channels are in doubt; same scale as ``join_score``."""
    swap_evidence: float = Field(default=12.0, gt=0)
    """Log-likelihood from which two channels, sensors or units count as exchanged in a stretch of segments."""
    swap_evidence_of_joins: float = Field(default=5.0, gt=0)
    """Part of it that must come from the joins at its ends: levels alone could also mean that a unit was turned."""
    field_min: float = Field(default=0.3, ge=0)
    """Norm of the magnetic field, as a multiple of the Earth's, below which it is not the Earth's alone."""
    field_max: float = Field(default=1.7, gt=0)
    """Norm above which it is not."""
    field_rows: int = Field(default=5, ge=1)
    """Rows outside these limits that make a finding."""
    field_gap: int = Field(default=25, ge=0)
    """Most rows within the limits that do not split a finding in two."""

    @model_validator(mode="after")
    def _limits_in_order(self) -> Self:
        if self.field_min >= self.field_max:
            raise ValueError(f"field_min below field_max, not {self.field_min} and {self.field_max}")
        return self
