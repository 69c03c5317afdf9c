"""Suggestions for names that do not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The entry of ``known`` that was probably meant, ignoring case; None if none is near.

    >>> nearest("epoch", ["epochs", "seed"]), nearest("ra", ["T", "RA"]), nearest("zzz", ["epochs"])
    ('epochs', 'RA', None)
    """
    by_lower = {entry.lower(): entry for entry in known}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def hint(name: str, known: Iterable[str]) -> str:
    """A suggestion to append to an expectation: the nearest of ``known``, or all of them if none is near.

    >>> hint("epoch", ["epochs", "seed"])
    "; did you mean 'epochs'?"
    >>> hint("zzz", ["epochs", "seed"])
    ': epochs, seed'
    """
    names = list(known)
    found = nearest(name, names)
    return f"; did you mean {found!r}?" if found else f": {', '.join(names) or 'none'}"


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """A message that refuses ``name``, suggests the nearest name, and lists all of them.

    >>> unknown("architecture", "lsmt", ["cnn", "lstm"])
    "no architecture is called 'lsmt'; did you mean 'lstm'? There are cnn, lstm."
    """
    names = sorted(known)
    found = nearest(name, names)
    meant = f"; did you mean {found!r}? There are" if found else "; there are"
    return f"no {what} is called {name!r}{meant} {', '.join(names) or 'none'}."
