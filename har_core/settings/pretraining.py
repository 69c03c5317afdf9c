"""``[training.pretraining]``, which ``[models.<architecture>.pretraining]`` may override key by key."""

from typing import Literal, Self

from pydantic import Field, model_validator

from har_core.settings.base import Settings


class PretrainingSettings(Settings):
    """What a network learns before its training, and from which windows; batches and optimizer are as in training."""

    task: Literal["masked", "contrastive", "multi_task", "activities"]
    """Reconstruct what is masked, tell views of windows apart, tell what was done to a window, or know activities."""
    epochs: int = Field(default=20, ge=1, le=10_000)
    """Passes over the windows; the last one is kept."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """Peak learning rate; it changes as in training."""
    masked_share: float = Field(default=0.1, gt=0, lt=1)
    """For ``masked``: share of the timepoints of a window that are masked."""
    temperature: float = Field(default=0.1, gt=0)
    """For ``contrastive``: what similarities are divided by; a lower one looks at the most similar windows."""
    windows: str | None = Field(default=None, min_length=1)
    """Path, from this file, of a ``windows.parquet`` of another data set; the training windows if absent."""
    frozen: bool = False
    """Whether training leaves what was pretrained as it is, and trains the last layer alone."""

    @model_validator(mode="after")
    def _activities_are_of_others(self) -> Self:
        if self.task == "activities" and self.windows is None:
            raise ValueError('windows = "PATH" where task = "activities": those of another data set, with its labels')
        return self
