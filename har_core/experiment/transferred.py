"""Checks ``[transferred]``: its models are of this file, and each way can change them, as far as a file tells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from har_core.base.document import Document
from har_core.base.errors import Problem
from har_core.base.names import hint
from har_core.models.catalogue import WITHOUT_LAST_LAYER, is_network
from har_core.settings.base import Settings
from har_core.settings.ensembles import EnsembleSettings
from har_core.settings.experiment import ModelsSettings
from har_core.settings.recipes import compressed_name
from har_core.settings.transfer import TransferSettings


def transfer_problems(
    document: Document,
    settings: Settings | None,
    models: Settings | None,
    ensembles: Mapping[str, EnsembleSettings],
    compressed: Mapping[str, Iterable[str]],
) -> Iterator[Problem]:
    """A problem for each model that is not there, stands there twice, or cannot be changed by one of the ways.

    Nothing is said where nobody knows the models, and of ways where ``settings`` are wrong.
    """
    written = document.get(("transferred",))[1]
    names = written.get("models") if isinstance(written, dict) else None
    if not isinstance(names, list) or not isinstance(models, ModelsSettings):
        return
    ways = set(settings.ways) if isinstance(settings, TransferSettings) else set[str]()
    made = [compressed_name(parent, recipe) for parent, own in compressed.items() for recipe in own]
    networks = {name: is_network(name) for name in models.architectures}
    known, seen = [*networks, *ensembles, *made], set[str]()
    for index, name in enumerate(names):
        key = ("transferred", "models", index)
        if not isinstance(name, str):
            continue
        if name not in known:
            yield document.problem(key, f"a model of this file{hint(name, known)}")
        elif name in seen:
            yield document.problem(key, "each model once")
        elif name in WITHOUT_LAST_LAYER and "last_layer" in ways:
            yield document.problem(key, f"a model that each way can change; {name} has no last layer")
        elif not networks.get(name, True) and ways - {"last_layer"}:
            why = f'{name} is classical, so ways = ["last_layer"] at most: it has no other weights that were trained'
            yield document.problem(key, f"a model that each way can change; {why}")
        elif name in ensembles and ensembles[name].combine == "vote" and "last_layer" in ways:
            yield document.problem(key, f"a model that each way can change; {name} is a vote, which has no last layer")
        seen.add(name)
