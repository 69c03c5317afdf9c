from __future__ import annotations

import gc
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from har_core.base.errors import InputError
from har_core.datasets.dsads.format import Dsads
from har_core.datasets.folders import FolderSource
from har_core.datasets.recordings import Outline, RecordingKey
from har_core.datasets.source import SourceFile
from har_core.dsads import read_recordings

if TYPE_CHECKING:
    from tests.har_core.datasets.conftest import WriteFiles


@pytest.fixture
def folder(tmp_path: Path, segment_text: Callable[[int], bytes], write_files: WriteFiles) -> Path:
    """Subject 2 doing activities 1 and 3, subject 10 activity 1; segment 2 is missing."""
    files = {
        f"a{activity:02d}/p{subject}/s{segment:02d}.txt": segment_text(1000 * subject + 100 * activity + segment)
        for subject, activity in ((10, 1), (2, 3), (2, 1))
        for segment in (10, 1, 3)
    }
    write_files(tmp_path, files)
    return tmp_path


def test_recordings_come_in_order_of_their_keys_with_all_their_samples(
    folder: Path, segment_samples: Callable[[int], np.ndarray]
) -> None:
    recordings = read_recordings(folder)
    assert (len(recordings), recordings.origin) == (3, "real")
    assert tuple(recordings.outlines) == ((2, 1), (2, 3), (10, 1))
    for key, recording in zip(recordings.outlines, recordings, strict=True):
        assert (recording.subject, recording.session) == recording.key == key
        assert recording.outline == Outline.of_parts((1, 3, 10), 125, recording.session)
        seeds = [1000 * recording.subject + 100 * recording.session + segment for segment in recording.outline.segments]
        np.testing.assert_array_equal(recording.samples, np.concatenate([segment_samples(seed) for seed in seeds]).T)


def test_segments_are_known_before_a_recording_is_read(folder: Path) -> None:
    outlines = read_recordings(folder).outlines
    assert list(outlines) == [(2, 1), (2, 3), (10, 1)]
    assert all(outline == Outline.of_parts((1, 3, 10), 125, key.session) for key, outline in outlines.items())


def test_recordings_can_be_iterated_again_and_loaded_by_name(folder: Path) -> None:
    recordings = read_recordings(str(folder))
    first, second = list(recordings), list(recordings)
    np.testing.assert_array_equal(first[1].samples, second[1].samples)
    np.testing.assert_array_equal(recordings.load(RecordingKey(2, 3)).samples, first[1].samples)
    with pytest.raises(KeyError):
        recordings.load(RecordingKey(2, 2))


def test_only_the_files_of_a_recording_that_is_asked_for_are_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, asked = FolderSource.read, []

    def noted(source: FolderSource, file: SourceFile) -> bytes:
        asked.append(file.name[:3])
        return read(source, file)

    monkeypatch.setattr(FolderSource, "read", noted)
    recordings = read_recordings(folder)
    assert asked == []
    next(iter(recordings))
    assert asked == [(2, 1, 1), (2, 1, 3), (2, 1, 10)]


def test_all_problems_of_a_recording_are_named_at_once(folder: Path, write_files: WriteFiles) -> None:
    right = (folder / "a03/p2/s01.txt").read_bytes()
    wrong: Mapping[str, bytes] = {"a03/p2/s01.txt": b"", "a03/p2/s10.txt": right.replace(b"\n", b",1\n", 1)}
    write_files(folder, wrong)
    (folder / "a03/p2/s03.txt").unlink()
    (folder / "a03/p2/s03.txt").symlink_to("nowhere")
    recordings = read_recordings(folder)
    assert recordings.load(RecordingKey(2, 1)).outline.segments == (1, 3, 10)
    with pytest.raises(InputError, match="3 problems in subject 2, session 3") as caught:
        recordings.load(RecordingKey(2, 3))
    assert sorted((problem.path, problem.line, problem.column) for problem in caught.value.problems) == [
        (f"{folder}/a03/p2/s01.txt", None, None),
        (f"{folder}/a03/p2/s03.txt", None, None),
        (f"{folder}/a03/p2/s10.txt", 1, 46),
    ]


def test_a_recording_of_which_a_file_cannot_be_read_is_refused(folder: Path) -> None:
    (folder / "a03/p2/s03.txt").unlink()
    (folder / "a03/p2/s03.txt").symlink_to("nowhere")
    with pytest.raises(InputError, match="1 problem in subject 2, session 3"):
        read_recordings(folder).load(RecordingKey(2, 3))


def test_a_zip_can_be_read_too(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("zip") / "recordings.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for file in folder.rglob("*.txt"):
            archive.write(file, file.relative_to(folder))
    for one, other in zip(read_recordings(path), read_recordings(folder), strict=True):
        np.testing.assert_array_equal(one.samples, other.samples)
    gc.collect()  # a file left open would warn


def test_an_open_source_can_be_read_too(folder: Path) -> None:
    with Dsads().open(folder) as source:
        assert len(list(read_recordings(source))) == 3
