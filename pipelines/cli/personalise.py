"""``har personalise``."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic_core import PydanticCustomError

from har_core.base.text import printable
from pipelines.cli.options import given_path

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}\Z")


def given_name(text: str) -> str:
    """A name of a person that can be part of that of a registered model."""
    if not _NAME.match(text):
        raise PydanticCustomError(
            "name",
            "{name} is no name for a person: up to 60 small letters, digits, hyphens and underscores, a letter or "
            "digit first.",
            {"name": printable(repr(text))},
        )
    return text


def personalise(  # noqa: PLR0917 - Typer makes options of them
    data: Annotated[
        Path,
        typer.Option(
            metavar="PATH", help="Folder or zip of recordings of one person, with their labels.", parser=given_path
        ),
    ],
    model: Annotated[
        str, typer.Option(help="The model to begin with: models:/NAME@ALIAS or models:/NAME/VERSION.")
    ] = "models:/har@champion",
    subject: Annotated[
        int | None, typer.Option(min=1, help="Whose recordings to take, where there are those of several subjects.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Whom the model is for; where absent, subject-N.", parser=given_name),
    ] = None,
    windows: Annotated[
        int | None,
        typer.Option(min=1, help="Windows of each activity to learn from, the first ones; half of them at most."),
    ] = None,
    way: Annotated[
        Literal["last_layer", "adapters", "all"] | None,
        typer.Option(
            help="What changes: the last layer, a little of all matrices (adapters), or all that was trained; where "
            "absent, adapters, or the last layer of a model that has no matrices for them.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="What the recordings are of: a name that `har dataset list` shows, or the path of a card (.toml); "
            "that of the model where absent.",
            metavar="NAME_OR_CARD",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of the order of windows, and of adapters.")] = 0,
) -> None:
    """Fit a registered model on to one person, and register it as theirs if it then knows their later windows better.

    Of each activity the first windows are learnt from; the later ones are kept back, and tested before and after.
    """
    from pipelines.left_out import require_places

    require_places([data])
    from assets.resources.store import Store
    from pipelines.homes import current_home, dataset_for
    from pipelines.persons import Wish, find_parent, open_person

    parent = find_parent(Store(current_home()), model)
    reader = dataset_for(parent.files.spec.name, dataset)
    from har_core.inference.channels import require_fit

    require_fit(parent.files.spec, reader.spec, where=str(data))
    from pipelines.personalising import personalise_parent

    with open_person(reader, data, subject) as source:
        wish = Wish(
            parent=parent,
            reader=reader,
            source=source,
            data=data,
            person=name or f"subject-{source.subjects[0]}",
            most=windows,
            way=way,
            seed=seed,
            options="" if dataset is None else f" --dataset {shlex.quote(dataset)}",
        )
        personalise_parent(wish)
