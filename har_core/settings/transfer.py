"""``[transferred]``: which models are fitted on to new people, by what, and from how many of their windows."""

from collections import Counter
from typing import Annotated, Literal

from pydantic import Field, field_validator

from har_core.settings.base import Settings

Way = Literal["last_layer", "adapters", "all"]
"""What is changed of a model: its last layer; low-rank additions to all its matrices; everything that was trained."""
WAYS: tuple[Way, ...] = ("last_layer", "adapters", "all")


class PersonalSettings(Settings):
    """How a model is fitted on to one person, from a few windows of theirs."""

    epochs: int = Field(default=30, ge=1, le=10_000)
    """Passes over the windows of the person."""
    batch_size: int = Field(default=32, ge=1)
    """Windows in one step."""
    last_layer_rate: float = Field(default=4e-4, gt=0)
    """Learning rate at the beginning where the last layer is changed; it falls to 0."""
    adapters_rate: float = Field(default=1e-3, gt=0)
    """The same of adapters."""
    all_rate: float = Field(default=1e-4, gt=0)
    """The same where everything is changed."""
    rank: int = Field(default=4, ge=1)
    """Of the matrix that an adapter adds to another one."""

    def rate_of(self, way: Way) -> float:
        """The learning rate of a way."""
        return {"last_layer": self.last_layer_rate, "adapters": self.adapters_rate, "all": self.all_rate}[way]


class TransferSettings(PersonalSettings):
    """Which models are fitted on to each person of the test windows, by which ways."""

    models: tuple[str, ...] = ()
    """Models of this file, of whatever kind; each gets an asset ``transferred/<model>``."""
    ways: tuple[Way, ...] = Field(default=WAYS, min_length=1)
    """What is changed of them, one after the other."""
    windows_per_activity: tuple[Annotated[int, Field(ge=1, le=10_000)], ...] = Field(
        default=(1, 2, 5, 10), min_length=1
    )
    """How many windows of each activity the person shows first; what they do after the most of them is tested."""
    from_nothing_epochs: int = Field(default=100, ge=0)
    """Epochs of a network of the same architecture that learns from these windows alone; 0 trains none."""

    @field_validator("ways", "windows_per_activity")
    @classmethod
    def _each_once(cls, given: tuple[Way, ...] | tuple[int, ...]) -> tuple[Way, ...] | tuple[int, ...]:
        repeated = [str(entry) for entry, times in Counter(given).items() if times > 1]
        if repeated:
            raise ValueError(f"each once; repeated: {', '.join(repeated)}")
        return given

    @field_validator("windows_per_activity")
    @classmethod
    def _ascending(cls, numbers: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(numbers))
