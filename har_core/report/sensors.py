"""What each unit and each kind of sensor gives a model, over the folds of the protocol that leads.

How the scores look as a chart belongs to :mod:`har_core.report.sensor_chart`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

from markupsafe import Markup

from har_core.evaluation.intervals import interval_of_mean
from har_core.evaluation.pairwise import ROPE, SURE, Pair, compare_pairs
from har_core.report.formats import fixed, listed, signed
from har_core.report.honest import TITLES
from har_core.report.inputs import ReportInputs, SensorEntry
from har_core.report.published import name_of
from har_core.report.sensor_chart import SensorLine, sensor_chart
from har_core.spec.dataset import DatasetSpec

Key = tuple[str, str, str]
"""Way, part and name, as in :class:`har_core.evaluation.sensors.SensorScore`."""
_ALL: Key = ("all", "", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorRow:
    """One way to see."""

    key: Key
    words: str
    """``right arm alone``."""
    per_subject: dict[int, float]
    """Macro-F1, ascending by subject."""
    beside: Pair | None
    """This beside all channels; None of these."""
    interval: tuple[float, float] | None
    """Of the difference, 95 %; None of all channels, with fewer than three subjects, or where all differ alike."""

    @property
    def macro_f1(self) -> float:
        """The mean over subjects."""
        return fmean(self.per_subject.values())

    @property
    def worst(self) -> tuple[int, float]:
        """The subject with the lowest score, and that."""
        return min(self.per_subject.items(), key=lambda own: own[1])

    @property
    def difference(self) -> float | None:
        """From all channels, paired by subject; None of these."""
        return None if self.beside is None else self.beside.mean

    @property
    def is_lower(self) -> bool:
        """Whether the mean is below that of all channels."""
        return self.difference is not None and self.difference < 0


@dataclass(frozen=True, kw_only=True)  # without slots: what is cached needs a place
class MeasuredModel:
    """One architecture."""

    architecture: str
    entries: tuple[SensorEntry, ...]
    """Its folds, in their order."""
    num_planned: int
    rows: tuple[SensorRow, ...]
    """The highest mean first."""
    spec: DatasetSpec

    @property
    def name(self) -> str:
        """What readers call it."""
        return name_of(self.architecture)

    @cached_property
    def by_key(self) -> dict[Key, SensorRow]:
        """The rows by what they are of."""
        return {row.key: row for row in self.rows}

    @property
    def chart(self) -> Markup | None:
        """A line for each unit and each kind: alone, left out, and missing."""
        names = dict.fromkeys(row.key[1:] for row in sorted(self.rows, key=self._place) if row.key != _ALL)
        lines = [
            SensorLine(
                name=_named(name, part, self.spec),
                scores={way: row.macro_f1 for row in self.rows for way in [row.key[0]] if row.key[1:] == (part, name)},
            )
            for part, name in names
        ]
        return sensor_chart(lines, self.by_key[_ALL].macro_f1, label=f"Macro-F1 of {self.name}")

    @property
    def words(self) -> str:
        """What it comes to."""
        sentences = [f"With all channels {fixed(self.by_key[_ALL].macro_f1)}."]
        for part, noun in (("unit", "units"), ("sensor", "kinds of sensor")):
            alone, left_out, missing = (self._of(way, part) for way in ("alone", "left_out", "missing"))
            if alone:
                best, least = max(alone, key=_score), min(alone, key=_score)
                sentences.append(
                    f"Of {noun} alone, {self._told(best)} gives most, {fixed(best.macro_f1)}, and {self._told(least)} "
                    f"least, {fixed(least.macro_f1)}."
                )
            if left_out:
                row = min(left_out, key=_score)
                told = f"{self._told(row)} is missed most, {_change(row)}" if row.is_lower else "none is missed"
                sentences.append(f"Left out of training, {told}.")
            if missing:
                costly, cheap = min(missing, key=_score), max(missing, key=_score)
                sentences.append(
                    f"Missing when the model predicts, {self._told(costly)} costs most, {_change(costly)}, and "
                    f"{self._told(cheap)} least, {_change(cheap)}."
                )
        return " ".join(sentences)

    def _of(self, way: str, part: str) -> list[SensorRow]:
        return [row for row in self.rows if row.key[:2] == (way, part)]

    def _told(self, row: SensorRow) -> str:
        return _named(row.key[2], row.key[1], self.spec)

    def _place(self, row: SensorRow) -> tuple[bool, int]:
        """Units first, each part in the order of the data set."""
        _, part, name = row.key
        order = self.spec.sensor_kinds if part == "sensor" else self.spec.places
        return part == "sensor", order.index(name) if name else -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensors:
    """All architectures that were measured."""

    protocol: str
    models: tuple[MeasuredModel, ...]
    champion: str | None
    """Why har@champion is not among them; None where it is, or where there is none."""

    @property
    def title(self) -> str:
        """What readers call the protocol."""
        return TITLES[self.protocol]

    @property
    def has_missing(self) -> bool:
        """Whether any model saw several units."""
        return any(row.key[0] == "missing" for model in self.models for row in model.rows)

    @property
    def equivalent(self) -> float:
        """What two scores may differ by and be as good in practice."""
        return ROPE

    @property
    def sure(self) -> float:
        """Probability from which on a verdict is given."""
        return SURE


def view_sensors(inputs: ReportInputs) -> Sensors | None:
    """What the report says of ``inputs.sensors``; None where nothing of its own kind of recordings was measured."""
    groups: dict[str, list[SensorEntry]] = {}
    for entry in inputs.sensors:
        if entry.origin == inputs.origin:
            groups.setdefault(entry.architecture, []).append(entry)
    if not groups:
        return None
    models = [_measured(name, entries, inputs) for name, entries in groups.items()]
    champion = inputs.champion
    return Sensors(
        protocol=models[0].entries[0].protocol,
        models=tuple(models),
        champion=None
        if champion is None or champion.architecture in groups
        else f"har@champion is {name_of(champion.architecture)}, which was not measured: only architectures that "
        "[evaluation] sensors names are.",
    )


def sensor_problems(inputs: ReportInputs) -> Iterator[str]:
    """What was measured on other recordings or not at all, in words."""
    for name, planned in inputs.planned_sensors.items():
        own = [entry for entry in inputs.sensors if entry.architecture == name]
        foreign = [entry.fold for entry in own if entry.origin != inputs.origin]
        gone = [fold for fold in planned if fold not in {entry.fold for entry in own}]
        if foreign:
            yield f"sensors/{name}: {listed(foreign)} not of {inputs.origin} recordings, so left out"
        if not own:
            yield f"sensors/{name}: none of its {len(planned)} folds is computed yet"
        elif gone:
            yield f"sensors/{name}: {listed(gone)} not computed yet"


def sensor_figures(view: Sensors) -> dict[str, Any]:
    """The same as data."""
    return {
        "protocol": view.protocol,
        "models": [
            {
                "architecture": model.architecture,
                "seed": model.entries[0].seed,
                "num_folds_planned": model.num_planned,
                "folds": {entry.fold: entry.mlflow_run_id for entry in model.entries},
                "scores": [
                    {
                        "way": row.key[0],
                        "part": row.key[1],
                        "name": row.key[2],
                        "macro_f1": row.macro_f1,
                        "per_subject": row.per_subject,
                        "difference": row.difference,
                        "interval": row.interval,
                        "verdict": row.beside and row.beside.verdict,
                    }
                    for row in model.rows
                ],
            }
            for model in view.models
        ],
        "champion": view.champion,
    }


def _measured(architecture: str, entries: Sequence[SensorEntry], inputs: ReportInputs) -> MeasuredModel:
    scores = _by_key(entries)
    words = {key: _in_words(key, inputs.spec) for key in scores}
    pairs = compare_pairs(
        {words[key]: own for key, own in scores.items()},
        [(words[key], words[_ALL]) for key in scores if key != _ALL],
        test_share=1 / max(2, len(entries)),
    )
    beside = {pair.first: pair for pair in pairs}
    rows = [
        SensorRow(
            key=key,
            words=words[key],
            per_subject=own,
            beside=(pair := beside.get(words[key])),
            interval=interval_of_mean(list(pair.differences.values())) if pair else None,
        )
        for key, own in scores.items()
    ]
    return MeasuredModel(
        architecture=architecture,
        entries=tuple(entries),
        num_planned=len(inputs.planned_sensors.get(architecture, ())),
        rows=tuple(sorted(rows, key=_score, reverse=True)),
        spec=inputs.spec,
    )


def _by_key(entries: Sequence[SensorEntry]) -> dict[Key, dict[int, float]]:
    """Macro-F1 by subject of each way that every fold has: settings may have changed between folds."""
    by_fold: list[Mapping[Key, dict[int, float]]] = [
        {(score.way, score.part, score.name): score.per_subject for score in entry.scores} for entry in entries
    ]
    common = [key for key in by_fold[0] if all(key in own for own in by_fold)]
    found = {key: {subject: value for own in by_fold for subject, value in own[key].items()} for key in common}
    return {key: dict(sorted(own.items())) for key, own in found.items()}


def _in_words(key: Key, spec: DatasetSpec) -> str:
    way, part, name = key
    named = _named(name, part, spec)
    return {
        "all": "all channels",
        "alone": f"{named} alone",
        "left_out": f"without {named}",
        "missing": f"{named} missing",
    }[way]


def _named(name: str, part: str, spec: DatasetSpec) -> str:
    return spec.words_of_place(name) if part == "unit" else name


def _score(row: SensorRow) -> float:
    return row.macro_f1


def _change(row: SensorRow) -> str:
    return signed(row.difference or 0.0)
