"""``[training]``, which ``[models.<architecture>]`` may override key by key."""

from typing import Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from har_core.settings.augmentation import AugmentationSettings
from har_core.settings.base import Settings
from har_core.settings.pretraining import PretrainingSettings


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
    accumulate_batches: int = Field(default=1, ge=1)
    """Batches whose gradients are averaged for one step of the optimizer."""
    initialisation: Literal["default", "he", "xavier"] = "default"
    """First weights of linear and convolution layers: the network's own, He et al. 2015, or Glorot and Bengio 2010."""
    recurrent_initialisation: Literal["default", "orthogonal"] = "default"
    """First matrices from state to state of LSTMs and GRUs: the network's own, or orthogonal (Saxe et al. 2014)."""
    optimizer: Literal["adamw", "sgd", "muon"] = "adamw"
    """AdamW (Loshchilov and Hutter 2019), SGD with momentum, or Muon (Jordan et al. 2024) for matrices, else AdamW."""
    learning_rate: float = Field(default=5e-4, gt=0)
    """Peak learning rate."""
    weight_decay: float = Field(default=1e-3, ge=0)
    """Decoupled for AdamW and Muon, L2 for SGD."""
    l1_penalty: float = Field(default=0.0, ge=0)
    """Added to the loss, times the sum of the absolute weights; biases and norms do not count."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """For SGD and Muon."""
    nesterov: bool = False
    """Nesterov's momentum for SGD (Sutskever et al. 2013); Muon always has it."""
    schedule: Literal["constant", "step", "cosine", "one_cycle", "plateau"] = "step"
    """How the learning rate changes after the warm-up."""
    step_decay: float = Field(default=0.5, gt=0, le=1)
    """Factor applied to the learning rate at each step, for ``step`` and ``plateau``."""
    num_steps: int = Field(default=3, ge=1)
    """Equal parts, each with a constant learning rate, into which ``step`` divides the epochs."""
    plateau_patience: int = Field(default=5, ge=1)
    """Epochs without a better validation macro-F1 before each step of ``plateau``."""
    warmup_epochs: float = Field(default=0.0, ge=0)
    """Epochs in which the learning rate rises linearly to its peak."""
    clip_norm: float | None = Field(default=None, gt=0)
    """Largest norm of the gradient; no clipping if absent."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Label smoothing (Szegedy et al. 2016, section 7)."""
    class_weights: Literal["balanced"] | None = None
    """``balanced``: each activity counts alike in the loss, however many windows it has; if absent, each window."""
    focal_gamma: float = Field(default=0.0, ge=0)
    """Focal loss (Lin et al. 2017): how much less windows count that are right already."""
    ema_decay: float | None = Field(default=None, gt=0, lt=1)
    """Validate and keep a running average of the weights, of which each step keeps this share; none if absent."""
    early_stopping_patience: int | None = Field(default=None, ge=1)
    """Epochs without a better validation macro-F1 before training stops; it never stops early if absent."""
    keep: Literal["best", "last"] = "best"
    """``best``: the weights of the epoch with the highest validation macro-F1; ``last``: those of the last epoch."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the weights, the order of windows, and dropout."""
    mixed_precision: Literal["off", "auto", "bf16", "fp16"] = "off"
    """``auto``: bf16 if the processor computes in it, fp16 with loss scaling on older CUDA cards, else off."""
    augmentation: AugmentationSettings = Field(default_factory=AugmentationSettings)
    """What is changed at random in each batch."""
    pretraining: PretrainingSettings | None = None
    """What a network learns before; nothing if absent."""

    @field_validator("nesterov")
    @classmethod
    def _needs_momentum(cls, nesterov: bool, info: ValidationInfo) -> bool:
        if nesterov and info.data.get("optimizer") == "adamw":
            raise ValueError('false where optimizer is "adamw", which has another momentum')
        if nesterov and info.data.get("momentum") == 0:
            raise ValueError("false where momentum is 0, because Nesterov looks ahead along the momentum")
        return nesterov

    @model_validator(mode="after")
    def _last_is_fixed(self) -> Self:
        if self.keep == "last" and self.early_stopping_patience is not None:
            raise ValueError('no early_stopping_patience where keep = "last": the number of epochs is fixed')
        if self.keep == "last" and self.schedule == "plateau":
            raise ValueError('another schedule than "plateau", which validation steers, where keep = "last"')
        return self


PRESETS: dict[str, TrainingSettings] = {
    "published": TrainingSettings(),
    "sgdm": TrainingSettings(
        epochs=50, optimizer="sgd", learning_rate=0.01, momentum=0.9, weight_decay=0.0, schedule="constant"
    ),
    "modern": TrainingSettings(
        epochs=20,
        batch_size=64,
        learning_rate=3e-3,
        weight_decay=1e-2,
        schedule="one_cycle",
        augmentation=AugmentationSettings(rotation_degrees=60.0, scaling=0.2, unit_dropout=0.1, channel_dropout=0.1),
    ),
}
PRESETS |= {
    task: PRESETS["modern"].model_copy(update={"pretraining": PretrainingSettings.model_validate({"task": task})})
    for task in ("masked", "contrastive", "multi_task")
}
"""Recipes that ``preset = "…"`` starts from.

``published`` never changes. ``sgdm`` is SGD with momentum as it is often used with random splits of all subjects.
``modern`` is what validation subjects of the real recordings chose, change by change (docs/results/ablation.md).
``masked``, ``contrastive`` and ``multi_task`` are ``modern`` after a pretraining on the training windows.
"""
