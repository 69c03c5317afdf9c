"""Finds data sets: those that are shipped, cards, and what other packages bring as entry points.

An entry point of the group ``har.datasets`` names a :class:`~har_core.datasets.dataset.Dataset`, or what makes one when
it is called.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from har_core.base.errors import InputError, Problem, UnknownNameError
from har_core.base.names import unknown
from har_core.datasets.dataset import Dataset

GROUP = "har.datasets"
_CARD = ".toml"
_SHIPPED = Path(__file__).parent / "cards" / "shipped"


def list_datasets() -> list[str]:
    """The names that :func:`find_dataset` knows, sorted."""
    return sorted({"dsads", "pilot", *_shipped_cards(), *_brought()})


def find_dataset(name_or_path: str, *, relative_to: Path) -> Dataset:
    """The data set of a name, or of the card at a path that ends in ``.toml``.

    Args:
        name_or_path: as in ``dsads`` or ``my_recordings.toml``.
        relative_to: the folder in which relative paths begin.

    Raises:
        UnknownNameError: there is none of this name; the text suggests the nearest one.
        InputError: the card is wrong, with every problem; or an entry point brings no data set.
    """
    if name_or_path.endswith(_CARD):
        return _from_card(relative_to / Path(name_or_path).expanduser())
    if name_or_path == "dsads":
        from har_core.datasets.dsads.format import Dsads  # noqa: PLC0415 - others need none of it

        return Dsads()
    if name_or_path == "pilot":
        from har_core.datasets.pilot.format import CARD, Pilot  # noqa: PLC0415 - others need none of it

        return Pilot.from_file(CARD)
    if name_or_path in (cards := _shipped_cards()):
        return _from_card(cards[name_or_path])
    if name_or_path in (brought := _brought()):
        return _load(brought[name_or_path])
    raise UnknownNameError(unknown("data set", name_or_path, list_datasets()))


def _from_card(path: Path) -> Dataset:
    from har_core.datasets.cards.dataset import CardDataset  # noqa: PLC0415 - others need none of it

    return CardDataset.from_file(path)


def _shipped_cards() -> dict[str, Path]:
    return {path.stem: path for path in _SHIPPED.glob(f"*{_CARD}")}


def _brought() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _load(entry: EntryPoint) -> Dataset:
    loaded = entry.load()
    dataset = loaded() if callable(loaded) else loaded
    if not isinstance(dataset, Dataset):
        problem = Problem(
            path=entry.value, value=type(dataset).__name__, expected="a har_core.datasets.dataset.Dataset"
        )
        raise InputError(f"{entry.name}: the entry point of {GROUP} brings no data set", [problem])
    return dataset
