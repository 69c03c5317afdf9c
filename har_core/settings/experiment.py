"""One experiment, resolved: every section of its file, with defaults, presets and overrides filled in.

:mod:`har_core.experiment.loader` reads the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, SerializeAsAny

from har_core.base.text import printable
from har_core.settings.audit import AuditSettings
from har_core.settings.automation import AutomationSettings
from har_core.settings.base import Settings
from har_core.settings.champion import ChampionSettings
from har_core.settings.ensembles import EnsembleSettings
from har_core.settings.recipes import DistilledSettings, RecipeSettings, compressed_name
from har_core.settings.report import TESTING_IN_TURN, EvaluationSettings, ReportSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.search import SearchSettings
from har_core.settings.source import SourceSettings
from har_core.settings.splits import SplitSettings
from har_core.settings.training import TrainingSettings
from har_core.settings.transfer import TransferSettings
from har_core.settings.windows import WindowSettings
from har_core.spec.dataset import DatasetSpec
from har_core.spec.selection import spec_of_windows

Option = int | float | bool | str
"""Type of an option of an architecture."""


class ModelSettings(Settings):
    """Everything that one architecture is built and trained with."""

    training: TrainingSettings = Field(default_factory=TrainingSettings)
    """``[training]``, with what ``[models.<architecture>]`` overrides."""
    architecture_options: dict[str, Option] = Field(default_factory=dict)
    """All options of the architecture: set by ``[models.<architecture>]``, or the defaults."""

    def with_values(self, values: Mapping[str, Option]) -> ModelSettings:
        """The same with other values of some settings, named as in ``[models.<architecture>]``: ``learning_rate``.

        Raises:
            ValidationError: a value is out of its limits, or of another type (pydantic's).
        """
        training, options = self.training.model_dump(), dict(self.architecture_options)
        for name, value in values.items():
            *tables, key = name.split(".")
            if not tables and key not in training:
                options[key] = value
                continue
            table = training
            for inner in tables:
                table[inner] = table = dict(table[inner] or {})
            table[key] = value
        return ModelSettings(training=TrainingSettings.model_validate(training), architecture_options=options)


class ModelsSettings(Settings):
    """``[models]`` and its sub-sections."""

    architectures: tuple[str, ...] = Field(min_length=1)
    """Architectures to train; each gets an asset."""
    settings: dict[str, ModelSettings] = Field(default_factory=dict)
    """Resolved settings of each architecture, and of each student of a recipe."""


class Experiment(Settings):
    """One experiment file, resolved: defaults, presets and overrides filled in."""

    path: Path
    """The file, as given."""
    dataset: DatasetSpec = Field(exclude=True)
    """Of the recordings, as ``[source] dataset`` names it; no key of the file."""
    source: SourceSettings = Field(default_factory=SourceSettings)
    audit: AuditSettings = Field(default_factory=AuditSettings)
    windows: WindowSettings = Field(default_factory=WindowSettings)
    splits: SplitSettings = Field(default_factory=SplitSettings)
    training: TrainingSettings = Field(default_factory=TrainingSettings)
    models: ModelsSettings
    ensembles: dict[str, EnsembleSettings] = Field(default_factory=dict)
    """Models that combine others, by their names."""
    compressed: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Recipes that make another model of each of these, by the parent's name."""
    recipes: dict[str, SerializeAsAny[RecipeSettings]] = Field(default_factory=dict)
    """``[recipes.<name>]``: every recipe that ``compressed`` names."""
    transferred: TransferSettings = Field(default_factory=TransferSettings)
    evaluation: EvaluationSettings = Field(default_factory=EvaluationSettings)
    champion: ChampionSettings = Field(default_factory=ChampionSettings)
    report: ReportSettings = Field(default_factory=ReportSettings)
    runtime: RuntimeSettings = Field(default_factory=RuntimeSettings)
    automation: AutomationSettings = Field(default_factory=AutomationSettings)
    search: dict[str, SearchSettings] = Field(default_factory=dict)
    """``[search.<architecture>]``: searches that ``har search`` can start."""

    @property
    def name(self) -> str:
        """The file's name without its ending, as text that can be stored."""
        return printable(self.path.stem)

    @property
    def windowed(self) -> DatasetSpec:
        """Of the windows: ``dataset`` after ``[windows]``."""
        windows = self.windows
        return spec_of_windows(
            self.dataset,
            activities=windows.activities,
            none=windows.none,
            sampling_rate_hz=windows.sampling_rate_hz,
        )

    @property
    def window_length(self) -> int:
        """Samples in a window."""
        return self.windows.samples(self.windowed.sampling_rate_hz)

    def model_settings(self, architecture: str) -> ModelSettings:
        """Settings that ``architecture``, one of ``models.settings``, is built and trained with."""
        return self.models.settings[architecture]

    def student_settings(self, recipe: str) -> ModelSettings | None:
        """Settings that a recipe builds and trains its student with; None where it has none."""
        own = self.recipes[recipe]
        if not isinstance(own, DistilledSettings):
            return None
        epochs = {} if own.epochs is None else {"epochs": own.epochs}
        return self.model_settings(own.student).with_values({**own.options, **epochs})

    @property
    def fold_architectures(self) -> tuple[str, ...]:
        """Architectures that are scored over folds; none if there is no protocol."""
        if not self.evaluation.protocols:
            return ()
        return self.evaluation.architectures or self.models.architectures

    @property
    def parents(self) -> dict[str, tuple[str, str]]:
        """Models that are made from others: name -> the parent's name, and that of the recipe."""
        return {
            compressed_name(parent, name): (parent, name) for parent, own in self.compressed.items() for name in own
        }

    @property
    def model_names(self) -> tuple[str, ...]:
        """All models: architectures, then ensembles, then what is made from others."""
        return (*self.models.architectures, *self.ensembles, *self.parents)

    @property
    def fold_ensembles(self) -> tuple[str, ...]:
        """Ensembles that are scored over folds: those whose members are."""
        scored = set(self.fold_architectures)
        return tuple(name for name, settings in self.ensembles.items() if scored.issuperset(settings.members))

    @property
    def fold_names(self) -> tuple[str, ...]:
        """Everything under ``folds/``: architectures, then ensembles."""
        return (*self.fold_architectures, *self.fold_ensembles)

    @property
    def has_validation(self) -> bool:
        """Whether anybody validates, in the split or in folds of subjects; else no champion is chosen."""
        chosen = {"inner", *(TESTING_IN_TURN if self.evaluation.validation_subjects else ())}
        return bool(self.splits.validation_subjects or chosen & set(self.evaluation.protocols))

    def resolved(self) -> dict[str, Any]:
        """The whole file with everything filled in, as JSON-able values, for the record of a run."""
        resolved = self.model_dump(mode="json", exclude={"path", "models"})
        resolved["models"] = {"architectures": list(self.models.architectures)}
        for architecture, own in self.models.settings.items():
            training = own.training.model_dump(mode="json")
            resolved["models"][architecture] = {**training, **own.architecture_options}
        for name, settings in self.recipes.items():
            resolved["recipes"][name] = {"kind": settings.kind, **resolved["recipes"][name]}
        return {"name": self.name, **resolved}
