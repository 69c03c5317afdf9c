"""``[compressed]`` and ``[recipes.<name>]``: which models are made from others, and how."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

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
    first_layer: Literal["int8", "float32"] = "int8"
    """What the recordings themselves are rounded to; where their values reach far, 8 bits lose what is small."""


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


class DistilledSettings(RecipeSettings):
    """A network that learns from the answers of its parent, whatever that is, beside the activities."""

    kind = "distilled"

    student: str = "compact"
    """The network; it is trained as its own section of ``[models]`` says, or as ``[training]`` where it has none."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the student in place of those of its section."""
    epochs: int | None = Field(default=None, ge=1, le=10_000)
    """In place of those of its section."""
    temperature: float = Field(default=4.0, gt=0)
    """What divides the logits of both; the higher, the more the parent says of activities that it did not choose."""
    soft_weight: float = Field(default=0.9, ge=0, le=1)
    """Share of the parent's answers in the loss; the activities have the rest."""
    feature_weight: float = Field(default=0.0, ge=0, lt=1)
    """Share of the loss that compares what the last layers of both networks take; all of the above has the rest."""


class PruningSettings(RecipeSettings):
    """What the recipes share that take something out of a network, in steps, and train it on after each."""

    needs_network = True

    share: float = Field(default=0.5, gt=0, lt=1)
    """What is gone in the end."""
    steps: int = Field(default=4, ge=1)
    """In how many steps; the first take most (Zhu and Gupta 2017)."""
    epochs: int = Field(default=3, ge=1)
    """Of training after each step, as the parent was trained."""
    learning_rate: float = Field(default=5e-4, gt=0)
    """At the beginning of each of these trainings; it falls to 0."""


class WeightsSettings(PruningSettings):
    """Single weights of linear, convolution and recurrent layers, the smallest, become zero: ``share`` of them all."""

    kind = "weights"

    share: float = Field(default=0.8, gt=0, lt=1)
    """What is zero in the end."""
    scope: Literal["global", "layer"] = "global"
    """Whether the smallest of all layers go, or the same share of each."""


class FiltersSettings(PruningSettings):
    """Filters, neurons and recurrent units, those of the smallest weights, are removed: ``share`` of each layer's."""

    kind = "filters"


RECIPE_NAME = ENSEMBLE_NAME
"""What a recipe may be called: the models that it makes have it in their name."""
KINDS: dict[str, type[RecipeSettings]] = {
    settings.kind: settings
    for settings in (
        Int8Settings,
        Int8TrainedSettings,
        DynamicSettings,
        BinarySettings,
        WeightsSettings,
        FiltersSettings,
        DistilledSettings,
    )
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
