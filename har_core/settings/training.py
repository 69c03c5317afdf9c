"""``[training]``, which ``[models.<architecture>]`` may override key by key."""

from typing import Literal, Self

from pydantic import Field, model_validator

from har_core.settings.base import Settings


class TrainingSettings(Settings):
    """How one model is trained; the defaults are the preset ``published`` (AdamW with step decay).

    A classical model reads only ``units``, ``sensors``, ``channels`` and ``seed``.
    """

    units: tuple[str, ...] | None = None
    """Sensor units that the model sees, of T, RA, LA, RL, LL; all if absent."""
    sensors: tuple[str, ...] | None = None
    """Sensors that it sees, of acc, gyro, mag; all if absent."""
    channels: tuple[str, ...] | None = None
    """Single channels that it sees, such as ``T_xacc``, of those units and sensors; all if absent."""
    epochs: int = Field(default=30, ge=1, le=10_000)
    """Passes over the training windows."""
    batch_size: int = Field(default=128, ge=2)
    """Windows in one step."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """AdamW (Loshchilov and Hutter 2019), or SGD with momentum."""
    learning_rate: float = Field(default=5e-4, gt=0)
    """Peak learning rate."""
    weight_decay: float = Field(default=1e-3, ge=0)
    """Decoupled for AdamW, L2 for SGD."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """For SGD only."""
    schedule: Literal["constant", "step", "cosine", "one_cycle"] = "step"
    """How the learning rate changes after the warm-up."""
    step_decay: float = Field(default=0.5, gt=0, le=1)
    """Factor applied to the learning rate at each step, for ``step``."""
    num_steps: int = Field(default=3, ge=1)
    """Equal parts, each with a constant learning rate, into which ``step`` divides the epochs."""
    warmup_epochs: float = Field(default=0.0, ge=0)
    """Epochs in which the learning rate rises linearly to its peak."""
    clip_norm: float | None = Field(default=None, gt=0)
    """Largest norm of the gradient; no clipping if absent."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Label smoothing (Szegedy et al. 2016, section 7)."""
    rotation_degrees: float = Field(default=0.0, ge=0, le=180)
    """Standard deviation of the random angle by which each unit of a training window is turned; networks only."""
    early_stopping_patience: int | None = Field(default=None, ge=1)
    """Epochs without a better validation macro-F1 before training stops; it never stops early if absent."""
    keep: Literal["best", "last"] = "best"
    """``best``: the weights of the epoch with the highest validation macro-F1; ``last``: those of the last epoch."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the weights, the order of windows, and dropout."""
    mixed_precision: Literal["off", "auto", "bf16", "fp16"] = "off"
    """``auto``: bf16 if the processor computes in it, fp16 with loss scaling on older CUDA cards, else off."""

    @model_validator(mode="after")
    def _last_is_fixed(self) -> Self:
        if self.keep == "last" and self.early_stopping_patience is not None:
            raise ValueError('no early_stopping_patience where keep = "last": the number of epochs is fixed')
        return self


PRESETS: dict[str, TrainingSettings] = {"published": TrainingSettings()}
"""Recipes that ``preset = "…"`` starts from. ``published`` never changes."""
