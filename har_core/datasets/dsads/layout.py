"""How the files of DSADS lie and are named: ``aNN/pN/sNN.txt``, activity, subject and segment."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath

from har_core.base.errors import Problem
from har_core.datasets.source import FileName, Naming

SEGMENT_LENGTH = 125
"""Samples in one segment file: 5 s."""
MAX_SEGMENT_BYTES = 4_000_000
"""Largest segment file, uncompressed; the real ones have 47 kB."""
NUM_ACTIVITIES = 19

_MOST_DIGITS = 10
"""More make an impossible number in any case, and Python refuses to read thousands."""
_SEGMENT_PATH = re.compile(r"(?:^|/)a([0-9]+)/p([0-9]+)/s([0-9]+)\.txt$", re.IGNORECASE)
_ACTIVITY = re.compile(r"[aA][0-9]+")


def segment_path(*, subject: int, activity: int, segment: int) -> str:
    """The canonical relative path of a segment file, ``a01/p1/s01.txt``."""
    return f"a{activity:02d}/p{subject}/s{segment:02d}.txt"


class DsadsNaming(Naming):
    """A segment file is ``aNN/pN/sNN.txt`` at any depth, in any case; the session is the number of the activity."""

    expectation = "segment files aNN/pN/sNN.txt, at any depth"
    max_bytes = MAX_SEGMENT_BYTES

    def may_match(self, path: str) -> bool:
        """Whether it is a segment file."""
        return _SEGMENT_PATH.search(path) is not None

    def names(self, paths: Sequence[str]) -> Mapping[str, FileName]:
        """Their numbers as written, possible or not, but for digits beyond the tenth."""
        return {path: name for path in paths if (name := _parse(path)) is not None}

    def check(self, names: Mapping[str, FileName]) -> list[Problem]:
        """The files with an impossible number."""
        return [
            Problem(
                path=path,
                value=f"subject {name.subject}, activity {name.session}, segment {name.segment}",
                expected=expected,
            )
            for path, name in sorted(names.items(), key=lambda entry: (entry[1], entry[0]))
            if (expected := _expectation(name)) is not None
        ]

    def is_loose(self, path: str) -> bool:
        """Text files may be segments under another name."""
        return path.lower().endswith(".txt")

    def is_beside(self, folder: str, paths: Collection[str]) -> bool:
        """A folder beside those of activities that is named as none of them."""
        tops = {PurePosixPath(path).parent.parent.parent for path in paths}
        return PurePosixPath(folder).parent in tops and not _ACTIVITY.fullmatch(PurePosixPath(folder).name)


def _parse(path: str) -> FileName | None:
    match = _SEGMENT_PATH.search(path)
    if match is None:
        return None
    activity, subject, segment = (int(group.lstrip("0")[:_MOST_DIGITS] or 0) for group in match.groups())
    return FileName(subject=subject, session=activity, segment=segment)


def _expectation(name: FileName) -> str | None:
    """What the first impossible number should have been; None if all are possible."""
    limits = (
        ("an activity", name.session, NUM_ACTIVITIES),
        ("a subject", name.subject, 999),
        ("a segment", name.segment, 9_999),
    )
    return next((f"{what} from 1 to {most}" for what, number, most in limits if not 1 <= number <= most), None)
