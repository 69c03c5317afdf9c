"""The pilot: made files that its card reads, and what such recordings have that DSADS has not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from har_core.base.errors import InputError
from har_core.base.progress import silent
from har_core.datasets.dataset import read_recordings
from har_core.datasets.pilot.format import CARD, Pilot
from har_core.datasets.pilot.generator import MOTIONS, make_session, write_recordings
from har_core.datasets.recordings import Recordings
from har_core.settings.source import SourceSettings
from har_core.windows.regular import regular

SETTINGS = SourceSettings(dataset="pilot", num_subjects=3, num_segments=2)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Recordings:
    pilot = Pilot.from_file(CARD)
    return read_recordings(pilot, pilot.acquire(SETTINGS, None, tmp_path_factory.mktemp("raw")))


def test_the_card_knows_the_activities_of_the_generator() -> None:
    assert set(Pilot.from_file(CARD).spec.activities) == set(MOTIONS)


def test_people_with_odd_numbers_come_twice(recordings: Recordings) -> None:
    assert list(recordings.outlines) == [(1, 1), (1, 2), (2, 1), (3, 1), (3, 2)]
    assert recordings.origin == "synthetic"


def test_every_session_has_each_activity_for_as_long_as_asked(recordings: Recordings) -> None:
    for recording in recordings:
        labels = recording.outline.row_labels()
        assert [int((labels == number).sum()) for number in (1, 2, 3, 4)] == [2 * 5 * 50] * 4
        assert (labels == 0).sum() > 8 * 3 * 50 * 0.9  # nobody labels what lies between


def test_streams_have_gaps_and_missing_values(recordings: Recordings) -> None:
    made = regular(recordings)
    assert made.num_gaps == len(recordings)  # each loses some seconds once
    assert made.num_interpolated > 0
    assert all(not np.isnan(recording.samples).any() for recording in made.recordings)


def test_the_same_seed_gives_the_same_bytes_and_more_people_change_none(tmp_path: Path) -> None:
    write_recordings(tmp_path / "few", SETTINGS, silent)
    write_recordings(tmp_path / "more", SETTINGS.model_copy(update={"num_subjects": 4}), silent)
    few = {path.name: path.read_bytes() for path in (tmp_path / "few").glob("*.csv")}
    more = {path.name: path.read_bytes() for path in (tmp_path / "more").glob("*.csv")}
    assert few.items() < more.items()
    other = make_session(seed=1, subject=1, session=1, num_segments=2)
    assert not other.equals(make_session(seed=0, subject=1, session=1, num_segments=2))


def test_a_folder_that_was_not_made_here_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "own.txt").touch()
    with pytest.raises(InputError, match="not made here"):
        write_recordings(tmp_path, SETTINGS, silent)
    assert [path.name for path in tmp_path.iterdir()] == ["own.txt"]
