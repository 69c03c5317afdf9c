from __future__ import annotations

import os
import socket
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import pytest

from har_core.base.errors import InputError
from har_core.datasets import folders
from har_core.datasets.dsads.format import Dsads
from har_core.datasets.dsads.layout import MAX_SEGMENT_BYTES, DsadsNaming
from har_core.datasets.folders import FolderSource
from har_core.datasets.origin import SYNTHETIC_MARKER
from har_core.datasets.source import listing_version

if TYPE_CHECKING:
    from tests.har_core.datasets.conftest import WriteFiles

JUNK = {
    ".DS_Store": b"\0",
    "README.md": b"hello",
    "a01/.DS_Store": b"\0",
    "a01/p1/.DS_Store": b"\0",
    "a01/p1/._s01.txt": b"\0",
    "a01/p1/notes.txt": b"hello",
    "a01/p1/s01 (1).txt": b"hello",
    "a01/p1/deeper/s09.txt": b"hello",
    "__MACOSX/a01/p1/s01.txt": b"\0",
    ".hidden/a01/p1/s01.txt": b"\0",
}
RIGHT = {"a01/p1/s01.txt": b"1", "a01/p1/s02.txt": b"22", "a19/p1/s10.txt": b"333", "a02/p10/s1.txt": b"4444"}
KEYS = [(1, 1, 1), (1, 1, 2), (1, 19, 10), (10, 2, 1)]


@pytest.mark.parametrize("prefix", ["", "data/"])
def test_a_directory_is_listed_by_key_and_junk_is_ignored(tmp_path: Path, write_files: WriteFiles, prefix: str) -> None:
    write_files(tmp_path, {f"{prefix}{path}": content for path, content in RIGHT.items()} | JUNK)
    with Dsads().open(tmp_path) as source:
        assert [file.name[:3] for file in source.files] == KEYS
        assert [source.read(file) for file in source.files] == [b"1", b"22", b"333", b"4444"]
        assert [file.num_bytes for file in source.files] == [1, 2, 3, 4]
        assert source.files[0].path == f"{prefix}a01/p1/s01.txt"
        assert source.origin == "real"


LISTED = {
    "d1/a10/p4/s01.txt": (4, 10, 1),
    "d2/deep/a10/p4/S02.TXT": (4, 10, 2),
    "x/y/z/A1/P1/s1.txt": (1, 1, 1),
    "linked/a02/p1/s01.txt": (1, 2, 1),
}


def test_folders_and_zips_have_one_rule(tmp_path: Path, write_files: WriteFiles) -> None:
    folder = tmp_path / "folder"
    left_out = {"d1/a10/p4/._s01.txt": b"", "x/.y/a03/p1/s01.txt": b"", "__MACOSX/a01/p1/s09.txt": b""}
    others = {"a10/p4/notes.TXT": b"", "s01.txt": b"", "README.md": b"", "d1/a10/p4/s02.csv": b""}
    write_files(folder, {path: path.encode() for path in LISTED} | left_out | others)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    (folder / "linked").rename(tmp_path / "elsewhere")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    for location in (folder, tmp_path / "a.zip"):
        with Dsads().open(location) as source:
            assert {file.path: file.name[:3] for file in source.files} == LISTED
            assert [source.read(file) for file in source.files] == [file.path.encode() for file in source.files]
            assert (source.loose, source.others) == (
                ("a10/p4/notes.TXT", "s01.txt"),
                ("README.md", "d1/a10/p4/s02.csv"),
            )
            assert source.read_loose("s01.txt") == b""


def test_links_in_a_circle_end(tmp_path: Path, write_files: WriteFiles) -> None:
    write_files(tmp_path, RIGHT)
    (tmp_path / "a01" / "up").symlink_to(tmp_path)
    (tmp_path / "data").symlink_to(tmp_path / "a01")
    (tmp_path / "itself").symlink_to("itself")
    source = Dsads().open(tmp_path)
    assert [file.name[:3] for file in source.files] == KEYS
    assert source.others == ("itself",)


def test_a_tree_of_too_many_folders_is_refused(
    tmp_path: Path, write_files: WriteFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path, RIGHT)
    monkeypatch.setattr(folders, "_MOST_FOLDERS", 5)
    with pytest.raises(InputError, match="at most 5 folders"):
        Dsads().open(tmp_path)


def test_text_files_of_any_name_will_do_where_they_may(tmp_path: Path, write_files: WriteFiles) -> None:
    write_files(tmp_path, {"b.txt": b"", "deep/a.TXT": b"", "c.zip": b""})
    with Dsads().open(tmp_path, any_names=True) as source:
        assert (source.files, source.loose) == ((), ("b.txt", "deep/a.TXT"))
    with pytest.raises(InputError, match=r"found 'a zip inside: c\.zip', expected .*; name the zip itself"):
        Dsads().open(tmp_path)


@pytest.mark.parametrize("digits", ["9" * 5_000, "0" * 5_000])
def test_a_name_of_thousands_of_digits_is_an_impossible_number(tmp_path: Path, digits: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(f"a01/p1/s{digits}.txt", b"")
    with pytest.raises(InputError, match="expected a segment from 1 to 9999"):
        Dsads().open(tmp_path / "a.zip")


@pytest.mark.parametrize("name", ["/dev/zero", "pipe", "socket"])
def test_what_is_no_folder_and_no_file_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
    with pytest.raises(InputError, match=r"found 'a (device|named pipe|socket)', expected a plain file"):
        Dsads().open(Path(name))


def test_a_path_that_is_too_long_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / ("x" * 300), tmp_path.joinpath(*["x" * 250] * 20)):
        with pytest.raises(InputError, match="File name too long"):
            Dsads().open(path)


def test_the_order_does_not_depend_on_the_file_system(
    tmp_path: Path, write_files: WriteFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(
        tmp_path, {f"a{a:02d}/p{p}/s{s:02d}.txt": b"" for a in (1, 2, 11) for p in (1, 2, 10) for s in (1, 2, 9)}
    )
    expected = Dsads().open(tmp_path)
    generator = np.random.default_rng(0)
    scandir = os.scandir

    class Shuffled:
        def __init__(self, path: Path) -> None:
            with scandir(path) as entries:
                self.entries = list(entries)
            generator.shuffle(self.entries)

        def __enter__(self) -> Iterator[os.DirEntry[str]]:
            return iter(self.entries)

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(os, "scandir", Shuffled)
    for _ in range(5):
        shuffled = Dsads().open(tmp_path)
        assert shuffled.files == expected.files
        assert listing_version(shuffled) == listing_version(expected)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a20/p1/s01.txt", "an activity from 1 to 19"),
        ("a00/p1/s01.txt", "an activity from 1 to 19"),
        ("a01/p0/s01.txt", "a subject from 1 to 999"),
        ("a01/p1000/s01.txt", "a subject from 1 to 999"),
        ("a01/p1/s00.txt", "a segment from 1 to 9999"),
        ("a100/p1/s01.txt", "an activity from 1 to 19"),
    ],
)
def test_an_impossible_number_is_a_problem(tmp_path: Path, write_files: WriteFiles, path: str, expected: str) -> None:
    write_files(tmp_path, RIGHT | {path: b""})
    with pytest.raises(InputError) as caught:
        Dsads().open(tmp_path)
    (problem,) = caught.value.problems
    assert (problem.path, problem.expected) == (f"{tmp_path}/{path}", expected)


def test_two_files_of_one_segment_are_both_named(tmp_path: Path, write_files: WriteFiles) -> None:
    write_files(tmp_path, RIGHT | {"a1/p1/s1.txt": b"", "copy/a01/p1/s01.txt": b"", "a77/p1/s01.txt": b""})
    with pytest.raises(InputError, match="4 files outside the layout") as caught:
        Dsads().open(tmp_path)
    assert [problem.path.removeprefix(f"{tmp_path}/") for problem in caught.value.problems] == [
        "a77/p1/s01.txt",
        "a01/p1/s01.txt",
        "a1/p1/s1.txt",
        "copy/a01/p1/s01.txt",
    ]


@pytest.mark.parametrize("name", ["nowhere", "empty", "file"])
def test_a_place_without_recordings_says_what_was_expected(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("no zip")
    with pytest.raises(InputError) as caught:
        Dsads().open(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert len(caught.value.problems) == 1


def test_a_directory_that_cannot_be_listed_is_named(
    tmp_path: Path, write_files: WriteFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path, RIGHT)
    scandir = os.scandir

    def forbidden(path: Path) -> object:
        if str(path).endswith("p10"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", forbidden)
    with pytest.raises(InputError, match=r"a02/p10: found 'Permission denied'"):
        Dsads().open(tmp_path)


@pytest.fixture
def lost_and_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in ``tmp_path`` that may not be looked into."""
    (tmp_path / "lost+found").mkdir()
    scandir, exists = os.scandir, Path.exists

    def granted(path: Path) -> Path:
        if "lost+found" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return path

    monkeypatch.setattr(os, "scandir", lambda path: scandir(granted(path)))
    monkeypatch.setattr(Path, "exists", lambda path: exists(granted(path)))


@pytest.mark.usefixtures("lost_and_found")
def test_a_directory_beside_activity_folders_need_not_be_listed(tmp_path: Path, write_files: WriteFiles) -> None:
    write_files(tmp_path, RIGHT)
    assert [file.name[:3] for file in Dsads().open(tmp_path).files] == KEYS


@pytest.mark.usefixtures("lost_and_found")
def test_a_directory_that_may_hold_all_activity_folders_must_be_listed(tmp_path: Path, write_files: WriteFiles) -> None:
    write_files(tmp_path / "data", RIGHT)
    with pytest.raises(InputError, match=r"lost\+found: found 'Permission denied'"):
        Dsads().open(tmp_path)


def test_what_is_no_plain_file_is_refused_before_anything_is_read(
    tmp_path: Path, write_files: WriteFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path, RIGHT)
    folder = tmp_path / "a01/p1"
    os.mkfifo(folder / "s03.txt")
    (folder / "s04.txt").mkdir()
    (folder / "s05.txt").symlink_to("/dev/zero")
    (folder / "s06.txt").symlink_to(folder / "s03.txt")
    monkeypatch.chdir(folder)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("s07.txt")
    with pytest.raises(InputError, match="5 files that cannot be read") as caught:
        Dsads().open(tmp_path)
    assert [(problem.path, problem.value, problem.expected) for problem in caught.value.problems] == [
        (f"{folder}/s0{number}.txt", value, "a plain file, or a link to one")
        for number, value in enumerate(["a named pipe", "a directory", "a device", "a named pipe", "a socket"], start=3)
    ]


def test_a_linked_file_is_read(tmp_path: Path, write_files: WriteFiles) -> None:
    write_files(tmp_path, RIGHT | {"elsewhere": b"55555"})
    (tmp_path / "a01/p1/s03.txt").symlink_to(tmp_path / "elsewhere")
    source = Dsads().open(tmp_path)
    assert source.read(source.files[2]) == b"55555"


def test_a_file_above_the_limit_is_refused_before_anything_is_read(
    tmp_path: Path, write_files: WriteFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path, RIGHT)
    monkeypatch.setattr(DsadsNaming, "max_bytes", 4)
    assert len(FolderSource(tmp_path, DsadsNaming()).files) == 4
    monkeypatch.setattr(DsadsNaming, "max_bytes", 2)
    with pytest.raises(InputError) as caught:
        FolderSource(tmp_path, DsadsNaming())
    assert [str(problem) for problem in caught.value.problems] == [
        f"{tmp_path}/a19/p1/s10.txt: found '3 bytes', expected at most 2 bytes",
        f"{tmp_path}/a02/p10/s1.txt: found '4 bytes', expected at most 2 bytes",
    ]


def test_directories_and_zips_have_one_limit(tmp_path: Path, write_files: WriteFiles) -> None:
    write_files(tmp_path, RIGHT)
    with (tmp_path / "a01/p1/s01.txt").open("ab") as file:
        file.truncate(MAX_SEGMENT_BYTES + 1)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "a01/p1/s01.txt", "a01/p1/s01.txt")
    for location in (tmp_path, tmp_path / "a.zip"):
        with pytest.raises(InputError, match=rf"s01\.txt: found '{MAX_SEGMENT_BYTES + 1} bytes"):
            Dsads().open(location)


def test_a_file_that_grows_past_the_limit_is_refused(
    tmp_path: Path, write_files: WriteFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path, RIGHT)
    source = Dsads().open(tmp_path)
    (tmp_path / "a01/p1/s01.txt").write_bytes(b"1" * 10)
    source.max_bytes = 9
    with pytest.raises(InputError, match="expected at most 9 bytes"):
        source.read(source.files[0])


@pytest.mark.parametrize("kind", ["dangling link", "removed", "forbidden"])
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, write_files: WriteFiles, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    write_files(tmp_path, RIGHT)
    path = tmp_path / "a01/p1/s01.txt"
    if kind == "dangling link":
        path.unlink()
        path.symlink_to(tmp_path / "nowhere")
    source = Dsads().open(tmp_path)
    if kind == "removed":
        path.unlink()
    elif kind == "forbidden":

        def forbidden(name: str) -> BinaryIO:
            raise PermissionError(13, "Permission denied", name)

        monkeypatch.setattr(folders, "FileIO", forbidden)
    with pytest.raises(InputError, match=r"a01/p1/s01\.txt") as caught:
        source.read(source.files[0])
    (problem,) = caught.value.problems
    assert problem.path == str(path)
    assert problem.expected == "a file that can be read"


@pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_000])
def test_a_file_that_grew_or_shrank_since_the_listing_is_read_whole(
    tmp_path: Path, write_files: WriteFiles, size: int
) -> None:
    write_files(tmp_path, RIGHT)
    source = Dsads().open(tmp_path)
    content = np.random.default_rng(0).bytes(size)
    (tmp_path / "a01/p1/s01.txt").write_bytes(content)
    assert source.read(source.files[0]) == content


def test_the_marker_of_the_generator_makes_recordings_synthetic(tmp_path: Path, write_files: WriteFiles) -> None:
    write_files(tmp_path / "data", RIGHT)
    real = listing_version(Dsads().open(tmp_path))
    (tmp_path / "data" / SYNTHETIC_MARKER).touch()
    made = Dsads().open(tmp_path)
    assert made.origin == "synthetic"
    assert listing_version(made) != real


def test_the_version_follows_content_and_not_location(tmp_path: Path, write_files: WriteFiles) -> None:
    def version(files: Mapping[str, bytes], place: str, time_ns: int = 10**18) -> str:
        write_files(tmp_path / place, files)
        for path in files:
            os.utime(tmp_path / place / path, ns=(time_ns, time_ns))
        return listing_version(Dsads().open(tmp_path / place))

    first = version(RIGHT, "first")
    assert version({f"data/{path}": content for path, content in RIGHT.items()}, "moved") == first
    assert version(RIGHT | {"a01/p1/s01.txt": b"12"}, "longer") != first
    assert version(RIGHT | {"a01/p1/s03.txt": b""}, "more") != first
    assert version(RIGHT, "touched", 10**18 + 1) != first
