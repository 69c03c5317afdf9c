"""``[search.<architecture>]``: which settings of an architecture are searched, how, and how long."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field

from har_core.settings.base import Settings

Number = int | float
Choice = bool | int | float | str

MAX_TRIALS = 10_000
MAX_VALUES = 10_000
"""Of a range with steps."""


class Range(Settings):
    """Numbers to search between two ends, both included."""

    low: Number
    """Smallest value."""
    high: Number
    """Largest value."""
    step: Number | None = None
    """Distance of the values that are tried; whole numbers have a step of 1 if absent, others any value."""
    log: bool = False
    """Whether to try small values as often as large ones; not with a step."""

    @property
    def num_steps(self) -> Decimal | None:
        """Steps from ``low`` to ``high``, which need not be a whole number; None without a step."""
        if self.step is None:
            return None
        low, high, step = (Decimal(str(number)) for number in (self.low, self.high, self.step))
        return (high - low) / step

    def values(self) -> tuple[Number, ...] | None:
        """Every value; None where they are not counted: without a step, and of logarithmic ranges.

        >>> Range(low=0.1, high=0.3, step=0.1).values()
        (0.1, 0.2, 0.3)
        """
        if self.step is None or self.num_steps is None:
            return None
        low, step = Decimal(str(self.low)), Decimal(str(self.step))
        kind = int if isinstance(self.low, int) and isinstance(self.step, int) else float
        return tuple(kind(low + step * index) for index in range(int(self.num_steps) + 1))


Dimension = Range | tuple[Choice, ...]
"""What is searched of one setting: numbers between two ends, or a list of values."""


class SearchSettings(Settings):
    """One search, which ``har search`` starts."""

    trials: int = Field(default=40, ge=1, le=MAX_TRIALS)
    """Settings to try; `har search --trials` overrides it, and trying more goes on where the search ended."""
    sampler: Literal["grid", "random", "tpe", "cmaes", "nsga2"] = "tpe"
    """How settings are chosen: by macro-F1; `nsga2` weighs macro-F1 against multiply-accumulates."""
    pruner: Literal["none", "hyperband"] = "none"
    """`hyperband` ends trials that fall behind early; not with `nsga2`."""
    folds: int = Field(default=3, ge=2, le=20)
    """Parts into which the subjects that do not test are divided; each validates once, the others train."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the sampler; a trial trains with the seed of `[training]`."""
    space: dict[str, Dimension] = Field(min_length=1)
    """What is searched, by the name of the setting: `{ low, high, step, log }`, or a list of values."""
