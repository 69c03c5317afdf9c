"""What a trial measures of an architecture: validation macro-F1 over inner folds, and multiply-accumulates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

import torch
from pydantic import ValidationError

from har_core.base.errors import HarError
from har_core.base.memory import is_out_of_memory
from har_core.evaluation.complexity import measure_complexity
from har_core.evaluation.scores import score
from har_core.fitting.fit import classifier_of, fit_architecture
from har_core.fitting.recipe import channels_seen, takes_raw_windows
from har_core.fitting.trained import labelled
from har_core.inference.classifier import predict_probabilities
from har_core.models.registry import create_model
from har_core.search.study import Measured
from har_core.settings.experiment import ModelSettings, Option
from har_core.settings.runtime import RuntimeSettings
from har_core.splits.build import SplitWindows, cut_fold
from har_core.splits.protocols import Fold
from har_core.training.devices import resolve_device
from har_core.training.events import EpochFinished, TrainingEvent
from har_core.windows.store import SampleStore


@dataclass(slots=True, kw_only=True)
class InnerFolds:
    """An :class:`~har_core.search.study.Objective`: fits in each inner fold, and scores the epoch that is kept.

    Where that is the best one, it is chosen on the subjects that score it, as it is in every training, so the score
    flatters all trials a little; test subjects are for what a model is worth.
    """

    architecture: str
    base: ModelSettings
    """All settings but those that are searched."""
    runtime: RuntimeSettings
    windows_path: Path
    """Of all windows, in sensor units."""
    folds: tuple[Fold, ...]
    num_timepoints: int
    weighs_cost: bool = False
    """Whether multiply-accumulates are measured too."""
    scratch: Path | None = None
    """Where samples are mapped that do not fit into memory."""
    _windows: list[SplitWindows] = field(default_factory=list)

    @property
    def last_step(self) -> int:
        """Of the longest trial."""
        return len(self.folds) * self._steps_of_fold(self.base)

    def prepare(self) -> None:
        """Read the windows of each fold: those of the subjects that do not test.

        Raises:
            InputError: they cannot be read, or break a rule of splits; or this machine has no such device.
            StorageError: there is no room for them.
        """
        normalise = not takes_raw_windows(self.architecture)
        if normalise:
            resolve_device(self.runtime)  # without it every trial would fail, and none would be tried again
        store = None
        if self.scratch is not None:
            store = SampleStore(self.scratch, max_mib=self.runtime.samples_in_memory_mib)
        self._windows = [
            cut_fold(self.windows_path, fold, normalise=normalise, store=store, wanted=fold.wanted)
            for fold in self.folds
        ]

    def __call__(self, values: Mapping[str, Option], report: Callable[[int, float], None]) -> Measured:
        """Fit with ``values`` in each fold; see :class:`~har_core.search.study.Objective`."""
        try:
            settings = self.base.with_values(values)
            macs = self._macs(settings) if self.weighs_cost else None
            scores: list[float] = []
            for windows in self._windows:
                scores.append(self._score(windows, settings, scores, report))
        except ValidationError as error:
            raise HarError(f"These settings do not go together: {error.errors()[0]['msg']}") from error
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise HarError(f"There is not enough memory for these settings: {error}") from error
        return Measured(scores=tuple(scores), macs=macs)

    def _score(
        self, windows: SplitWindows, settings: ModelSettings, before: list[float], report: Callable[[int, float], None]
    ) -> float:
        """Validation macro-F1 of a fold; ``before`` are those of the folds before it."""
        best, first = 0.0, len(before) * self._steps_of_fold(settings)

        def listen(event: TrainingEvent) -> None:
            nonlocal best
            if isinstance(event, EpochFinished) and event.record.validation_macro_f1 is not None:
                now = event.record.validation_macro_f1
                best = now if settings.training.keep == "last" else max(best, now)
                report(first + event.record.epoch, fmean([*before, best]))

        training, validation = (labelled(windows.roles[role]) for role in ("training", "validation"))
        channels = channels_seen(windows.spec, settings.training)
        fitted = fit_architecture(
            self.architecture,
            training,
            validation,
            settings,
            self.runtime,
            spec=windows.spec,
            channels=channels,
            statistics=windows.statistics,
            listener=listen,
        )
        if fitted.history:
            return best
        probabilities = predict_probabilities(classifier_of(fitted, None, windows.spec, channels), validation.windows)
        labels = validation.labels.numpy()
        best = score(labels, probabilities, activities=labels.tolist()).macro_f1
        report(first + 1, fmean([*before, best]))
        return best

    def _steps_of_fold(self, settings: ModelSettings) -> int:
        return 1 if takes_raw_windows(self.architecture) else settings.training.epochs

    def _macs(self, settings: ModelSettings) -> int:
        spec = self._windows[0].spec
        num_channels = len(channels_seen(spec, settings.training))
        with torch.device("meta"):
            network = create_model(
                self.architecture,
                num_channels=num_channels,
                num_timepoints=self.num_timepoints,
                num_classes=spec.num_activities,
                **settings.architecture_options,
            )
        return measure_complexity(network, self.num_timepoints, num_channels).macs
