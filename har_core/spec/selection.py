"""The description of windows, made from that of recordings: which activities, and what becomes of "none of these"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from har_core.base.errors import InputError, Problem
from har_core.base.names import hint
from har_core.spec.dataset import DatasetSpec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Activities = Sequence[str] | Mapping[str, Sequence[str]]
"""Names of activities, or new names and what each of them merges; in class order."""
_ROUNDING = 1e-6
"""Samples by which arithmetic may miss a whole number."""
NoneRule = Literal["drop", "class", "test"]
"""What becomes of rows that are none of the activities: ``[windows] none`` of the experiment file."""


def spec_of_windows(
    spec: DatasetSpec,
    *,
    activities: Activities | None = None,
    none: NoneRule = "drop",
    sampling_rate_hz: float | None = None,
) -> DatasetSpec:
    """The description of windows of recordings that ``spec`` describes; the same where nothing is asked for.

    Args:
        spec: of the recordings.
        activities: those that are cut, in class order; None takes all. What is not named is left out.
        none: whether rows without an activity make a class, which is called as ``spec.none`` says and comes last unless
            ``activities`` has one of that name.
        sampling_rate_hz: of the windows; None for that of the recordings. Parts of a fixed length are divided alike.

    Raises:
        InputError: an activity is unknown, comes twice or there is none, the data set has no label for rows that are
            none of its activities, or parts would not have a whole number of samples; every problem is named.
    """
    problems = _problems(spec, activities, none)
    length = spec.segment_length
    if length is not None and sampling_rate_hz is not None:
        exact = length * sampling_rate_hz / spec.sampling_rate_hz
        length = round(exact)
        if abs(length - exact) > _ROUNDING or not length:
            expected = f"a rate at which the parts of {spec.segment_length} samples at {spec.sampling_rate_hz:g} Hz"
            value = f"{sampling_rate_hz:g}"
            problems.append(
                Problem(path="windows.sampling_rate_hz", value=value, expected=f"{expected} have whole samples")
            )
    if problems:
        raise InputError(f"The windows cannot be of this selection from {spec.name}", problems)
    names = tuple(_merged(spec, activities, none))
    rate = spec.sampling_rate_hz if sampling_rate_hz is None else float(sampling_rate_hz)
    changed = {"activities": names, "sampling_rate_hz": rate, "segment_length": length}
    return spec if changed.items() <= dict(spec).items() else spec.replaced(**changed)


def label_map(
    spec: DatasetSpec, *, activities: Activities | None = None, none: NoneRule = "drop"
) -> npt.NDArray[np.int8]:
    """From activity numbers of recordings (K + 1,) to those of windows of :func:`spec_of_windows`; 0: left out.

    >>> from har_core.spec.dataset import Channel
    >>> spec = DatasetSpec(
    ...     name="steps",
    ...     title="Steps",
    ...     sampling_rate_hz=50.0,
    ...     channels=(Channel(name="acc", place="wrist", sensor="acc"),),
    ...     activities=("sitting", "up", "down"),
    ...     none="other",
    ... )
    >>> label_map(spec, activities={"stairs": ["up", "down"]}, none="class").tolist()
    [2, 0, 1, 1]
    """
    import numpy as np  # noqa: PLC0415 - the description of windows needs none of it

    numbers = np.zeros(spec.num_activities + 1, dtype=np.int8)
    for number, merged in enumerate(_merged(spec, activities, none).values(), start=1):
        numbers[list(merged)] = number
    return numbers


def _merged(spec: DatasetSpec, activities: Activities | None, none: NoneRule) -> dict[str, list[int]]:
    """The activity numbers of recordings that each activity of windows takes, in class order."""
    number_of = {name: number for number, name in enumerate(spec.activities, start=1)}
    merged = {name: [number_of[old] for old in olds] for name, olds in _by_new_name(spec, activities).items()}
    if none != "drop" and spec.none is not None:
        merged.setdefault(spec.none, []).extend([0, number_of.get(spec.none, 0)])
    return merged


def _by_new_name(spec: DatasetSpec, activities: Activities | None) -> Mapping[str, Sequence[str]]:
    if isinstance(activities, Mapping):
        return activities
    return {name: (name,) for name in (spec.activities if activities is None else activities)}


def _problems(spec: DatasetSpec, activities: Activities | None, none: NoneRule) -> list[Problem]:
    found: list[Problem] = []
    path, seen = "windows.activities", set[str]()
    if isinstance(activities, Mapping):
        written = [(f"{path}.{new}[{i}]", old) for new, olds in activities.items() for i, old in enumerate(olds)]
        found += [
            Problem(path=f"{path}.{new}", value="[]", expected="at least one activity to merge")
            for new, olds in activities.items()
            if not olds
        ]
    else:
        written = [(f"{path}[{i}]", name) for i, name in enumerate(activities or ())]
    if activities is not None and not activities:
        found.append(Problem(path=path, value="none", expected="at least one activity"))
    for place, name in written:
        if name not in spec.activities:
            expected = f"an activity of {spec.name}{hint(name, spec.activities)}"
            found.append(Problem(path=place, value=name, expected=expected))
        elif name in seen:
            found.append(Problem(path=place, value=name, expected="each activity once"))
        seen.add(name)
    if none != "drop" and isinstance(activities, Mapping):
        found += [
            Problem(path=f"{path}.{new}", value=spec.none, expected=f'without it, or none = "drop", not "{none}"')
            for new, olds in activities.items()
            if spec.none in olds and new != spec.none
        ]
    if none != "drop" and spec.none is None:
        expected = f"drop: {spec.name} has no label for rows that are none of its activities"
        found.append(Problem(path="windows.none", value=none, expected=expected))
    return found
