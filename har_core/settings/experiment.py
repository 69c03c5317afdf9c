"""The experiment file: reads TOML into frozen settings, and tells everything that is wrong with it at once.

What the sections hold is in the module of each room; this one composes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, Field, ValidationError

from har_core.channels import NAMES, expectation, select
from har_core.dsads.layout import NUM_ACTIVITIES, NUM_CHANNELS, SEGMENT_LENGTH
from har_core.errors import InputError, Problem
from har_core.models.registry import Option, architecture_options, check_options, is_network, list_models
from har_core.settings.audit import AuditSettings
from har_core.settings.automation import AutomationSettings
from har_core.settings.base import Settings
from har_core.settings.document import TYPE_NAMES, Document, Key, hint, read_document
from har_core.settings.explanation import explain
from har_core.settings.report import EvaluationSettings, ReportSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.source import SourceSettings
from har_core.settings.splits import SplitSettings
from har_core.settings.training import PRESETS, TrainingSettings
from har_core.settings.windows import WindowSettings

SectionT = TypeVar("SectionT", bound=Settings)


class ModelSettings(Settings):
    """Everything that one architecture is built and trained with."""

    training: TrainingSettings = Field(default_factory=TrainingSettings)
    """``[training]``, with what ``[models.<architecture>]`` overrides."""
    architecture_options: dict[str, Option] = Field(default_factory=dict)
    """Options that ``[models.<architecture>]`` gives to the architecture's builder; the others keep their defaults."""


class ModelsSettings(Settings):
    """``[models]`` and its sub-sections."""

    architectures: tuple[str, ...] = Field(min_length=1)
    """Architectures that get an asset each."""
    settings: dict[str, ModelSettings] = Field(default_factory=dict)
    """Resolved settings of each of ``architectures``."""


class Experiment(Settings):
    """One experiment file, resolved: defaults, presets and overrides filled in."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    path: Path
    """The file, as given."""
    source: SourceSettings = Field(default_factory=SourceSettings)
    audit: AuditSettings = Field(default_factory=AuditSettings)
    windows: WindowSettings = Field(default_factory=WindowSettings)
    splits: SplitSettings = Field(default_factory=SplitSettings)
    training: TrainingSettings = Field(default_factory=TrainingSettings)
    models: ModelsSettings
    evaluation: EvaluationSettings = Field(default_factory=EvaluationSettings)
    report: ReportSettings = Field(default_factory=ReportSettings)
    runtime: RuntimeSettings = Field(default_factory=RuntimeSettings)
    automation: AutomationSettings = Field(default_factory=AutomationSettings)

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    def model_settings(self, architecture: str) -> ModelSettings:
        """What ``architecture``, one of ``models.architectures``, is built and trained with."""
        return self.models.settings[architecture]

    def reseeded(self, architecture: str, seed: int) -> Experiment:
        """The same, with another seed for the training of ``architecture``: a retraining, of which no file knows."""
        settings = self.model_settings(architecture)
        training = settings.training.model_copy(update={"seed": seed})
        own = {**self.models.settings, architecture: settings.model_copy(update={"training": training})}
        return self.model_copy(update={"models": self.models.model_copy(update={"settings": own})})

    @property
    def fold_architectures(self) -> tuple[str, ...]:
        """Those that are scored over folds; none where there is no protocol."""
        if not self.evaluation.protocols:
            return ()
        return self.evaluation.architectures or self.models.architectures

    def resolved(self) -> dict[str, Any]:
        """The whole file with everything filled in, as JSON holds it; for the record of a run."""
        resolved = self.model_dump(mode="json", exclude={"path", "models"})
        resolved["models"] = {"architectures": list(self.models.architectures)}
        for architecture in self.models.architectures:
            settings = self.model_settings(architecture)
            options = {**architecture_options(architecture), **settings.architecture_options}
            resolved["models"][architecture] = {**settings.training.model_dump(mode="json"), **options}
        return {"name": self.name, **resolved}


_SECTIONS: dict[str, type[Settings]] = {
    "source": SourceSettings,
    "audit": AuditSettings,
    "windows": WindowSettings,
    "splits": SplitSettings,
    "evaluation": EvaluationSettings,
    "report": ReportSettings,
    "runtime": RuntimeSettings,
    "automation": AutomationSettings,
}
"""Sections that need nothing but their own model; ``[training]`` has presets, ``[models]`` sub-sections."""


def load_experiment(path: Path) -> Experiment:
    """Read an experiment file.

    Raises:
        InputError: with every problem of the file: unreadable, not TOML, an unknown section, key or architecture, a
            value of the wrong type, an impossible value.
    """
    reader = _Reader(read_document(path))
    sections: dict[str, Settings | None] = {name: reader.section((name,), model) for name, model in _SECTIONS.items()}
    sections["training"] = reader.training()
    sections["models"] = reader.models(sections["training"])
    reader.check_folds(sections["evaluation"], sections["models"])
    reader.refuse_unknown((), known=sections, what="section")
    if reader.problems:
        in_order = sorted(reader.problems, key=lambda problem: problem.line or 0)
        raise InputError(f"The experiment file has {_count(len(in_order), 'problem')}.", in_order)
    return Experiment.model_validate({"path": path, **sections})


class _Reader:
    """Turns tables of a document into settings and gathers what is wrong on the way."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []

    def section(self, key: Key, model: type[SectionT], values: Mapping[str, Any] | None = None) -> SectionT | None:
        """Validate ``values`` (default: the table at ``key``) as ``model``; None, and problems, where that fails."""
        values = self.table(key) if values is None else values
        if values is None:
            return None
        try:
            return model.model_validate(_lists_to_tuples(values))
        except ValidationError as error:
            self.problems += explain(error, model, self.document, key)
            return None

    def table(self, key: Key) -> dict[str, Any] | None:
        """The table at ``key``, empty where absent; None, and a problem, where it is something else."""
        is_written, value = self.document.get(key)
        if not is_written:
            return {}
        if isinstance(value, dict):
            return value
        self.problems.append(self.document.problem(key, f"a section, [{'.'.join(map(str, key))}]"))
        return None

    def refuse_unknown(self, key: Key, *, known: Mapping[str, Any], what: str) -> None:
        """A problem for every entry of the table at ``key`` that is not ``known``."""
        for name in self.document.get(key)[1]:
            if name not in known:
                expected = f"a {what}{hint(name, known)}"
                self.problems.append(self.document.problem((*key, name), expected, value=name))

    def training(self) -> TrainingSettings | None:
        """``[training]``: the preset's values, then the section's own."""
        values = self.table(("training",))
        if values is None:
            return None
        own = dict(values)
        preset = own.pop("preset", None)
        if preset is None:
            return self._recipe(("training",), own)
        if not isinstance(preset, str) or preset not in PRESETS:
            expected = f"a preset{hint(str(preset), PRESETS)}"
            self.problems.append(self.document.problem(("training", "preset"), expected))
            self._recipe(("training",), own)  # for the problems of the other keys
            return None
        return self._recipe(("training",), {**PRESETS[preset].model_dump(), **own})

    def _recipe(self, key: Key, values: Mapping[str, Any]) -> TrainingSettings | None:
        """Training settings whose channels exist; the settings do not know their names, since training does not."""
        settings = self.section(key, TrainingSettings, values)
        if settings is None:
            return None
        num_problems = len(self.problems)
        for what in NAMES:
            for index, name in enumerate(getattr(settings, what) or ()):
                if name not in NAMES[what]:
                    problem = self.document.problem((*key, what, index), expectation(what, name), value=name)
                    self.problems.append(problem)
        if len(self.problems) > num_problems:
            return None
        try:
            select(settings.units, settings.sensors, settings.channels)
        except InputError as error:
            written = next(what for what in reversed(NAMES) if getattr(settings, what) is not None)
            expected = "at least one channel that fits all of units, sensors and channels"
            self.problems.append(self.document.problem((*key, written), expected, value=error.summary))
            return None
        return settings

    def models(self, training: Settings | None) -> ModelsSettings | None:
        """``[models]`` and its sub-sections, each over ``training`` (defaults where that is invalid)."""
        values = self.table(("models",))
        if values is None:
            return None
        known = list_models()
        tables = {name: value for name, value in values.items() if name in known}
        for name in values:
            if name not in known and name != "architectures":
                expected = f"'architectures', or an architecture's name{hint(name, ['architectures', *known])}"
                self.problems.append(self.document.problem(("models", name), expected))
        base = training if isinstance(training, TrainingSettings) else TrainingSettings()
        overrides = {name: self._model(name, base) for name in tables}
        architectures = self._architectures(values, known)
        if architectures is None:
            return None
        settings = {name: overrides.get(name) or ModelSettings(training=base) for name in architectures}
        return ModelsSettings(architectures=architectures, settings=settings)

    def check_folds(self, evaluation: Settings | None, models: Settings | None) -> None:
        """A problem for each architecture of ``[evaluation]`` that is not built, or that its folds cannot train."""
        if not isinstance(evaluation, EvaluationSettings) or not isinstance(models, ModelsSettings):
            return
        chosen = models.architectures if evaluation.architectures is None else evaluation.architectures
        for index, name in enumerate(evaluation.architectures or ()):
            if name not in models.architectures:
                expected = f"an architecture of [models]{hint(name, models.architectures)}"
                self.problems.append(self.document.problem(("evaluation", "architectures", index), expected))
        networks = [name for name in chosen if name in models.architectures and is_network(name)]
        if networks and not evaluation.validation_subjects and {"loso", "pairs"} & set(evaluation.protocols):
            expected = f"1 or 2: validation chooses the epoch of a network ({', '.join(networks)})"
            self.problems.append(self.document.problem(("evaluation", "validation_subjects"), expected))

    def _architectures(self, values: Mapping[str, Any], known: list[str]) -> tuple[str, ...] | None:
        own = {key: value for key, value in values.items() if key == "architectures"}
        parsed = self.section(("models",), ModelsSettings, own)
        if parsed is None:
            return None
        num_problems = len(self.problems)
        for index, name in enumerate(parsed.architectures):
            key = ("models", "architectures", index)
            if name not in known:
                expected = f"an architecture{hint(name, known)}"
                self.problems.append(self.document.problem(key, expected))
            elif name in parsed.architectures[:index]:
                self.problems.append(self.document.problem(key, "each architecture once"))
        return parsed.architectures if len(self.problems) == num_problems else None

    def _model(self, architecture: str, base: TrainingSettings) -> ModelSettings | None:
        key = ("models", architecture)
        table = self.table(key)
        if table is None:
            return None
        fields = TrainingSettings.model_fields
        defaults = architecture_options(architecture)
        self.refuse_unknown(key, known={**fields, **defaults}, what=f"key of [training] or option of {architecture}")
        training = {name: value for name, value in table.items() if name in fields}
        options = {name: value for name, value in table.items() if name in defaults and name not in fields}
        self._check_options(architecture, options, defaults)
        merged = self._recipe(key, {**base.model_dump(), **training})
        return None if merged is None else ModelSettings(training=merged, architecture_options=options)

    def _check_options(self, architecture: str, options: Mapping[str, Any], defaults: Mapping[str, Option]) -> None:
        """A problem for each option that has the wrong type, or that the architecture refuses to be built with."""
        key = ("models", architecture)
        num_problems = len(self.problems)
        for name, value in options.items():
            accepted = (int, float) if type(defaults[name]) is float else (type(defaults[name]),)
            if type(value) not in accepted:  # not isinstance: true is no whole number
                self.problems.append(self.document.problem((*key, name), TYPE_NAMES[type(defaults[name])]))
        if len(self.problems) > num_problems:
            return
        try:
            check_options(
                architecture,
                num_channels=NUM_CHANNELS,
                num_timepoints=SEGMENT_LENGTH,
                num_classes=NUM_ACTIVITIES,
                **options,
            )
        except InputError as error:
            for problem in error.problems:
                option = problem.path.rpartition(".")[2]
                self.problems.append(self.document.problem((*key, option), problem.expected, value=problem.value))


def _lists_to_tuples(value: Any) -> Any:
    """TOML has only lists, the settings are frozen; everything else is left to strict validation."""
    if isinstance(value, Mapping):
        return {key: _lists_to_tuples(entry) for key, entry in value.items()}
    return tuple(map(_lists_to_tuples, value)) if isinstance(value, list) else value


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
