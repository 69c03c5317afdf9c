"""What ``har personalise`` was asked for, read and found possible: a model, and the recordings of one person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import typer

from assets.resources.model_files import FOR_PERSON, ModelFiles, find_model
from assets.resources.store import COPIED_FROM_TAG, PARENT_TAG, PERSON_TAG, RegisteredVersion, Store
from har_core.base.errors import InputError, Problem, counted
from har_core.base.text import printable
from har_core.datasets.dataset import Dataset
from har_core.datasets.source import Source
from har_core.settings.transfer import Way
from har_core.settings.windows import WindowSettings
from pipelines.left_out import LeftOut

_RESOLVED = "experiment.json"


class Parent(NamedTuple):
    """The model that a person's begins with."""

    name: str
    """``har-cnn``, where it is a copy too."""
    uri: str
    entry: RegisteredVersion
    files: ModelFiles
    windows: WindowSettings
    """How its windows were cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was asked for, read and found possible."""

    parent: Parent
    reader: Dataset
    source: Source
    """With the files of one person."""
    data: Path
    """Where that is, as given."""
    person: str
    most: int | None
    way: Way | None
    """None for what suits the model."""
    seed: int
    options: str
    """Those that ``har predict`` needs too."""

    @property
    def name(self) -> str:
        """Of the registered model."""
        return f"har-{self.parent.name.removeprefix('har-')}{FOR_PERSON}{self.person}"


def find_parent(store: Store, model_uri: str) -> Parent:
    """The model at an address of :meth:`Store.resolve`, and how its windows were cut.

    Raises:
        InputError: there is none that can be loaded, it is one person's already, or its MLflow run is gone.
        DamagedModelError: a file is not the one that was registered.
    """
    entry = store.resolve(model_uri)
    if PARENT_TAG in entry.tags:
        raise InputError(
            f"{model_uri}: is {entry.tags.get(PERSON_TAG, 'one person')}'s already; name the model that it was made "
            f"from: --model {entry.tags[PARENT_TAG]}"
        )
    files, run = find_model(store, model_uri), store.read_run(entry.run_id)
    resolved = None if run is None else run.artifact(_RESOLVED)
    if resolved is None:
        raise InputError(
            f"{model_uri}: its MLflow run is gone, or {_RESOLVED} in it, which says how its windows were cut; "
            "`har run --force` makes it again"
        )
    from har_core.transfer.own import read_window_settings

    original = entry.tags.get(COPIED_FROM_TAG, f"{entry.name}/{entry.version}")
    return Parent(original.partition("/")[0], f"models:/{original}", entry, files, read_window_settings(resolved))


@contextmanager
def open_person(reader: Dataset, data: Path, subject: int | None) -> Iterator[Source]:
    """The recordings at ``data`` of one subject.

    Raises:
        InputError: there are none, or they are of several subjects and none of these is named.
    """
    with reader.open(data) as source:
        found = source.subjects
        if len(found) > 1 if subject is None else subject not in found:
            summary, expected = "recordings of several people", "those of one, or --subject N"
            if subject is not None:
                summary, expected = f"no recordings of subject {subject}", "one of them in --subject"
            value = f"{counted(len(found), 'subject')}: {', '.join(map(str, found))}"
            raise InputError(f"{data}: {summary}", [Problem(path=str(data), value=value, expected=expected)])
        told = LeftOut(unknown=[source.name_of(path) for path in (*source.loose, *source.others)]).told()
        if told is not None:
            typer.echo(printable(told), err=True)
        yield source if subject is None else source.choose(lambda file: file.name.subject in {0, subject})
