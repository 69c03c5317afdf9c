"""What ``har dataset`` and ``har init`` do: looks at recordings as a data set describes them, and starts a project."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from har_core.base.errors import InputError, Problem, counted
from har_core.base.files import write_text
from har_core.datasets.cards.drafting import FILL_IN, draft_card
from har_core.datasets.cards.streams import MOST_STEPS, measured_rate, usual_step
from har_core.datasets.catalogue import find_dataset, list_datasets
from har_core.datasets.dataset import Dataset
from har_core.datasets.recordings import Outline, Recording, RecordingKey
from har_core.datasets.source import Source
from har_core.spec.dataset import DatasetSpec

_MOST_SHOWN = 20
_EXPERIMENT = """\
# Change what you like; har run says what is wrong. Every setting: docs/experiment_file.md.

[source]
kind = "files"
dataset = "{card}"

[windows]
length_s = 2.5          # seconds
overlap = 0.5
{splits}
[models]
architectures = ["lda", "extra_trees", "tinierhar"]

[report]
title = "{name}"
"""
_SPLITS = """
[splits]
validation_subjects = {validation}
test_subjects = {test}
"""
_README = """\
# {name}

- `{card}` describes the recordings. Complete what is marked FILL IN, then look whether they are understood:
  `har dataset check {card} --data {data}`
- `experiment.toml` says what is made of them: `har run experiment.toml --data {data}`
"""


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
    notes: list[str] = field(default_factory=list)

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
    """What ``dataset`` finds at ``data``, and everything that is wrong with it.

    Raises:
        InputError: the place cannot be listed, or its names are wrong.
    """
    spec = dataset.spec
    with dataset.open(data) as source:
        found = _begin(spec, source)
        problems = dataset.check_listing(source)
        outlines = dict[RecordingKey, Outline]()
        for key, files in source.by_recording().items():
            try:
                recording = dataset.read(source, files).recording
            except InputError as error:
                problems += error.problems
                continue
            outlines[key] = recording.outline
            found.add(recording, spec)
        problems += [] if problems else dataset.check_outlines(outlines)
    found.minutes = found.num_rows / spec.sampling_rate_hz / 60
    found.notes = list(_notes(found, spec))
    return found, list(dict.fromkeys(problems))


def _begin(spec: DatasetSpec, source: Source) -> Survey:
    unmatched = [*source.loose, *source.others]
    return Survey(
        name=spec.name,
        location=str(source.location),
        num_files=len(source.files),
        num_unmatched=len(unmatched),
        unmatched=unmatched[:_MOST_SHOWN],
        claimed_hz=spec.sampling_rate_hz,
    )


def _notes(found: Survey, spec: DatasetSpec) -> Iterator[str]:
    """What is no mistake, but good to know."""
    none = spec.activity_name(0)
    for subject, rows in sorted(found.rows.items()):
        own = [name for name in rows if name != none or spec.none_is_class]
        if len(own) == 1:
            yield f"subject {subject} does nothing but {own[0]}"
    done = {name for rows in found.rows.values() for name in rows}
    yield from (f"nobody does {name}" for name in spec.activities if name not in done)
    for name, values in found.channels.items():
        if values.num_beyond_limit:
            yield f"{name} is beyond its limit in {counted(values.num_beyond_limit, 'row')}"


def as_json(found: Survey, problems: list[Problem]) -> dict[str, Any]:
    """A survey for programs."""
    return {**asdict(found), "problems": [asdict(problem) for problem in problems]}


def as_lines(found: Survey, spec: DatasetSpec) -> Iterator[str]:
    """A survey for people."""
    yield f"{found.location} as {spec.title} ({found.name})"
    others = ", ".join(found.unmatched[:5]) + (" …" if found.num_unmatched > 5 else "")  # noqa: PLR2004
    yield f"Files:       {found.num_files} match, {found.num_unmatched} do not" + (f": {others}" if others else "")
    yield f"Recordings:  {found.num_recordings}, {found.num_rows:,} rows, {found.minutes:,.1f} minutes"
    measured = "no timestamps"
    if found.measured_hz is not None:
        measured = f"measured {found.measured_hz[0]:.4g} to {found.measured_hz[1]:.4g}"
    yield f"Rate (Hz):   {found.claimed_hz:g} claimed, {measured}"
    if found.measured_hz is not None:
        longest = f", the longest {found.longest_gap_s:.1f} s" if found.num_gaps else ""
        yield f"Gaps:        {found.num_gaps} of more than {MOST_STEPS} steps{longest}"
    yield from ("", *_minutes(found, spec), "")
    width = max(map(len, found.channels), default=7)
    yield f"{'channel':<{width}}  {'lowest':>10}  {'highest':>10}  {'missing':>8}  unit"
    units = {channel.name: channel.unit for channel in spec.channels}
    for name, values in found.channels.items():
        low, high = ("–" if value is None else f"{value:.4g}" for value in (values.lowest, values.highest))
        missing = f"{values.num_missing / max(found.num_rows, 1):.1%}"
        yield f"{name:<{width}}  {low:>10}  {high:>10}  {missing:>8}  {units[name]}".rstrip()
    yield from (f"Note: {note}" for note in found.notes)


def _minutes(found: Survey, spec: DatasetSpec) -> Iterator[str]:
    """Minutes by activity, a column for each subject."""
    per_minute = 60 * spec.sampling_rate_hz
    names = list(dict.fromkeys((*spec.activities, spec.activity_name(0))))
    names = [name for name in names if any(name in rows for rows in found.rows.values())]
    width = max(map(len, ("minutes", *names)))
    subjects = sorted(found.rows)
    yield f"{'minutes':<{width}}  {'all':>7}" + "".join(f"  {f's{subject}':>6}" for subject in subjects)
    for name in names:
        rows = [found.rows[subject].get(name, 0) for subject in subjects]
        cells = "".join(f"  {own / per_minute:>6.1f}" if own else f"  {'–':>6}" for own in rows)
        yield f"{name:<{width}}  {sum(rows) / per_minute:>7.1f}{cells}"


def describe(name: str) -> Iterator[str]:
    """A data set for people."""
    spec = find_dataset(name, relative_to=Path()).spec
    yield f"{spec.title} ({spec.name})"
    yield from (f"{what}: {text}" for what, text in (("Citation", spec.citation), ("Licence", spec.licence)) if text)
    yield f"Sampling rate: {spec.sampling_rate_hz:g} Hz"
    yield f"Channels: {spec.num_channels}"
    for place in spec.places:
        own = [channel for channel in spec.channels if channel.place == place]
        kinds = Counter((channel.sensor, channel.unit) for channel in own)
        told = ", ".join(f"{number} {kind}" + (f" ({unit})" if unit else "") for (kind, unit), number in kinds.items())
        yield f"  {spec.words_of_place(place)}: {told}"
    yield f"Activities: {spec.num_activities}"
    yield from (f"  {number:>3}  {activity}" for number, activity in enumerate(spec.activities, start=1))
    if spec.none is not None:
        yield f"None of these: {spec.none}"


def titles() -> Mapping[str, DatasetSpec]:
    """The descriptions of all data sets that have a name."""
    return {name: find_dataset(name, relative_to=Path()).spec for name in list_datasets()}


def draft(location: Path, output: Path | None) -> str:
    """A card for the files at ``location``, written to ``output`` if that is named.

    Raises:
        InputError: there are no text files of numbers, or ``output`` is there already.
    """
    if output is not None:
        _refuse_existing([output])
    text = draft_card(location)
    if output is not None:
        write_text(output, text)
    return text


def start_project(directory: Path, data: Path | None) -> list[Path]:
    """Write an experiment file, a card and a README; the card is a draft for ``data``, or an example to be completed.

    Raises:
        InputError: one of them is there already.
    """
    name = directory.absolute().name or "recordings"
    card, experiment, readme = directory / "card.toml", directory / "experiment.toml", directory / "README.md"
    _refuse_existing([card, experiment, readme])
    text = _EXAMPLE if data is None else draft_card(data)
    told = {"name": name, "card": card.name, "data": data or "FOLDER_OR_ZIP"}
    write_text(card, text)
    splits = _SPLITS.format(validation="[2]", test=f"[1]        {FILL_IN}: subjects of your set")
    write_text(experiment, _EXPERIMENT.format(**told, splits=splits))
    write_text(readme, _README.format(**told))
    return [experiment, card, readme]


def _refuse_existing(paths: list[Path]) -> None:
    problems = [Problem(path=str(path), value="a file", expected="none yet") for path in paths if path.exists()]
    if problems:
        raise InputError("Nothing was written, because nothing is replaced", problems)


_EXAMPLE = f"""\
# A card: it says how your text files become recordings. Change everything that is marked FILL IN.

name = "my_recordings"
title = "My recordings"  {FILL_IN}
citation = ""
licence = ""
sampling_rate_hz = 50  {FILL_IN}: rows a second
# none = "other"  {FILL_IN}: the name of rows that are none of the activities, if there are any

[activities]  {FILL_IN}: label as the files write it = name
1 = "sitting"
2 = "walking"

[files]  {FILL_IN}: paths as s01/s01_walk1.csv
pattern = "s{{subject}}/s{{subject}}_{{session}}.csv"
header_lines = 1
# time = "timestamp"
# time_unit = "ms"

[labels]
column = "label"

[[channels]]  {FILL_IN}: one for each sensor
columns = ["acc_x", "acc_y", "acc_z"]
place = "wrist"
sensor = "acc"
unit = "m/s²"
"""
