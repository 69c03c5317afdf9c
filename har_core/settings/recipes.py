"""``[compressed]`` and ``[recipes.<name>]``: which models are made from others, and how."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from har_core.settings.base import Settings
from har_core.settings.ensembles import ENSEMBLE_NAME


class RecipeSettings(Settings):
    """What every recipe has."""

    kind: ClassVar[str]
    """What it is: the name of the module of :mod:`har_core.compression` that does it, and ``kind`` in a file."""
    needs_network: ClassVar[bool] = False
    """Whether it changes the network itself, so that only an architecture of that kind can be its parent."""

    most_lost: float = Field(default=0.005, ge=0, le=1)
    """Macro-F1 of the validation subjects that it may lose; one that loses more is never champion."""


class Int8Settings(RecipeSettings):
    """Weights of 8 bits, and the values that they meet; ranges are measured on training windows."""

    kind = "int8"

    windows_per_activity: int = Field(default=20, ge=1)
    """Training windows of each activity that ranges are measured on, spread over all there are."""


class Int8TrainedSettings(Int8Settings):
    """As ``int8``, of a network that was trained on before with its products rounded."""

    kind = "int8_trained"
    needs_network = True

    epochs: int = Field(default=5, ge=1, le=10_000)
    """Passes over the training windows with rounded products."""
    learning_rate: float = Field(default=1e-4, gt=0)
    """At the beginning; it falls to 0."""


class DynamicSettings(RecipeSettings):
    """Weights of 8 bits for recurrent networks; ranges of values are found anew in each answer."""

    kind = "dynamic"


class BinarySettings(RecipeSettings):
    """Weights of 1 bit, but for the first and the last layer; the network is trained on with them."""

    kind = "binary"
    needs_network = True

    epochs: int = Field(default=30, ge=1, le=10_000)
    """Passes over the training windows with weights of 1 bit."""
    learning_rate: float = Field(default=5e-4, gt=0)
    """At the beginning; it falls to 0."""


RECIPE_NAME = ENSEMBLE_NAME
"""What a recipe may be called: the models that it makes have it in their name."""
KINDS: dict[str, type[RecipeSettings]] = {
    settings.kind: settings for settings in (Int8Settings, Int8TrainedSettings, DynamicSettings, BinarySettings)
}
"""Every recipe; it may be named in ``[compressed]`` without a section of its own, and has its defaults then."""


def compressed_name(parent: str, recipe: str) -> str:
    """What a model is called that ``recipe`` makes of ``parent``; no other name has a hyphen.

    >>> compressed_name("cnn", "int8")
    'cnn-int8'
    """
    return f"{parent}-{recipe}"


def is_compressed(name: str) -> bool:
    """Whether a model of this name is made from another one.

    >>> is_compressed("cnn-int8")
    True
    """
    return "-" in name
