"""How an asset shows its progress. The default writes a log; :mod:`pipelines` brings a prettier one."""

import logging
from typing import Protocol

from har_core.training.events import EpochFinished, Pretraining, TrainingEvent, TrainingStarted

_LOGGER = logging.getLogger("har")


class Display(Protocol):
    """Shows progress; must be cheap and must not raise."""

    def progress(self, what: str, num_done: int, num_total: int) -> None:
        """A :class:`har_core.base.progress.Progress`."""

    def training(self, asset: str, event: TrainingEvent) -> None:
        """An event of the training of ``asset``, as in ``models/lstm``."""


class LogDisplay:
    """One log line for each finished epoch."""

    def progress(self, what: str, num_done: int, num_total: int) -> None:
        """Nothing: a log has no use for ticks."""

    def training(self, asset: str, event: TrainingEvent) -> None:
        """Log the start and each epoch."""
        if isinstance(event, Pretraining):
            self.training(f"{asset} pretraining", event.event)
        elif isinstance(event, TrainingStarted):
            _LOGGER.info("%s: %d parameters, %s, %s", asset, event.num_parameters, event.device, event.precision)
        elif isinstance(event, EpochFinished):
            record = event.record
            score = record.validation_macro_f1
            scored = "" if score is None else f", validation macro-F1 {score:.4f}"
            _LOGGER.info("%s: epoch %d, loss %.4f%s", asset, record.epoch, record.training_loss, scored)
