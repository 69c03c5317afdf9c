"""DSADS behind the interface of data sets: one segment a file, one activity a folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from har_core.base.errors import InputError, Problem, counted
from har_core.base.progress import Progress
from har_core.datasets.dataset import Dataset, LooseSegments, ReadFile, ReadRecording
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.dsads.layout import SEGMENT_LENGTH, DsadsNaming
from har_core.datasets.source import Source, SourceFile
from har_core.settings.source import SourceSettings

if TYPE_CHECKING:
    from har_core.datasets.recordings import Outline


class Dsads(Dataset):
    """Text files ``aNN/pN/sNN.txt`` of 125 rows and 45 columns; all activities, or some."""

    spec = DSADS
    naming = DsadsNaming()
    reads_loose = True
    generator = Path(__file__).with_name("synthetic")
    is_at_uci = True

    def __init__(self, activities: Collection[str] | None = None) -> None:
        self._numbers = tuple(
            number for number, name in enumerate(DSADS.activities, 1) if activities is None or name in activities
        )

    def asking_for(self, activities: Collection[str] | None) -> Dsads:
        """The files of other activities are neither asked for nor read."""
        return Dsads(activities)

    @property
    def asked_for(self) -> tuple[str, ...] | None:
        """The activities that are wanted; None for all."""
        is_all = len(self._numbers) == DSADS.num_activities
        return None if is_all else tuple(DSADS.activities[number - 1] for number in self._numbers)

    def choose(self, source: Source) -> Source:
        """Without the segment files of other activities."""
        return source.choose(lambda file: file.name.session in self._numbers)

    def read(self, source: Source, files: Sequence[SourceFile]) -> ReadRecording:
        """Read and parse the files of one recording in one go."""
        from har_core.datasets.dsads.reader import canonical, parse_segments  # noqa: PLC0415 - brings pyarrow
        from har_core.datasets.recordings import Recording  # noqa: PLC0415 - brings NumPy

        names: list[str] = []
        contents: list[bytes] = []
        problems: list[Problem] = []
        for file in files:
            try:
                contents.append(source.read(file))
                names.append(source.name(file))
            except InputError as error:
                problems += error.problems
        texts = [canonical(content) for content in contents]
        try:
            samples = parse_segments(texts, names) if texts else None
        except InputError as error:
            problems += error.problems
        if problems or samples is None:
            raise InputError(f"{source.location}: {counted(len(problems), 'problem')}", problems)
        key = files[0].name.recording
        recording = Recording(subject=key.subject, session=key.session, outline=self.outline(files), samples=samples)
        return ReadRecording(
            recording,
            tuple(
                ReadFile.of(file, content, num_rows=SEGMENT_LENGTH, status=text.status)
                for file, content, text in zip(files, contents, texts, strict=True)
            ),
        )

    def outline(self, files: Sequence[SourceFile]) -> Outline:
        """One activity, in parts of 125 rows."""
        from har_core.datasets.recordings import Outline  # noqa: PLC0415 - brings NumPy

        return Outline.of_parts([file.name.segment for file in files], SEGMENT_LENGTH, files[0].name.session)

    def check_listing(self, source: Source) -> list[Problem]:
        """What no subject does, as one problem; and one for each activity that some subjects lack.

        Segments may be missing. Activities that ``[windows]`` does not use are not asked for.
        """
        present = {(file.name.subject, file.name.session) for file in source.files}
        done = {activity for _, activity in present}
        absent = [activity for activity in self._numbers if activity not in done]
        problems = []
        if absent:
            listed = ", ".join(map(str, absent))
            value = f"no recording of {'activity' if len(absent) == 1 else 'activities'} {listed}, of any subject"
            complete = [number for number in self._numbers if all((who, number) in present for who in source.subjects)]
            names = ", ".join(f'"{DSADS.activities[number - 1]}"' for number in complete)
            expected = f"all {len(self._numbers)} activities that [windows] asks for, from every subject"
            if source.subjects and len(complete) > 1:
                expected += f"; to use only those that every subject has, write in [windows]: activities = [{names}]"
            problems.append(Problem(path=str(source.location), value=value, expected=expected))
        return problems + [
            Problem(
                path=f"{source.location}/a{activity:02d}/p{subject}",
                expected=f"at least one segment of activity {activity} ({DSADS.activities[activity - 1]}) from subject "
                f"{subject}; or, in [windows], activities without it",
            )
            for subject in source.subjects
            for activity in sorted(done)
            if (subject, activity) not in present
        ]

    def read_loose(self, contents: Mapping[str, bytes]) -> LooseSegments:
        """All in one go where all are right."""
        from har_core.datasets.dsads.reader import parse_loose  # noqa: PLC0415 - brings pyarrow

        return parse_loose(contents)

    def make(self, folder: Path, settings: SourceSettings, progress: Progress) -> None:
        """Write made recordings."""
        from har_core.datasets.dsads.synthetic.writer import write_recordings  # noqa: PLC0415 - brings NumPy and polars

        write_recordings(folder, settings, progress)
