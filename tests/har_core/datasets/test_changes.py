from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_core.base.errors import InputError, Problem
from har_core.datasets.changes import Changes, compare
from har_core.datasets.dsads.format import Dsads
from har_core.datasets.dsads.layout import segment_path
from har_core.datasets.manifest import Manifest, ManifestRow, ingest, read_manifest
from har_core.datasets.origin import SYNTHETIC_MARKER, Origin
from har_core.datasets.source import FileName, Source, SourceFile

if TYPE_CHECKING:
    from tests.har_core.datasets.conftest import WriteFiles

FIRST, SECOND, LAST = "a01/p1/s01.txt", "a02/p1/s01.txt", "a19/p2/s01.txt"
KEYS = [FileName(subject, activity, 1) for subject in (1, 2) for activity in (1, 2, 3)]

Listed = Mapping[FileName, tuple[bytes, int]]
"""Content of each file, and how often it was written."""


def path_of(key: FileName) -> str:
    return segment_path(subject=key.subject, activity=key.session, segment=key.segment)


class InMemory(Source):
    """A source that remembers what was read."""

    def __init__(self, listed: Listed, origin: Origin = "real") -> None:
        self.origin = origin
        self.were_read: set[FileName] = set()
        self.contents = {key: content for key, (content, _) in listed.items()}
        self.files = tuple(
            SourceFile(name=key, path=path_of(key), num_bytes=len(content), marker=str(written))
            for key, (content, written) in sorted(listed.items())
        )

    def read(self, file: SourceFile) -> bytes:
        self.were_read.add(file.name)
        return self.contents[file.name]

    def read_loose(self, path: str) -> bytes:
        raise KeyError(path)


class Broken(InMemory):
    def read(self, file: SourceFile) -> bytes:
        raise InputError("cannot be read", [Problem(path=file.path, expected="a file that can be read")])


def manifest_of(listed: Listed, origin: Origin = "real") -> Manifest:
    rows = [
        ManifestRow(
            **key._asdict(),
            path=path_of(key),
            num_bytes=len(content),
            marker=str(written),
            sha256=hashlib.sha256(content).hexdigest(),
            num_rows=125,
            status="ok",
        )
        for key, (content, written) in sorted(listed.items())
    ]
    version = Dsads().version
    return Manifest(rows=tuple(rows), origin=origin, reference="dsads", asked_for=None, version=version, samples="")


# --- Whatever happened to the files -----------------------------------------------------------------------------------


@given(
    before=st.dictionaries(st.sampled_from(KEYS), st.sampled_from([b"one", b"two", b"longer"])),
    written=st.dictionaries(st.sampled_from(KEYS), st.sampled_from([b"one", b"two", b"longer"])),
    removed=st.sets(st.sampled_from(KEYS)),
)
def test_what_was_written_is_read_and_what_is_other_is_told(
    before: dict[FileName, bytes], written: dict[FileName, bytes], removed: set[FileName]
) -> None:
    earlier = {key: (content, 1) for key, content in before.items()}
    now = earlier | {key: (content, 2) for key, content in written.items()}
    now = {key: entry for key, entry in now.items() if key not in removed}
    source = InMemory(now)
    changes = compare(Dsads(), source, manifest_of(earlier))

    rewritten = {key for key in now.keys() & before.keys() if key in written}
    changed = {key for key in rewritten if now[key][0] != before[key]}
    assert set(changes.changed) == {path_of(key) for key in changed}
    assert set(changes.touched) == {path_of(key) for key in rewritten - changed}
    assert set(changes.added) == {path_of(key) for key in now.keys() - before.keys()}
    assert set(changes.removed) == {path_of(key) for key in before.keys() - now.keys()}
    assert changes.is_empty == ({key: entry[0] for key, entry in now.items()} == before)
    assert source.were_read == {key for key in rewritten if len(now[key][0]) == len(before[key])}


def test_paths_are_in_the_order_of_the_manifest() -> None:
    later = dict.fromkeys(reversed(KEYS), (b"other", 2))
    in_order = tuple(path_of(key) for key in sorted(KEYS))
    assert compare(Dsads(), InMemory(later), manifest_of(dict.fromkeys(KEYS, (b"first", 1)))).changed == in_order
    assert compare(Dsads(), InMemory(later), manifest_of({})).added == in_order


def test_another_origin_is_a_change() -> None:
    listed = {KEYS[0]: (b"one", 1)}
    changes = compare(Dsads(), InMemory(listed, "synthetic"), manifest_of(listed, "real"))
    assert (changes.new_origin, changes.changed, changes.is_empty) == ("synthetic", (), False)
    assert str(changes) == "the recordings are synthetic now"


def test_a_manifest_without_markers_has_every_file_read() -> None:
    listed = {key: (path_of(key).encode(), 1) for key in KEYS}
    manifest = manifest_of(listed)
    source = InMemory(listed)
    changes = compare(Dsads(), source, replace(manifest, rows=tuple(replace(row, marker="") for row in manifest.rows)))
    assert changes.is_empty
    assert source.were_read == set(KEYS)


def test_a_file_that_cannot_be_read_counts_as_changed() -> None:
    earlier = dict.fromkeys(KEYS, (b"one", 1))
    changes = compare(Dsads(), Broken(earlier | {KEYS[0]: (b"one", 2)}), manifest_of(earlier))
    assert changes == Changes(changed=(path_of(KEYS[0]),))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (Changes(), "same content"),
        (Changes(touched=(FIRST, LAST)), "same content; 2 files read again"),
        (Changes(changed=(FIRST,), touched=(LAST,)), f"1 file changed: {FIRST}"),
        (Changes(removed=(FIRST, LAST)), f"2 files removed: {FIRST}, {LAST}"),
        (Changes(added=(FIRST,), removed=(LAST,)), f"1 file added, 1 removed: {FIRST}, {LAST}"),
        (
            Changes(changed=(FIRST,) * 4, added=(SECOND,), removed=(LAST,) * 3),
            f"4 files changed, 1 added, 3 removed: {', '.join([FIRST] * 4)}, {SECOND} and 3 more",
        ),
        (Changes(changed=(FIRST,), new_origin="real"), f"the recordings are real now; 1 file changed: {FIRST}"),
    ],
)
def test_changes_in_words(changes: Changes, words: str) -> None:
    assert str(changes) == words


# --- On disk ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory, whole_set: dict[str, bytes], write_files: WriteFiles) -> Path:
    """A folder with ``source``, and ``manifest.parquet`` of it."""
    folder = tmp_path_factory.mktemp("ingested")
    write_files(folder / "source", whole_set)
    for path in whole_set:
        os.utime(folder / "source" / path, ns=(10**18, 10**18))
    with Dsads().open(folder / "source") as source:
        ingest(Dsads(), source, manifest_path=folder / "manifest.parquet", recordings_path=folder / "recordings.arrow")
    return folder


def changes_of(path: Path, ingested: Path) -> Changes:
    with Dsads().open(path) as source:
        return compare(Dsads(), source, read_manifest(ingested / "manifest.parquet"))


def _remove(path: Path) -> None:
    path.unlink()


def _touch(path: Path) -> None:
    path.touch()


def _rewrite(path: Path) -> None:
    path.write_bytes(path.read_bytes())


def _change_a_digit(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b"1", b"2", 1))
    assert path.stat().st_size == len(content)


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def _append_and_keep_the_time(path: Path) -> None:
    _append(path)
    os.utime(path, ns=(10**18, 10**18))


def _add(path: Path) -> None:
    shutil.copy2(path, path.with_name("s02.txt"))


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda path: None, Changes()),
        (_touch, Changes(touched=(SECOND,))),
        (_rewrite, Changes(touched=(SECOND,))),
        (_change_a_digit, Changes(changed=(SECOND,))),
        (_append, Changes(changed=(SECOND,))),
        (_append_and_keep_the_time, Changes(changed=(SECOND,))),
        (_remove, Changes(removed=(SECOND,))),
        (_add, Changes(added=("a02/p1/s02.txt",))),
        (lambda path: (path.parents[2] / SYNTHETIC_MARKER).touch(), Changes(new_origin="synthetic")),
    ],
)
def test_folder(ingested: Path, tmp_path: Path, act: Callable[[Path], None], expected: Changes) -> None:
    shutil.copytree(ingested / "source", tmp_path / "copy")
    act(tmp_path / "copy" / SECOND)
    assert changes_of(tmp_path / "copy", ingested) == expected


def test_the_same_files_in_a_zip_are_no_change(ingested: Path, tmp_path: Path, whole_set: dict[str, bytes]) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in reversed(whole_set.items()):
            archive.writestr(f"else/where/{path}", content)
    changes = changes_of(tmp_path / "a.zip", ingested)
    assert changes.is_empty
    assert len(changes.touched) == len(whole_set)


@pytest.mark.parametrize("content", ["same", "other"])
def test_a_zip_that_was_packed_again(tmp_path: Path, whole_set: dict[str, bytes], content: str) -> None:
    def pack(name: str, files: Mapping[str, bytes], year: int, compression: int) -> Path:
        with zipfile.ZipFile(tmp_path / name, "w", compression) as archive:
            for path, text in files.items():
                archive.writestr(zipfile.ZipInfo(path, (year, 1, 1, 0, 0, 0)), text, compression)
        return tmp_path / name

    with Dsads().open(pack("first.zip", whole_set, 2010, zipfile.ZIP_DEFLATED)) as source:
        ingest(
            Dsads(), source, manifest_path=tmp_path / "manifest.parquet", recordings_path=tmp_path / "recordings.arrow"
        )
    files, expected = dict(whole_set), Changes()
    if content == "other":
        files[SECOND] = files[SECOND].replace(b"1", b"2", 1)
        expected = Changes(changed=(SECOND,))
    assert changes_of(pack("second.zip", files, 2020, zipfile.ZIP_BZIP2), tmp_path) == expected
