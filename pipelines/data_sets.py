"""What ``har dataset`` does: looks at recordings as a data set describes them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from textwrap import shorten, wrap
from typing import Any

import numpy as np

from har_core.base.ahead import ahead
from har_core.base.errors import InputError, Problem, counted
from har_core.datasets.cards.streams import MOST_STEPS, measured_rate, usual_step
from har_core.datasets.catalogue import find_dataset, list_datasets
from har_core.datasets.dataset import Dataset
from har_core.datasets.manifest import NUM_THREADS
from har_core.datasets.recordings import Outline, Recording, RecordingKey
from har_core.datasets.source import Source, SourceFile
from har_core.spec.dataset import DatasetSpec
from har_core.splits.names import ONE_SUBJECT

_MOST_SHOWN = 20
_WIDTH = 100


@dataclass(slots=True)
class ChannelRange:
    """What values of a channel are there."""

    lowest: float | None = None
    highest: float | None = None
    num_missing: int = 0
    num_beyond_limit: int = 0

    def add(self, values: np.ndarray[Any, Any], limit: float | None) -> None:
        """Take (R,) values in; NaN is missing."""
        self.num_missing += int(np.isnan(values).sum())
        low, high = float(np.fmin.reduce(values)), float(np.fmax.reduce(values))
        if not np.isnan(low):
            self.lowest = low if self.lowest is None else min(low, self.lowest)
            self.highest = high if self.highest is None else max(high, self.highest)
        if limit is not None:
            self.num_beyond_limit += int((np.abs(values) > limit).sum())


@dataclass(slots=True)
class Survey:
    """What a data set finds in a place."""

    name: str
    location: str
    num_files: int = 0
    num_unmatched: int = 0
    unmatched: list[str] = field(default_factory=list)
    """The first paths of files that are not of the data set."""
    num_recordings: int = 0
    num_rows: int = 0
    minutes: float = 0.0
    claimed_hz: float = 0.0
    measured_hz: tuple[float, float] | None = None
    """The lowest and highest rate of a recording; None without timestamps."""
    num_gaps: int = 0
    longest_gap_s: float = 0.0
    rows: dict[int, dict[str, int]] = field(default_factory=dict)
    """By subject and activity."""
    channels: dict[str, ChannelRange] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def add(self, recording: Recording, spec: DatasetSpec) -> None:
        """Take a recording in."""
        self.num_recordings += 1
        self.num_rows += recording.outline.num_rows
        for run in recording.outline.labels:
            own, name = self.rows.setdefault(recording.subject, {}), spec.activity_name(run.activity)
            own[name] = own.get(name, 0) + run.num_rows
        for channel, values in zip(spec.channels, recording.samples, strict=True):
            self.channels.setdefault(channel.name, ChannelRange()).add(values, channel.limit)
        times = recording.times
        if times is None or len(times) < 2:  # noqa: PLR2004 - no step
            return
        rate = measured_rate(times, spec.sampling_rate_hz)
        if rate is not None:
            low, high = self.measured_hz or (rate, rate)
            self.measured_hz = min(low, rate), max(high, rate)
        steps = np.diff(times)
        gaps = steps[steps > MOST_STEPS * max(usual_step(times), 1 / spec.sampling_rate_hz)]
        self.num_gaps += len(gaps)
        self.longest_gap_s = max([self.longest_gap_s, *map(float, gaps)])


def survey(dataset: Dataset, data: Path) -> tuple[Survey, list[Problem]]:
    """What ``dataset`` finds at ``data``, and everything that is wrong with it."""
    spec = dataset.spec
    found = Survey(name=spec.name, location=str(data), claimed_hz=spec.sampling_rate_hz)
    try:
        with dataset.open(data) as source:
            problems = _look(found, dataset, source)
    except InputError as error:
        return found, list(error.problems)
    found.minutes = found.num_rows / spec.sampling_rate_hz / 60
    found.warnings = list(_warnings(found, spec, problems))
    return found, problems


def _look(found: Survey, dataset: Dataset, source: Source) -> list[Problem]:
    """Read everything into ``found``; returns what is wrong."""
    others = [*source.loose, *source.others]
    found.num_files, found.num_unmatched, found.unmatched = len(source.files), len(others), others[:_MOST_SHOWN]
    problems = dataset.check_listing(source)
    outlines = dict[RecordingKey, Outline]()
    groups = source.by_recording()
    with closing(ahead(partial(_read, dataset, source), groups.values(), num_threads=NUM_THREADS)) as results:
        for key, read in zip(groups, results, strict=True):
            if isinstance(read, InputError):
                problems += read.problems
                continue
            outlines[key] = read.outline
            found.add(read, dataset.spec)
    return list(dict.fromkeys(problems)) or dataset.check_outlines(outlines)


def _read(dataset: Dataset, source: Source, files: Sequence[SourceFile]) -> Recording | InputError:
    try:
        return dataset.read(source, files).recording
    except InputError as error:
        return error


def _warnings(found: Survey, spec: DatasetSpec, problems: Sequence[Problem]) -> Iterator[str]:
    """What is no mistake, but good to know, and what can be done nevertheless."""
    if not found.num_recordings:
        return
    none = spec.activity_name(0)
    for subject, rows in sorted(found.rows.items()):
        own = [name for name in rows if name != none or spec.none_is_class]
        if len(own) == 1:
            yield (
                f"subject {subject} does nothing but {own[0]}: good to train with; a test on this subject alone "
                "tells of one activity, so let others test beside it (protocol group, or test_subjects)"
            )
        elif not own:
            yield f"subject {subject} does none of the activities: nothing is learned from these recordings"
    if not problems:  # else others may be there
        if len(found.rows) == 1:
            yield (
                f"one subject: no split by subject, so no score tells of other people; {ONE_SUBJECT}, and that only "
                "to look: it flatters"
            )
        if found.num_recordings == 1:
            yield "one session: no score tells of another day, or of sensors put on again"
        done = {name for rows in found.rows.values() for name in rows}
        yield from (f"nobody does {name}" for name in spec.activities if name not in done)
    for name, values in found.channels.items():
        if values.num_beyond_limit:
            yield f"{name} is beyond its limit in {counted(values.num_beyond_limit, 'row')}"


def folded(problems: Sequence[Problem]) -> list[Problem]:
    """The same, but a problem that many files share once: at the first of them, with the number of the others."""
    first = dict[tuple[str | None, str], Problem]()
    others = defaultdict[tuple[str | None, str], set[str]](set)
    kept = list[Problem]()
    for problem in problems:
        key = problem.value, problem.expected
        if first.setdefault(key, problem).path == problem.path:
            kept.append(problem)
        else:
            others[key].add(problem.path)
    for index, problem in enumerate(kept):
        key = problem.value, problem.expected
        if first[key] is problem and others[key]:
            more = f"; and so in {counted(len(others[key]), 'other file')}"
            kept[index] = replace(problem, expected=problem.expected + more)
    return kept


def as_json(found: Survey, problems: list[Problem]) -> dict[str, Any]:
    """A survey for programs."""
    return {**asdict(found), "problems": [asdict(problem) for problem in problems]}


def as_lines(found: Survey, spec: DatasetSpec, width: int = _WIDTH) -> Iterator[str]:
    """A survey for people, in lines of ``width``."""
    yield from _wrapped("Data set:    ", f"{spec.title} ({found.name})", width)
    yield f"Place:       {found.location}"
    others = ", ".join(found.unmatched[:5]) + (" …" if found.num_unmatched > 5 else "")  # noqa: PLR2004
    matches = f"{found.num_files} match, {found.num_unmatched} do not" + (f": {others}" if others else "")
    yield from _wrapped("Files:       ", matches, width)
    yield f"Recordings:  {found.num_recordings}, {found.num_rows:,} rows, {found.minutes:,.1f} minutes"
    if not found.num_recordings:
        return
    measured = "no timestamps"
    if found.measured_hz is not None:
        measured = f"measured {found.measured_hz[0]:.4g} to {found.measured_hz[1]:.4g}"
    yield f"Rate (Hz):   {found.claimed_hz:g} claimed, {measured}"
    if found.measured_hz is not None:
        longest = f", the longest {found.longest_gap_s:.1f} s" if found.num_gaps else ""
        yield f"Gaps:        {found.num_gaps} of more than {MOST_STEPS} steps{longest}"
    yield from ("", *_minutes(found, spec, width), "")
    longest_name = max(map(len, ("channel", *found.channels)))
    yield f"{'channel':<{longest_name}}  {'lowest':>10}  {'highest':>10}  {'missing':>8}  unit"
    units = {channel.name: channel.unit for channel in spec.channels}
    for name, values in found.channels.items():
        low, high = ("–" if value is None else f"{value:.4g}" for value in (values.lowest, values.highest))
        missing = f"{values.num_missing / max(found.num_rows, 1):.1%}"
        yield f"{name:<{longest_name}}  {low:>10}  {high:>10}  {missing:>8}  {units[name]}".rstrip()
    for warning in found.warnings:
        yield from _wrapped("Warning: ", warning, width)


def _minutes(found: Survey, spec: DatasetSpec, width: int) -> Iterator[str]:
    """Minutes by activity, a column for each subject; as many tables as fit the width."""
    per_minute = 60 * spec.sampling_rate_hz
    names = list(dict.fromkeys((*spec.activities, spec.activity_name(0))))
    names = [name for name in names if any(name in rows for rows in found.rows.values())]
    longest_name, subjects = max(map(len, ("minutes", *names))), sorted(found.rows)
    together = max(1, (width - longest_name - 9) // 8)
    for begin in range(0, len(subjects), together):
        own = subjects[begin : begin + together]
        yield from [""] if begin else []
        yield f"{'minutes':<{longest_name}}  {'all':>7}" + "".join(f"  {f's{subject}':>6}" for subject in own)
        for name in names:
            cells = "".join(f"  {_shown(found.rows[subject].get(name, 0) / per_minute):>6}" for subject in own)
            total = sum(rows.get(name, 0) for rows in found.rows.values()) / per_minute
            yield f"{name:<{longest_name}}  {total:>7.1f}{cells}"


def _shown(minutes: float) -> str:
    return f"{minutes:.1f}" if minutes else "–"


def _wrapped(head: str, text: str, width: int) -> list[str]:
    """Lines of which the first begins with ``head``, and the others are as far to the right."""
    indent = " " * len(head)
    return wrap(f"{head}{text}", width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def describe(name: str, width: int = _WIDTH) -> Iterator[str]:
    """A data set for people, in lines of ``width``."""
    spec = find_dataset(name, relative_to=Path()).spec
    yield from _wrapped("", f"{spec.title} ({spec.name})", width)
    for what, text in (("Citation", spec.citation), ("Licence", spec.licence)):
        yield from _wrapped(f"{what}: ", text, width) if text else []
    yield f"Sampling rate: {spec.sampling_rate_hz:g} Hz"
    yield f"Channels: {spec.num_channels}"
    for place in spec.places:
        own = [channel for channel in spec.channels if channel.place == place]
        kinds = Counter((channel.sensor, channel.unit) for channel in own)
        told = ", ".join(f"{number} {kind}" + (f" ({unit})" if unit else "") for (kind, unit), number in kinds.items())
        yield from _wrapped("    ", f"{spec.words_of_place(place)}: {told}", width)
    yield f"Activities: {spec.num_activities}"
    yield from (f"  {number:>3}  {activity}" for number, activity in enumerate(spec.activities, start=1))
    if spec.none is not None:
        yield f"None of these: {spec.none}"


def as_table(known: Mapping[str, DatasetSpec], width: int = _WIDTH) -> Iterator[str]:
    """Data sets by name, a line of ``width`` each."""
    longest_name = max(map(len, known))
    yield f"{'name':<{longest_name}}  activities  channels     Hz  title"
    for name, spec in known.items():
        numbers = f"{spec.num_activities:>10}  {spec.num_channels:>8}  {spec.sampling_rate_hz:>5g}"
        title = shorten(spec.title, max(width - longest_name - 31, 20), placeholder=" …")
        yield f"{name:<{longest_name}}  {numbers}  {title}"


def titles() -> Mapping[str, DatasetSpec]:
    """The descriptions of all data sets that have a name."""
    return {name: find_dataset(name, relative_to=Path()).spec for name in list_datasets()}
