from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from places import make_device

from har_core.base.errors import InputError, StorageError
from har_core.base.files import (
    atomic_folder,
    atomic_path,
    atomic_paths,
    put_out,
    read_file,
    sha256_of_file,
    write_bytes,
    write_text,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def disk_full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_appears_with_its_content_and_nothing_beside_it(tmp_path: Path) -> None:
    write_text(tmp_path / "deep" / "a.txt", "zwölf")
    assert (tmp_path / "deep" / "a.txt").read_text(encoding="utf-8") == "zwölf"
    assert names(tmp_path / "deep") == ["a.txt"]


def test_a_failure_leaves_the_earlier_file_and_no_temporary_one(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "earlier")

    def fail_half_way() -> None:
        with atomic_path(tmp_path / "a.txt") as temporary:
            temporary.write_text("later")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way()
    assert (tmp_path / "a.txt").read_text() == "earlier"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("function", ["fsync", "rename"])
def test_a_full_disk_is_a_storage_error_and_leaves_the_earlier_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    write_text(tmp_path / "a.txt", "earlier")
    if function == "fsync":
        monkeypatch.setattr(os, "fsync", disk_full)
    else:
        monkeypatch.setattr(Path, "replace", disk_full)
    with pytest.raises(StorageError, match=r"a\.txt: the disk is full"):
        write_text(tmp_path / "a.txt", "later")
    monkeypatch.undo()
    assert (tmp_path / "a.txt").read_text() == "earlier"
    assert names(tmp_path) == ["a.txt"]


def test_a_forbidden_folder_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", forbidden)
    with pytest.raises(StorageError, match=r"cannot be written \(Permission denied\)"):
        write_bytes(tmp_path / "a.txt", b"")


def test_other_errors_of_the_system_are_not_called_storage(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a.txt"):
        (tmp_path / "nowhere").read_text()


def test_files_that_belong_together_appear_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_text(tmp_path / "a", "earlier")
    write_text(tmp_path / "b", "earlier")
    flushed = []

    def full_at_the_second(handle: int) -> None:
        flushed.append(handle)
        if len(flushed) == 2:
            disk_full()

    monkeypatch.setattr(os, "fsync", full_at_the_second)

    def write_both() -> None:
        with atomic_paths(tmp_path / "a", tmp_path / "b") as both:
            for temporary in both:
                temporary.write_text("later")

    with pytest.raises(StorageError, match="/b: the disk is full"):
        write_both()
    assert {(tmp_path / name).read_text() for name in ("a", "b")} == {"earlier"}
    assert names(tmp_path) == ["a", "b"]


def test_a_folder_takes_the_place_of_another_with_all_it_holds(tmp_path: Path) -> None:
    for content in ("earlier", "later"):
        with atomic_folder(tmp_path / "made") as folder:
            (folder / content).write_text(content)
        assert names(tmp_path / "made") == [content]
    assert names(tmp_path) == ["made"]


def test_a_failure_leaves_the_earlier_folder(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "made") as folder:
        (folder / "a").write_text("earlier")

    def make_again() -> None:
        with atomic_folder(tmp_path / "made") as folder:
            (folder / "b").write_text("later")
            disk_full()

    with pytest.raises(StorageError, match="the disk is full"):
        make_again()
    assert names(tmp_path / "made") == ["a"]
    assert names(tmp_path) == ["made"]


def test_a_failure_to_take_the_place_leaves_the_earlier_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with atomic_folder(tmp_path / "made") as folder:
        (folder / "a").write_text("earlier")
    replace, places = Path.replace, []

    def full_at_the_second(path: Path, target: Path) -> Path:
        places.append(target)
        if len(places) == 2:
            disk_full()
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", full_at_the_second)
    with pytest.raises(StorageError, match="the previous content is unchanged"), atomic_folder(tmp_path / "made"):
        pass
    assert places[1:] == [tmp_path / "made"] * 2
    assert names(tmp_path / "made") == ["a"]
    assert names(tmp_path) == ["made"]


@pytest.mark.parametrize("killed", ["before the second rename", "after it"])
def test_what_a_process_killed_while_it_replaced_a_folder_left_is_settled(tmp_path: Path, killed: str) -> None:
    (tmp_path / ".made.retired" / "earlier").mkdir(parents=True)
    if killed == "after it":
        (tmp_path / "made" / "later").mkdir(parents=True)

    def fail_half_way() -> None:
        with atomic_folder(tmp_path / "made"):
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way()
    assert names(tmp_path / "made") == ["later" if killed == "after it" else "earlier"]
    assert names(tmp_path) == ["made"]


def test_what_a_killed_process_left_of_a_folder_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".made.k1ll_ed0.part").mkdir()
    (tmp_path / ".made.json.k1ll_ed0.part").touch()  # of another place
    with atomic_folder(tmp_path / "made"):
        pass
    assert names(tmp_path) == [".made.json.k1ll_ed0.part", "made"]


def test_what_a_killed_process_left_of_a_file_is_removed(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, har_core.base.files as files\n"
        "with files.atomic_path(pathlib.Path('a[1].zip')) as path: path.touch(); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=False).returncode == -signal.SIGKILL
    (left,) = names(tmp_path)
    others = [".a[1].zip.part", ".a[1].zip.part.json", left.replace(".zip", "")]  # a download to continue
    for name in others:
        (tmp_path / name).touch()
    write_text(tmp_path / "a[1].zip", "whole")
    assert names(tmp_path) == sorted([*others, "a[1].zip"])


def test_two_who_write_one_file_leave_each_other_alone(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a.txt") as first:
        first.write_text("first")
        write_text(tmp_path / "a.txt", "second")
        assert first.exists()
    assert (tmp_path / "a.txt").read_text() == "first"
    assert names(tmp_path) == ["a.txt"]


def test_the_hash_is_of_the_bytes(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"abc")
    # FIPS 180-2, appendix B.1
    assert sha256_of_file(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


# --- Links, devices and pipes -----------------------------------------------------------------------------------------


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "a.txt").symlink_to("elsewhere/b.txt")
    (tmp_path / "folder").symlink_to("elsewhere/made")
    for content in ("earlier", "later"):
        write_text(tmp_path / "a.txt", content)
        with atomic_folder(tmp_path / "folder") as folder:
            (folder / content).touch()
        assert (tmp_path / "elsewhere" / "b.txt").read_text() == content
        assert names(tmp_path / "elsewhere" / "made") == [content]
    assert (tmp_path / "a.txt").is_symlink()
    assert (tmp_path / "folder").is_symlink()
    assert names(tmp_path) == ["a.txt", "elsewhere", "folder"]
    assert names(tmp_path / "elsewhere") == ["b.txt", "made"]


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """A node like ``/dev/full``."""
    return make_device(tmp_path / "full", 7)


def test_a_device_is_never_replaced(device: Path) -> None:
    with pytest.raises(StorageError, match="a device is there, and no file"):
        write_text(device, "x")
    with pytest.raises(StorageError, match="the disk is full"):
        put_out(device, b"x")
    assert device.is_char_device()
    assert names(device.parent) == ["full"]


def test_what_is_put_out_to_a_pipe_goes_through_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageError, match="a named pipe is there, and no file"):
        write_text(tmp_path / "pipe", "over it")
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit((tmp_path / "pipe").read_bytes)
        put_out(tmp_path / "pipe", b"through")
        assert read.result() == b"through"
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("name", ["/dev/fd/{}", "/proc/self/fd/{}", "link"])
def test_what_is_put_out_to_an_open_file_follows_what_is_in_it(tmp_path: Path, name: str) -> None:
    with (tmp_path / "log").open("w") as log:
        log.write("before, ")
        log.flush()
        (tmp_path / "link").symlink_to(f"/dev/fd/{log.fileno()}")
        put_out(tmp_path / name.format(log.fileno()), b"put out")
    assert (tmp_path / "log").read_text() == "before, put out"


def test_a_place_where_nothing_can_be_written_is_a_storage_error(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/proc/nowhere/a.txt"), tmp_path / ("x" * 300), tmp_path.joinpath(*["x" * 250] * 20)):
        with pytest.raises(StorageError, match="cannot be written"):
            put_out(path, b"")


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("a")
    assert read_file(tmp_path / "link", most_bytes=3) == b"abc"
    with pytest.raises(InputError, match="found '3 bytes', expected at most 2 bytes"):
        read_file(tmp_path / "a", most_bytes=2)
    assert b"MemTotal" in read_file(Path("/proc/meminfo"), most_bytes=100_000)  # whose size is 0
    with pytest.raises(InputError, match="expected at most 20 bytes"):
        read_file(Path("/proc/meminfo"), most_bytes=20)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
    expected = {
        "pipe": "a named pipe",
        "zero": "a device",
        "socket": "a socket",
        ".": "a directory",
        "none": "No such file",
        "x" * 300: "name too long",
        "nul\0": "null",
    }
    for name, found in expected.items():
        with pytest.raises(InputError, match=f"found '[^']*{found}"):
            read_file(tmp_path / name, most_bytes=3)
