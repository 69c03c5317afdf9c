"""``[training.augmentation]``, which ``[models.<architecture>.augmentation]`` may override key by key."""

from pydantic import Field

from har_core.settings.base import Settings


class AugmentationSettings(Settings):
    """What is changed at random in each batch that a network trains on; nothing by default.

    Each key is a strength, and 0 leaves its change out. Validation and test windows are never changed.
    """

    rotation_degrees: float = Field(default=0.0, ge=0, le=180)
    """Standard deviation of the angle by which each unit of a window is turned about a random axis."""
    scaling: float = Field(default=0.0, ge=0, le=1)
    """Standard deviation of the logarithm of a factor for each sensor of a window; 0.1 is about 10 %."""
    magnitude_warp: float = Field(default=0.0, ge=0, le=1)
    """The same, for a factor that drifts smoothly along the window."""
    time_warp: float = Field(default=0.0, ge=0, le=1)
    """Standard deviation of the logarithm of the speed at which a window runs; it drifts, and both ends stay."""
    crop: float = Field(default=0.0, ge=0, lt=1)
    """Largest share of a window that is cut off; the rest is stretched to the full length, and so slowed down."""
    time_shift: float = Field(default=0.0, ge=0, le=0.5)
    """Largest share of a window by which it is moved, either way; what leaves at one end enters at the other."""
    jitter: float = Field(default=0.0, ge=0, le=1)
    """Standard deviation of noise on each sample, in standard deviations of the channel."""
    channel_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Probability that a channel of a window is replaced by its mean over the training windows; one always stays."""
    unit_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Probability that a unit of a window is lost: it holds zeros in sensor units, as in recordings; one stays."""
    blanking: float = Field(default=0.0, ge=0, le=1)
    """Probability that a unit of a window loses a stretch: it holds zeros in sensor units, as in recordings."""
    holding: float = Field(default=0.0, ge=0, le=1)
    """Probability that a unit of a window stands still for a stretch: it repeats the sample before."""
    longest_gap: float = Field(default=0.2, gt=0, lt=1)
    """Longest stretch of ``blanking`` and ``holding``, as a share of the window; each length is as likely."""
    mixup: float = Field(default=0.0, ge=0)
    """Strength α of mixup: a window becomes a mean of two of its batch, weighted by shares drawn from Beta(α, α)."""
    cutmix: float = Field(default=0.0, ge=0)
    """Strength α of cutmix: a stretch of a window, its share drawn likewise, comes from another one of its batch."""
