"""One training loop for every network: it receives a module, and knows neither architectures nor evaluation."""

from har_core.training.data import LabelledWindows
from har_core.training.events import (
    CheckpointIgnored,
    EpochFinished,
    EpochProgress,
    EpochRecord,
    TrainingEvent,
    TrainingFinished,
    TrainingListener,
    TrainingStarted,
)
from har_core.training.loop import TrainingResult, train
from har_core.training.seeding import seed_everything

__all__ = [
    "CheckpointIgnored",
    "EpochFinished",
    "EpochProgress",
    "EpochRecord",
    "LabelledWindows",
    "TrainingEvent",
    "TrainingFinished",
    "TrainingListener",
    "TrainingResult",
    "TrainingStarted",
    "seed_everything",
    "train",
]
