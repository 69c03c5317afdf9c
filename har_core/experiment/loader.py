"""Reads an experiment file into frozen settings, and reports everything that is wrong with it at once.

This imports neither PyTorch nor any architecture: :mod:`har_core.models.catalogue` reads names and options of
architectures from their source. What an architecture itself refuses, such as an odd width, shows when it is built.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from har_core.base.document import Document, dotted, read_document
from har_core.base.errors import InputError, Problem, UnknownNameError, counted
from har_core.base.names import hint
from har_core.base.positions import Key, walk
from har_core.datasets.catalogue import find_dataset, list_datasets
from har_core.experiment.epochs import networks_that_choose, why_validation
from har_core.experiment.options import type_problems
from har_core.experiment.pretraining import windows_expected, with_whole_path
from har_core.experiment.recipes import read_recipes
from har_core.experiment.spaces import read_space, sampler_problems
from har_core.experiment.tables import lists_to_tuples, over
from har_core.experiment.transferred import transfer_problems
from har_core.models.catalogue import WITHOUT_LAST_LAYER, describe, list_models
from har_core.settings.base import Settings
from har_core.settings.ensembles import ENSEMBLE_NAME, EnsembleSettings
from har_core.settings.ensembles import PRESETS as ENSEMBLE_PRESETS
from har_core.settings.experiment import Experiment, ModelSettings, ModelsSettings
from har_core.settings.explanation import explain, unknown_key
from har_core.settings.recipes import DistilledSettings, RecipeSettings
from har_core.settings.report import TESTING_IN_TURN, EvaluationSettings
from har_core.settings.search import Range, SearchSettings
from har_core.settings.source import SourceSettings
from har_core.settings.splits import SplitSettings
from har_core.settings.training import PRESETS, TrainingSettings
from har_core.settings.windows import MAX_LENGTH, WindowSettings
from har_core.spec.channels import WAYS, select_channels, unknown_names
from har_core.spec.dataset import DatasetSpec
from har_core.spec.selection import spec_of_windows

SectionT = TypeVar("SectionT", bound=Settings)

_SECTIONS = {name: kind for name, kind in Experiment.sections().items() if name not in {"source", "training", "models"}}
"""Sections that need only their own model; ``[training]`` has presets, ``[models]`` sub-sections."""


def load_experiment(path: Path) -> Experiment:
    """Read an experiment file.

    Raises:
        InputError: lists every problem: the file is unreadable or no TOML, a section, key or architecture is unknown,
            a value has the wrong type or is out of range.
    """
    reader = _Reader(read_document(path))
    sections: dict[str, Settings | None] = {name: reader.section((name,), model) for name, model in _SECTIONS.items()}
    sections["source"] = source = reader.source()
    reader.dataset = dataset = reader.find_dataset(source)
    reader.check_windows(sections["windows"])
    sections["training"] = reader.training()
    sections["models"] = reader.models(sections["training"])
    reader.check_folds(sections["evaluation"], sections["models"])
    ensembles = reader.ensembles(sections["models"])
    reader.check_ensembles(ensembles, sections["splits"], sections["evaluation"])
    compressed, recipes = reader.recipes(sections["models"], ensembles)
    named_models = sections["models"], ensembles, compressed
    reader.problems += transfer_problems(reader.document, sections["transferred"], *named_models)
    searches = reader.searches(sections["models"])
    sections["models"] = reader.with_students(sections["models"], recipes, sections["training"])
    reader.check_splits(sections["splits"], sections["models"])
    named = {"ensembles": ensembles, "compressed": compressed, "recipes": recipes, "search": searches}
    reader.refuse_unknown((), known=[*sections, *named], what="section")
    if reader.problems:
        in_order = sorted(reader.problems, key=lambda problem: problem.line or 0)
        raise InputError(f"The experiment file has {counted(len(in_order), 'problem')}.", in_order)
    return Experiment.model_validate({"path": path, "dataset": dataset, **sections, **named})


class _Reader:
    """Turns the tables of a document into settings, and collects problems on the way."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self.dataset: DatasetSpec | None = None
        """Of the recordings; None where nobody knows it."""
        self.written: dict[str, ModelSettings] = {}
        """Of every architecture that ``[models]`` says anything of."""
        self.over_presets: dict[str, Any] = {}
        """What ``[training]`` says itself, where it is valid."""

    def refuse(self, key: Key, expected: str, *, value: Any = None) -> None:
        """Add a problem with ``key``, as :meth:`Document.problem` words it."""
        self.problems.append(self.document.problem(key, expected, value=value))

    def section(self, key: Key, model: type[SectionT], values: Mapping[str, Any] | None = None) -> SectionT | None:
        """``values`` (default: the table at ``key``) as a ``model``; None if invalid, and problems are added."""
        values = self.table(key) if values is None else values
        if values is None:
            return None
        try:
            return model.model_validate(lists_to_tuples(values))
        except ValidationError as error:
            self.problems += explain(error, model, self.document, key)
            return None

    def table(self, key: Key) -> dict[str, Any] | None:
        """The table at ``key``, empty if absent; if it is no table, None, and a problem is added."""
        is_written, value = self.document.get(key)
        if not is_written:
            return {}
        if isinstance(value, dict):
            return value
        self.refuse(key, f"a section, [{'.'.join(map(str, key))}]")
        return None

    def refuse_unknown(self, key: Key, *, known: Collection[str], what: str) -> None:
        """Add a problem for each entry of the table at ``key`` that is not in ``known``."""
        for name in self.document.get(key)[1] or ():
            if name not in known:
                self.refuse((*key, name), f"a {what}{hint(name, known)}", value=name)

    def source(self) -> SourceSettings | None:
        """``[source]``, without a key that has moved."""
        values = self.table(("source",))
        if values is None:
            return None
        if "activities" in values:
            self.refuse(("source", "activities"), "no such key here any more: activities are chosen in [windows]")
        kept = {name: value for name, value in values.items() if name != "activities"}
        return self.section(("source",), SourceSettings, kept)

    def find_dataset(self, source: SourceSettings | None) -> DatasetSpec | None:
        """The description that ``[source] dataset`` names; None if it is wrong, and problems are added."""
        if source is None:
            return None
        try:
            return find_dataset(source.dataset, relative_to=self.document.path.parent).spec
        except UnknownNameError:
            known = list_datasets()
            expected = f"a data set{hint(source.dataset, known)}, or the path of a card (.toml)"
            self.refuse(("source", "dataset"), expected, value=source.dataset)
        except InputError as error:
            self.problems += error.problems or [self.document.problem(("source", "dataset"), error.summary)]
        return None

    def training(self) -> TrainingSettings | None:
        """``[training]``: the preset's values, then the section's own."""
        values = self.table(("training",))
        if values is None:
            return None
        own = {name: value for name, value in values.items() if name != "preset"}
        base = self._preset(("training",), values)
        settings = self._recipe(("training",), over(base or {}, own))  # finds problems of the other keys, too
        self.over_presets = {} if settings is None else own
        return None if base is None else settings

    def _preset(self, key: Key, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """What the preset of the section at ``key`` sets, empty if it names none; None if there is no such preset."""
        preset = values.get("preset")
        if preset is not None and (not isinstance(preset, str) or preset not in PRESETS):
            self.refuse((*key, "preset"), f"a preset{hint(str(preset), PRESETS)}")
            return None
        return {} if preset is None else PRESETS[preset].model_dump()

    def _recipe(self, key: Key, values: Mapping[str, Any]) -> TrainingSettings | None:
        """Training settings whose channels and windows exist; checked here, because settings know neither."""
        settings = self.section(key, TrainingSettings, with_whole_path(values, self.document.path.parent))
        if settings is None or self.dataset is None:
            return settings
        chosen = {what: getattr(settings, what) for what in WAYS}
        unknown = list(unknown_names(self.dataset, chosen))
        for what, index, name, expected in unknown:
            self.refuse((*key, what, index), expected, value=name)
        if unknown:
            return None
        try:
            channels = select_channels(self.dataset, **chosen)
        except InputError as error:
            written = next(what for what in reversed(WAYS) if chosen[what] is not None)
            expected = "at least one channel that fits units, sensors and channels alike"
            self.refuse((*key, written), expected, value=error.summary)
            return None
        own = settings.pretraining
        if own is not None and (suitable := windows_expected(own, self.dataset, channels)):
            self.refuse((*key, "pretraining", "windows"), suitable, value=own.windows)
            return None
        return settings

    def models(self, training: Settings | None) -> ModelsSettings | None:
        """``[models]`` and its sub-sections, each on top of ``training`` (of the defaults if that is invalid)."""
        values = self.table(("models",))
        if values is None:
            return None
        known = list_models()
        for name in values:
            if name not in known and name != "architectures":
                expected = f"'architectures' or the name of an architecture{hint(name, ['architectures', *known])}"
                self.refuse(("models", name), expected)
        base = training if isinstance(training, TrainingSettings) else TrainingSettings()
        made = {name: self._model(name, base) for name in values if name in known}
        architectures = self._architectures(values, known)
        if architectures is None:
            return None
        made |= {name: self._model(name, base) for name in architectures if name not in made}
        self.written = {name: own or ModelSettings(training=base) for name, own in made.items()}
        settings = {name: self.written[name] for name in architectures}
        return ModelsSettings(architectures=architectures, settings=settings)

    def with_students(
        self, models: Settings | None, recipes: Mapping[str, RecipeSettings], training: Settings | None
    ) -> Settings | None:
        """``models`` with the settings of every student of ``recipes``, made as those of an architecture are."""
        if not isinstance(models, ModelsSettings) or not isinstance(training, TrainingSettings):
            return models
        students = [own.student for own in recipes.values() if isinstance(own, DistilledSettings)]
        own = {name: self.written.get(name) or self._model(name, training) for name in students}
        settings = {**models.settings, **{name: made for name, made in own.items() if made is not None}}
        return ModelsSettings(architectures=models.architectures, settings=settings)

    def ensembles(self, models: Settings | None) -> dict[str, EnsembleSettings]:
        """``[ensembles]``: a section for each; members are architectures of ``models``, where those are known."""
        made = {}
        for name in self.table(("ensembles",)) or ():
            key = ("ensembles", name)
            if not ENSEMBLE_NAME.match(name) or name in list_models():
                self.refuse(key, "a name of small letters, digits and _, and of no architecture", value=name)
            values = self.table(key)
            if values is None:
                continue
            own = dict(values)
            preset = own.pop("preset", None)
            if preset is not None and (not isinstance(preset, str) or preset not in ENSEMBLE_PRESETS):
                self.refuse((*key, "preset"), f"a preset{hint(str(preset), ENSEMBLE_PRESETS)}")
                continue
            base = {} if preset is None else ENSEMBLE_PRESETS[preset].model_dump()
            settings = self.section(key, EnsembleSettings, {**base, **own})
            if settings is None:
                continue
            made[name] = settings
            if isinstance(models, ModelsSettings):
                for index, member in enumerate(settings.members):
                    if member not in models.architectures:
                        place = (*key, "members", index) if "members" in own else (*key, "preset")
                        expected = f"an architecture of [models]{hint(member, models.architectures)}"
                        self.refuse(place, expected, value=member)
        return made

    def check_ensembles(
        self, ensembles: Mapping[str, EnsembleSettings], splits: Settings | None, evaluation: Settings | None
    ) -> None:
        """Add a problem if nobody validates and an ensemble is fitted on those who do."""
        fitted = {name: settings for name, settings in ensembles.items() if settings.is_fitted}
        if fitted and isinstance(splits, SplitSettings) and not splits.validation_subjects:
            why = f"ensembles are fitted on its windows ({', '.join(fitted)})"
            self.refuse(("splits", "validation_subjects"), f"at least one subject, because {why}")
        if not isinstance(evaluation, EvaluationSettings) or evaluation.validation_subjects:
            return
        scored = evaluation.architectures
        over_folds = [name for name, own in fitted.items() if scored is None or set(own.members) <= set(scored)]
        if over_folds and not set(evaluation.protocols).isdisjoint(TESTING_IN_TURN):
            why = f"ensembles are fitted on their windows ({', '.join(over_folds)})"
            self.refuse(("evaluation", "validation_subjects"), f"1 or 2, because {why}")

    def recipes(
        self, models: Settings | None, ensembles: Collection[str]
    ) -> tuple[dict[str, tuple[str, ...]], dict[str, RecipeSettings]]:
        """``[compressed]``, and the recipes that it names; nothing where nobody knows the models."""
        if not isinstance(models, ModelsSettings):
            return {}, {}
        compressed, recipes, problems = read_recipes(self.document, [*models.architectures, *ensembles])
        self.problems += problems
        return compressed, recipes

    def check_windows(self, settings: Settings | None) -> None:
        """Add a problem for each part of ``[windows]`` that does not fit the data set."""
        if not isinstance(settings, WindowSettings) or self.dataset is None:
            return
        try:
            windowed = spec_of_windows(
                self.dataset,
                activities=settings.activities,
                none=settings.none,
                sampling_rate_hz=settings.sampling_rate_hz,
            )
        except InputError as error:
            keys = {dotted(key): key for key, _ in walk(self.document.values)}
            for problem in error.problems:
                key = keys.get(problem.path, ("windows", problem.path.removeprefix("windows.")))
                self.refuse(key, problem.expected, value=problem.value)
            return
        if windowed.num_activities == 1:
            self.refuse(("windows", "activities"), "at least two: of one, there is nothing to recognise")
        key = ("windows", "length" if settings.length_s is None else "length_s")
        length, longest = settings.samples(windowed.sampling_rate_hz), windowed.segment_length
        if length > MAX_LENGTH:
            self.refuse(key, f"at most {MAX_LENGTH} samples; it is {length} at {windowed.sampling_rate_hz:g} Hz")
        elif longest is not None and length > longest and not settings.join_segments:
            self.refuse(key, f"at most {longest}, the samples in a segment, unless join_segments is true")

    def check_folds(self, evaluation: Settings | None, models: Settings | None) -> None:
        """Add a problem for each architecture of ``[evaluation]`` that ``[models]`` lacks or folds cannot train."""
        if not isinstance(evaluation, EvaluationSettings) or not isinstance(models, ModelsSettings):
            return
        for key, names in (("architectures", evaluation.architectures or ()), ("sensors", evaluation.sensors)):
            for index, name in enumerate(names):
                if name not in models.architectures:
                    expected = f"an architecture of [models]{hint(name, models.architectures)}"
                    self.refuse(("evaluation", key, index), expected)
        if evaluation.sensors and evaluation.leading is None:
            expected = f"one of {', '.join(TESTING_IN_TURN)}, over which [evaluation] sensors are measured"
            self.refuse(("evaluation", "protocols"), expected)
        chosen = dict.fromkeys([*(evaluation.architectures or models.architectures), *evaluation.sensors])
        networks = networks_that_choose(models, chosen)
        if (
            networks
            and not evaluation.validation_subjects
            and not set(evaluation.protocols).isdisjoint(TESTING_IN_TURN)
        ):
            self.refuse(("evaluation", "validation_subjects"), f"1 or 2, because {why_validation(networks)}")

    def check_splits(self, splits: Settings | None, models: Settings | None) -> None:
        """Add a problem if nobody validates and an architecture of ``[models]``, or a student, needs it."""
        if not isinstance(splits, SplitSettings) or not isinstance(models, ModelsSettings):
            return
        networks = networks_that_choose(models, models.settings)
        if networks and not splits.validation_subjects:
            self.refuse(("splits", "validation_subjects"), f"at least one subject, because {why_validation(networks)}")

    def searches(self, models: Settings | None) -> dict[str, SearchSettings]:
        """``[search.<architecture>]`` of each architecture of ``[models]``; nothing if that is invalid."""
        if not isinstance(models, ModelsSettings):
            return {}
        self.refuse_unknown(("search",), known=models.settings, what="model of [models]")
        names = [name for name in self.table(("search",)) or () if name in models.settings]
        made = {name: self._search(name, models.settings[name]) for name in names}
        return {name: settings for name, settings in made.items() if settings is not None}

    def _search(self, architecture: str, base: ModelSettings) -> SearchSettings | None:
        key = ("search", architecture)
        table, space = self.table(key), self.table((*key, "space"))
        if table is None or space is None:
            return None
        dimensions, problems = read_space(self.document, (*key, "space"), architecture, base)
        self.problems += problems
        # Where the space is wrong, a stand-in lets the other keys be checked too.
        shown = {"space": dimensions or {"": Range(low=0, high=1)}} if space else {}
        settings = self.section(key, SearchSettings, {**table, **shown})
        if settings is None or problems:
            return None
        problems = list(sampler_problems(self.document, key, architecture, settings))
        self.problems += problems
        return None if problems else settings

    def _architectures(self, values: Mapping[str, Any], known: list[str]) -> tuple[str, ...] | None:
        own = {key: value for key, value in values.items() if key == "architectures"}
        parsed = self.section(("models",), ModelsSettings, own)
        if parsed is None:
            return None
        num_problems, seen = len(self.problems), set[str]()
        for index, name in enumerate(parsed.architectures):
            key = ("models", "architectures", index)
            if name not in known:
                self.refuse(key, f"an architecture{hint(name, known)}")
            elif name in seen:
                self.refuse(key, "each architecture once")
            seen.add(name)
        return parsed.architectures if len(self.problems) == num_problems else None

    def _model(self, architecture: str, base: TrainingSettings) -> ModelSettings | None:
        key = ("models", architecture)
        table = self.table(key)
        if table is None:
            return None
        fields = TrainingSettings.model_fields
        defaults = describe(architecture).options
        what = f"a key of [training] or option of {architecture}"
        preset = self._preset(key, table)
        for name in table:
            if name not in fields and name not in defaults and name != "preset":
                expected = unknown_key(name, [*fields, *defaults], TrainingSettings, key, what=what)
                self.refuse((*key, name), expected, value=name)
        training = {name: value for name, value in table.items() if name in fields}
        options = {name: value for name, value in table.items() if name in defaults and name not in fields}
        self.problems += type_problems(self.document, key, defaults, options)
        if preset is None:
            return None
        started = over(preset, self.over_presets) if preset else base.model_dump()
        merged = self._recipe(key, over(started, training))
        if merged is not None and merged.pretraining is not None and architecture in WITHOUT_LAST_LAYER:
            self.refuse((*key, "pretraining"), f"no pretraining of {architecture}, which has no last linear layer")
        return None if merged is None else ModelSettings(training=merged, architecture_options={**defaults, **options})
