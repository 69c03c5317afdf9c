"""Which family a model belongs to, so that readers can choose among many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from har_core.models.catalogue import describe, list_models
from har_core.report.published import name_of
from har_core.settings.recipes import is_compressed

_TITLES = {
    "classical": "classical",
    "convolutional": "convolutional",
    "recurrent": "recurrent",
    "attention": "attention",
    "network": "other networks",
    "ensemble": "ensembles",
    "compressed": "compressed",
    "other": "others",
}


def by_family(architectures: Iterable[str], ensembles: Iterable[str]) -> Mapping[str, dict[str, str]]:
    """What readers call each of the models, by architecture, in the order given, under the title of their family.

    Args:
        architectures: of the models; one can be named more than once.
        ensembles: names of those that are votes or stacks of others.
    """
    known, ensembles = {*list_models()}, {*ensembles}
    found: dict[str, dict[str, str]] = {family: {} for family in _TITLES}
    for name in dict.fromkeys(architectures):
        if is_compressed(name):
            family = "compressed"
        elif name in ensembles:
            family = "ensemble"
        else:
            family = describe(name).family if name in known else "other"
        found[family][name] = name_of(name)
    return {_TITLES[family]: models for family, models in found.items() if models}
