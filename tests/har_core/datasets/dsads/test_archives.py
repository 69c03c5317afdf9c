from __future__ import annotations

import stat
import warnings
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from har_core.base.errors import InputError
from har_core.datasets.dsads.archives import ZipSource
from har_core.datasets.dsads.layout import SYNTHETIC_MARKER
from har_core.datasets.dsads.listing import listing_version
from har_core.datasets.dsads.source import open_source

RIGHT = {"data/a01/p1/s01.txt": b"one" * 50, "data/a01/p1/s02.txt": b"two" * 5000, "data/a19/p10/s1.txt": b""}
JUNK = {".DS_Store": b"\0", "__MACOSX/data/a01/p1/s01.txt": b"\0", "data/a01/p1/._s01.txt": b"\0", "README": b"hello"}
COMPRESSIONS = {
    "stored": zipfile.ZIP_STORED,
    "deflate": zipfile.ZIP_DEFLATED,
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}


def write_zip(path: Path, files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def problems_of(path: Path, **limits: int) -> list[tuple[str, str | None, str]]:
    """Open and read all; the problems' paths without the archive's, values and expectations."""

    def read_all() -> None:
        with ZipSource(path, **limits) as source:
            for file in source.files:
                source.read(file)

    with pytest.raises(InputError) as caught:
        read_all()
    return [
        (problem.path.removeprefix(f"{path}").removeprefix("/"), problem.value, problem.expected)
        for problem in caught.value.problems
    ]


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("prefix", ["", "deep/deeper/"])
def test_a_zip_of_any_compression_is_listed_and_read(tmp_path: Path, compression: str, prefix: str) -> None:
    files = {f"{prefix}{path}": content for path, content in RIGHT.items()} | JUNK
    path = write_zip(tmp_path / "recordings.zip", files, COMPRESSIONS[compression])
    with open_source(path) as source:
        assert [file.key for file in source.files] == [(1, 1, 1), (1, 1, 2), (10, 19, 1)]
        assert [source.read(file) for file in source.files] == list(RIGHT.values())
        assert [file.num_bytes for file in source.files] == [150, 15_000, 0]
        assert source.origin == "real"


def test_members_can_be_read_by_many_threads(tmp_path: Path) -> None:
    files = {f"a01/p1/s{number:02d}.txt": bytes([number]) * 30_000 for number in range(1, 60)}
    with open_source(write_zip(tmp_path / "a.zip", files)) as source, ThreadPoolExecutor(4) as pool:
        assert list(pool.map(source.read, source.files)) == list(files.values())


def test_the_version_follows_content_and_neither_compression_nor_order(tmp_path: Path) -> None:
    def version(name: str, files: Mapping[str, bytes], compression: int) -> str:
        with open_source(write_zip(tmp_path / name, files, compression)) as source:
            return listing_version(source)

    first = version("a.zip", RIGHT, zipfile.ZIP_STORED)
    assert version("b.zip", dict(reversed(RIGHT.items())), zipfile.ZIP_BZIP2) == first
    assert version("c.zip", RIGHT | {"data/a01/p1/s01.txt": b"eno" * 50}, zipfile.ZIP_STORED) != first
    assert version("d.zip", RIGHT | {f"data/{SYNTHETIC_MARKER}": b""}, zipfile.ZIP_STORED) != first


def test_a_path_that_stands_twice_is_a_problem(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Duplicate name: that is what is tested
        for name in ("a01/p1/s01.txt", "a01/p1/s02.txt", "a01/p1/s01.txt"):
            archive.writestr(name, b"")
    assert problems_of(tmp_path / "a.zip") == [("a01/p1/s01.txt", "2 times", "each path once")]


def test_two_paths_of_one_segment_are_a_problem(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a01/p1/s01.txt": b"", "data/a1/p1/s01.txt": b""})
    assert [name for name, _, _ in problems_of(path)] == ["a01/p1/s01.txt", "data/a1/p1/s01.txt"]


@pytest.mark.parametrize(
    "name",
    [
        "../a01/p1/s02.txt",
        "data/../../evil",
        "/etc/passwd",
        "C:/a01/p1/s02.txt",
        "C:evil",
        "C:\\evil",
        "..\\evil",
        "\\\\host\\x",
    ],
)
def test_a_path_that_leads_out_of_the_archive_is_a_problem(tmp_path: Path, name: str) -> None:
    path = write_zip(tmp_path / "a.zip", RIGHT | {name: b""})
    ((_, value, expected),) = problems_of(path)
    assert (value, expected) == (name, "a relative path that stays inside the archive")


def test_a_link_in_the_archive_is_a_problem(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("data/a01/p1/s03.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = write_zip(tmp_path / "a.zip", RIGHT)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    assert problems_of(path) == [("data/a01/p1/s03.txt", "a symbolic link", "a plain file")]


def test_every_encrypted_member_is_named(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", RIGHT)
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = -1
        while (at := content.find(signature, at + 1)) >= 0:
            content[at + offset] |= 1
    path.write_bytes(content)
    assert [(name, value) for name, value, _ in problems_of(path)] == [(name, "encrypted") for name in RIGHT]


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.99])
def test_a_truncated_zip_is_a_problem(tmp_path: Path, kept: float) -> None:
    path = write_zip(tmp_path / "a.zip", RIGHT)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else int(kept)])
    ((name, _, expected),) = problems_of(path)
    assert (name, expected) == ("", "a whole zip archive")


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_damaged_member_is_named(tmp_path: Path, compression: str) -> None:
    files = {f"a01/p1/s{number:02d}.txt": bytes(range(256)) * 40 for number in (1, 2, 3)}
    path = write_zip(tmp_path / "a.zip", files, COMPRESSIONS[compression])
    with zipfile.ZipFile(path) as archive:
        second = archive.infolist()[1]
    content = bytearray(path.read_bytes())
    content[second.header_offset + 30 + len(second.filename) + second.compress_size // 2] ^= 0xFF
    path.write_bytes(content)
    ((name, _, expected),) = problems_of(path)
    assert (name, expected) == ("a01/p1/s02.txt", "an undamaged member of the archive")


def test_a_compression_that_python_lacks_is_named(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a01/p1/s01.txt": b"one" * 50})
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        content[content.find(signature) + offset] = 97  # WavPack
    path.write_bytes(content)
    ((name, value, _),) = problems_of(path)
    assert name == "a01/p1/s01.txt"
    assert "compression" in str(value)


def test_a_member_that_unpacks_past_the_limit_is_a_problem(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", RIGHT)
    assert problems_of(path, max_member_bytes=14_999) == [
        ("data/a01/p1/s02.txt", "15000 bytes unpacked", "at most 14999 bytes")
    ]
    ZipSource(path, max_member_bytes=15_000, max_total_bytes=15_150).close()


def test_members_that_together_unpack_past_the_limit_are_a_problem(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", RIGHT)
    assert problems_of(path, max_total_bytes=15_149) == [("", "15150 bytes unpacked", "at most 15149 bytes")]


@pytest.mark.parametrize("compression", ["deflate", "bzip2", "lzma"])
def test_a_member_that_unpacks_to_more_than_it_says_is_a_problem(tmp_path: Path, compression: str) -> None:
    path = write_zip(tmp_path / "a.zip", {"a01/p1/s01.txt": bytes(20_000_000)}, COMPRESSIONS[compression])
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        at = content.find(signature) + offset
        content[at : at + 4] = (100).to_bytes(4, "little")
    path.write_bytes(content)
    ((name, _, expected),) = problems_of(path)
    assert (name, expected) == ("a01/p1/s01.txt", "an undamaged member of the archive")


def test_a_closed_archive_holds_no_file(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", RIGHT)
    with open_source(path) as source:
        pass
    with pytest.raises(ValueError, match="closed"):
        source.read(source.files[0])
