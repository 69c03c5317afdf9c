"""Progress on a terminal: bars that move where it is one, a line now and then where it is not."""

from __future__ import annotations

import time
from collections.abc import Collection

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from assets.machinery.keys import FOLDS_GROUP, SENSORS
from har_core.base.progress import duration
from har_core.base.text import printable
from har_core.training.events import (
    CheckpointIgnored,
    EpochFinished,
    EpochProgress,
    EpochRecord,
    Pretraining,
    TrainingEvent,
    TrainingStarted,
)
from pipelines.staleness import Status

_ALL_FOLDS = "all folds"
_SECONDS_BETWEEN_LINES = 5.0
_SPEED_PERIOD_S = 600.0
"""Epochs may take minutes; a shorter memory would lose the estimate of the time left between them."""


class BarDisplay(Progress):
    """Bars for a terminal of 80 columns. Use as a context manager: the bars are drawn while it is open."""

    def __init__(self, console: Console) -> None:
        super().__init__(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=10),
            TextColumn("{task.fields[detail]}", markup=False),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            speed_estimate_period=_SPEED_PERIOD_S,
        )
        self._bars: dict[str, TaskID] = {}
        self._num_folds = 0

    def wave(self, wave: Collection[Status], num_folds_left: int = 0) -> None:
        """Name what runs next. Bars stay, but those of folds, of which there may be hundreds: one counts them all."""
        folds = self._bars.pop(_ALL_FOLDS, None)
        for name, task in self._bars.items():
            if name.startswith((f"{FOLDS_GROUP}/", f"{SENSORS}/")):
                self.remove_task(task)
        for status in wave:
            self.console.print(
                Text.assemble((str(status.item), "bold"), f" {printable('; '.join(status.causes)) or 'forced'}")
            )
        self._bars = {} if folds is None else {_ALL_FOLDS: folds}
        if num_folds_left:
            self._num_folds = max(self._num_folds, num_folds_left)
            done = self._num_folds - num_folds_left
            self._update(_ALL_FOLDS, done, self._num_folds, f"{done}/{self._num_folds}")

    def progress(self, what: str, num_done: int, num_total: int) -> None:
        """A bar for each ``what``."""
        self._update(what, num_done, num_total, f"{num_done}/{num_total}")

    def training(self, asset: str, event: TrainingEvent) -> None:
        """A bar for each training, in epochs, with the latest scores; a pretraining has one of its own."""
        if isinstance(event, Pretraining):
            self.training(f"{asset} pretraining", event.event)
        elif isinstance(event, TrainingStarted):
            resumed = len(event.resumed)
            self._num_epochs = event.num_epochs
            self._scores = f"resumed after epoch {resumed}" if resumed else f"{event.device} {event.precision}"
            self._update(asset, resumed, event.num_epochs, self._scores)
        elif isinstance(event, EpochProgress):
            done = event.epoch - 1 + event.num_done / event.num_total
            self._update(asset, done, self._num_epochs, f"epoch {event.epoch}/{self._num_epochs} {self._scores}")
        elif isinstance(event, EpochFinished):
            self._scores = _scores(event.record, "macro-F1")
            detail = f"epoch {event.record.epoch}/{self._num_epochs} {self._scores}"
            self._update(asset, event.record.epoch, self._num_epochs, detail)
        elif isinstance(event, CheckpointIgnored):
            self.console.print(
                f"{asset}: trains from the first epoch: {printable(event.reason)}", markup=False, highlight=False
            )
        else:
            detail = f"epoch {event.best_epoch} kept" + (", stopped early" if event.stopped_early else "")
            self._update(asset, self._num_epochs, self._num_epochs, f"{detail}, {self._scores}")

    def _update(self, name: str, done: float, total: float, detail: str) -> None:
        if name not in self._bars:
            self._bars[name] = self.add_task(name, total=total, detail=detail)
        self.update(self._bars[name], completed=done, total=total, detail=detail)


class LineDisplay:
    """Plain lines, for logs and pipes: one for each epoch, and for other work one every few seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._what = ""
        self._line: str | None = None
        self._started_at = 0.0
        self._num_folds = 0
        self._folds_since = 0.0
        self._next_line_at = 0.0

    def __enter__(self) -> LineDisplay:
        return self

    def __exit__(self, *_: object) -> None:
        self._finish()

    def wave(self, wave: Collection[Status], num_folds_left: int = 0) -> None:
        """Name what runs next, and how many folds are left in all."""
        for status in wave:
            self._print(f"{status.item}: {'; '.join(status.causes) or 'forced'}")
        if num_folds_left:
            now = time.monotonic()
            if not self._num_folds:
                self._num_folds, self._folds_since = num_folds_left, now
            done = self._num_folds - num_folds_left
            left = f", {duration((now - self._folds_since) / done * num_folds_left)} left in all" if done > 0 else ""
            self._print(f"{_ALL_FOLDS}: {done} of {self._num_folds} done{left}")

    def progress(self, what: str, num_done: int, num_total: int) -> None:
        """A line every few seconds, and one when other work begins: streams do not know their end."""
        now = time.monotonic()
        if what != self._what:
            self._finish()
            self._what, self._started_at, self._next_line_at = what, now, now + _SECONDS_BETWEEN_LINES
        left = (now - self._started_at) / num_done * (num_total - num_done) if num_done else 0.0
        remaining = f", {duration(left)} left" if left else ""
        self._line = f"{what}: {num_done}/{num_total}{remaining}" if num_done else None
        if now >= self._next_line_at:
            self._next_line_at = now + _SECONDS_BETWEEN_LINES
            self._show()

    def training(self, asset: str, event: TrainingEvent) -> None:
        """A line for the start and for each epoch."""
        if isinstance(event, Pretraining):
            self.training(f"{asset} pretraining", event.event)
        elif isinstance(event, TrainingStarted):
            self._num_epochs = event.num_epochs
            resumed = f", resumed after epoch {len(event.resumed)}" if event.resumed else ""
            self._print(f"{asset}: {event.num_parameters:,} parameters, {event.device}, {event.precision}{resumed}")
        elif isinstance(event, CheckpointIgnored):
            self._print(f"{asset}: trains from the first epoch: {event.reason}")
        elif isinstance(event, EpochFinished):
            left = event.record.seconds * (self._num_epochs - event.record.epoch)
            epoch = f"epoch {event.record.epoch}/{self._num_epochs}"
            self._print(f"{asset}: {epoch} {_scores(event.record, 'validation macro-F1')}, {duration(left)} left")

    def _finish(self) -> None:
        self._show()
        self._what = ""

    def _show(self) -> None:
        if self._line is not None:
            line, self._line = self._line, None
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _print(self, line: str) -> None:
        self._finish()
        self._console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def _scores(record: EpochRecord, name: str) -> str:
    """The loss, and the macro-F1 where there are validation windows."""
    score = "" if record.validation_macro_f1 is None else f" {name} {record.validation_macro_f1:.3f}"
    return f"loss {record.training_loss:.3f}{score}"


def make_display(console: Console) -> BarDisplay | LineDisplay:
    """Bars where ``console`` is a terminal, lines where it is not."""
    return BarDisplay(console) if console.is_terminal else LineDisplay(console)
