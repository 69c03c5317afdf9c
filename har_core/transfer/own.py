"""The labelled recordings of one person: read, audited and cut as the windows of a model were, with its class ids.

Of each activity the first windows are learnt from, and the later ones show what that gained (:mod:`.few`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import torch
from pydantic import ValidationError

from har_core.audit.defects import find_defects
from har_core.base.errors import InputError, Problem
from har_core.datasets.dataset import Dataset
from har_core.datasets.ingested import read_ingested
from har_core.datasets.manifest import IngestSummary, ingest
from har_core.datasets.recordings import Recordings
from har_core.datasets.source import Source
from har_core.settings.windows import WindowSettings
from har_core.spec.dataset import DatasetSpec
from har_core.transfer.few import Rows, people
from har_core.windows.cutting import cut_windows
from har_core.windows.tensors import WindowTensors, read_tensors

_FEWEST_ACTIVITIES = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Own:
    """What a person recorded."""

    windows: WindowTensors
    """In sensor units; labels are class ids of the model."""
    unknown: tuple[str, ...]
    """Activities that the model does not know; no window is cut of them."""
    ingested: IngestSummary
    manifest: bytes
    """Of the files, as ingestion writes it."""


class Shown(NamedTuple):
    """Rows of a person's windows."""

    learnt: Rows
    later: Rows
    """Those that show what was gained. They share nothing with any to learn from."""


def read_window_settings(resolved: bytes) -> WindowSettings:
    """``[windows]`` of an experiment, from the JSON of :meth:`har_core.settings.experiment.Experiment.resolved`.

    Raises:
        InputError: it is something else.
    """
    defaults = WindowSettings().model_dump(mode="json")
    try:
        told = json.loads(resolved)["windows"]
        changed = {name: value for name, value in told.items() if name not in defaults or value != defaults[name]}
        return WindowSettings.model_validate_json(json.dumps(changed))
    except (ValueError, LookupError, TypeError, AttributeError, ValidationError) as error:
        raise InputError(f"how the windows of the model were cut cannot be read ({error})") from error


def read_own(
    dataset: Dataset, source: Source, model: DatasetSpec, settings: WindowSettings, *, length: int, join: bool
) -> Own:
    """Read the recordings of one person, and cut them as the windows of the model were.

    Args:
        dataset: that the source is of, with the channels of the model.
        source: with the files of this person alone.
        model: the description of the windows that the model takes.
        settings: how those were cut.
        length: samples in one of them.
        join: whether they may go on into the next segment where the audit found the join continuous.

    Raises:
        InputError: files are wrong, with every problem; the model knows no activity of them; or there are no windows.
    """
    with TemporaryDirectory(prefix="har-") as folder:
        manifest, samples, windows = (Path(folder, name) for name in ("manifest", "recordings", "windows"))
        asked = _asking_for_what_is_there(dataset, source)
        ingested = ingest(asked, source, manifest_path=manifest, recordings_path=samples)
        recordings = read_ingested(samples)
        known = _known(settings, dataset.spec, model)
        unknown = _unknown(recordings, known, model, str(source.location))
        how = settings.model_copy(
            update={
                "activities": known,
                "none": "class" if _knows_none(settings, dataset.spec, model) else "drop",
                "sampling_rate_hz": model.sampling_rate_hz,
                "length": length,
                "length_s": None,
                "step": settings.stride(model.sampling_rate_hz),
                "step_s": None,
                "join_segments": join,
            }
        )
        try:
            cut_windows(recordings, find_defects(recordings, dataset.spec), how, windows)
        except InputError as error:
            place = str(source.location)
            problems = [replace(one, path=place) if one.path == str(windows) else one for one in error.problems]
            raise InputError(error.summary, problems) from error
        tensors = read_tensors(windows)
        ids = torch.tensor([model.activities.index(name) for name in tensors.spec.activities])
        return Own(
            windows=replace(tensors, labels=ids[tensors.labels]),
            unknown=unknown,
            ingested=ingested,
            manifest=manifest.read_bytes(),
        )


def choose(windows: WindowTensors, most: int | None = None) -> Shown:
    """The first windows of each activity of one person, at most half of them, and what comes later.

    Where there is one sound window of each activity and no more, all are learnt from, and none comes later.

    Args:
        windows: of one person, in the order of their keys.
        most: of each activity to learn from; None for no limit beside the half.

    Raises:
        InputError: fewer than two activities would be learnt: a model would forget the others for one of them.
    """
    labels = windows.labels.numpy()
    number = most or max(1, len(labels))
    (person,) = people(windows, [number], activities=set(labels.tolist()))
    shown = Shown(person.learnt[number], person.tested)
    if not len(shown.learnt):
        shown = Shown(np.flatnonzero(~windows.damaged.numpy()), np.empty(0, dtype=np.intp))
    found = len(np.unique(labels[shown.learnt]))
    if found < _FEWEST_ACTIVITIES:
        value = f"{found} {'activity' if found == 1 else 'activities'} to learn from, and {len(labels)} windows in all"
        expected = "two activities or more, with two windows each that the audit finds nothing wrong with"
        raise InputError("There is too little to learn from", [Problem(path="windows", value=value, expected=expected)])
    return shown


def _asking_for_what_is_there(dataset: Dataset, source: Source) -> Dataset:
    """``dataset``, asking for the activities that names of files tell: nobody need show all of them."""
    outlines = [dataset.outline(files) for files in source.by_recording().values()]
    told = [outline.activities for outline in outlines if outline is not None]
    if len(told) < len(outlines):
        return dataset
    return dataset.asking_for({dataset.spec.activity_name(number) for own in told for number in own})


def _known(settings: WindowSettings, spec: DatasetSpec, model: DatasetSpec) -> dict[str, Sequence[str]]:
    """What recordings of ``spec`` call each activity of the model, as far as they have it.

    Recordings of another data set than the model's may call an activity as the model does.
    """
    chosen = settings.activities
    merged: Mapping[str, Sequence[str]]
    merged = chosen if isinstance(chosen, dict) else {name: (name,) for name in chosen or spec.activities}
    if not {old for olds in merged.values() for old in olds} <= set(spec.activities):
        merged = {name: (name,) for name in spec.activities}
    return {name: olds for name, olds in merged.items() if name in model.activities}


def _knows_none(settings: WindowSettings, spec: DatasetSpec, model: DatasetSpec) -> bool:
    """Whether rows that are none of the activities are a class of the model."""
    return settings.none == "class" and spec.none is not None and spec.none in model.activities


def _unknown(
    recordings: Recordings, known: Mapping[str, Sequence[str]], model: DatasetSpec, place: str
) -> tuple[str, ...]:
    """The activities of recordings that the model does not know.

    Raises:
        InputError: there are no others.
    """
    spec, names = recordings.spec, {name for olds in known.values() for name in olds}
    numbers = sorted(set().union(*(outline.activities for outline in recordings.outlines.values())) - {0})
    unknown = tuple(spec.activity_name(number) for number in numbers if spec.activity_name(number) not in names)
    if len(unknown) == len(numbers):
        value = ", ".join(unknown) or "no row with a label"
        problem = Problem(path=place, value=value, expected=f"activities of the model: {', '.join(model.activities)}")
        raise InputError("The model knows no activity of these recordings", [problem])
    return unknown
