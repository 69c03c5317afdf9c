from __future__ import annotations

import shutil
import stat
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from har_core.base.errors import InputError
from har_core.datasets import archives
from har_core.datasets.archives import ZipSource
from har_core.datasets.dsads.format import Dsads
from har_core.datasets.dsads.layout import DsadsNaming
from har_core.datasets.origin import SYNTHETIC_MARKER
from har_core.datasets.source import listing_version

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


def problems_of(path: Path) -> list[tuple[str, str | None, str]]:
    """Open and read all; the problems' paths without the archive's, values and expectations."""

    def read_all() -> None:
        with ZipSource(path, DsadsNaming()) as source:
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
    with Dsads().open(path) as source:
        assert [file.name[:3] for file in source.files] == [(1, 1, 1), (1, 1, 2), (10, 19, 1)]
        assert [source.read(file) for file in source.files] == list(RIGHT.values())
        assert [file.num_bytes for file in source.files] == [150, 15_000, 0]
        assert source.origin == "real"


def test_members_can_be_read_by_many_threads(tmp_path: Path) -> None:
    files = {f"a01/p1/s{number:02d}.txt": bytes([number]) * 30_000 for number in range(1, 60)}
    with Dsads().open(write_zip(tmp_path / "a.zip", files)) as source, ThreadPoolExecutor(4) as pool:
        assert list(pool.map(source.read, source.files)) == list(files.values())


def test_the_version_follows_content_and_neither_compression_nor_order(tmp_path: Path) -> None:
    def version(name: str, files: Mapping[str, bytes], compression: int) -> str:
        with Dsads().open(write_zip(tmp_path / name, files, compression)) as source:
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


def test_members_that_unpack_past_a_limit_are_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_zip(tmp_path / "a.zip", RIGHT)
    monkeypatch.setattr(DsadsNaming, "max_bytes", 15_000)
    monkeypatch.setattr(archives, "_MAX_TOTAL_BYTES", 15_150)
    ZipSource(path, DsadsNaming()).close()
    monkeypatch.setattr(DsadsNaming, "max_bytes", 14_999)
    monkeypatch.setattr(archives, "_MAX_TOTAL_BYTES", 15_149)
    assert problems_of(path) == [
        ("data/a01/p1/s02.txt", "15000 bytes unpacked", "at most 14999 bytes"),
        ("", "15150 bytes unpacked", "at most 15149 bytes"),
    ]


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


def patch_headers(path: Path, *, local: int | None, central: int | None, new: bytes) -> None:
    """Write ``new`` over this place in every header; None leaves a kind of header as it is."""
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", local), (b"PK\1\2", central)):
        at = -1
        while offset is not None and (at := content.find(signature, at + 1)) >= 0:
            content[at + offset : at + offset + len(new)] = new
    path.write_bytes(content)


MEASURE = """
import resource, sys
from pathlib import Path
from har_core.base.errors import InputError
from har_core.datasets.dsads.format import Dsads
sources = [Dsads().open(Path(name)) for name in sys.argv[1:]]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
limit = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + 64_000_000
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for source in sources:
    try:
        source.read(source.files[0])
    except InputError as error:
        print(error.problems[0].value)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, file=sys.stderr)
"""


def test_a_member_that_lies_about_its_size_takes_no_memory_for_it(tmp_path: Path) -> None:
    paths, told = [], []
    for name in ("deflate", "bzip2", "lzma"):
        whole = write_zip(tmp_path / f"{name}.zip", {"a01/p1/s01.txt": bytes(80_000_000)}, COMPRESSIONS[name])
        for claimed in (40_000, 3_999_999):
            paths.append(Path(shutil.copy(whole, tmp_path / f"{name}-{claimed}.zip")))
            patch_headers(paths[-1], local=22, central=24, new=claimed.to_bytes(4, "little"))
            told.append(f"unpacks to more, not to the {claimed} bytes that it claims")
    command = [sys.executable, "-c", MEASURE, *map(str, paths)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == told
    assert int(done.stderr) < 40


def test_a_dictionary_of_gigabytes_is_not_reserved(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a01/p1/s01.txt": b"1,2\n" * 1000}, zipfile.ZIP_LZMA)
    patch_headers(path, local=30 + len("a01/p1/s01.txt") + 5, central=None, new=b"\xff\xff\xff\xff")
    subprocess.run([sys.executable, "-c", MEASURE, str(path)], check=True, capture_output=True)
    with Dsads().open(path) as source:
        assert source.read(source.files[0]) == b"1,2\n" * 1000


def test_a_member_that_is_packed_to_far_more_than_it_has_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a01/p1/s01.txt", bytes(200_000))
    patch_headers(path, local=22, central=24, new=(100).to_bytes(4, "little"))
    assert [value for _, value, _ in problems_of(path)] == ["200000 bytes that claim to unpack to 100"]


def test_a_header_that_claims_to_be_utf_8_and_is_not_is_a_problem(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"caf\xe9/a01/p1/s01.txt": b"x"})
    content = path.read_bytes().replace("caf\xe9".encode(), b"caf\xe9!")
    path.write_bytes(content)
    assert [expected for _, _, expected in problems_of(path)] == ["a whole zip archive"]
    at = content.find(b"PK\1\2")
    path.write_bytes(content[:at] + content[at:].replace(b"caf\xe9!", "caf\xe9".encode()))
    ((_, value, expected),) = problems_of(path)
    assert expected == "an undamaged member of the archive"
    assert "utf-8" in str(value)


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_what_is_no_plain_file_in_the_archive_is_a_problem(tmp_path: Path, kind: int) -> None:
    member = zipfile.ZipInfo("data/a01/p1/s03.txt")
    member.external_attr = (kind | 0o777) << 16
    path = write_zip(tmp_path / "a.zip", RIGHT)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(member, "")
    assert problems_of(path) == [("data/a01/p1/s03.txt", "a device, a pipe or a socket", "a plain file")]


def test_a_zip_in_a_zip_is_called_so(tmp_path: Path) -> None:
    inner = write_zip(tmp_path / "data.zip", RIGHT)
    path = write_zip(tmp_path / "a.zip", {"data.zip": inner.read_bytes()})
    with pytest.raises(InputError, match=r"found 'a zip inside: data\.zip', expected segment files"):
        Dsads().open(path)


def test_a_closed_archive_holds_no_file(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", RIGHT)
    with Dsads().open(path) as source:
        pass
    with pytest.raises(ValueError, match="closed"):
        source.read(source.files[0])


def test_a_table_of_millions_of_members_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_zip(tmp_path / "a.zip", {f"{number}.md": b"" for number in range(100)})
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"x" * 65_000
    monkeypatch.setattr(archives, "_MAX_DIRECTORY_BYTES", 5_000)
    assert [(value, expected) for _, value, expected in problems_of(path)] == [
        ("a table of 5090 bytes", "at most 5000 bytes")
    ]
