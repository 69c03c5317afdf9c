"""Some 200 broken archives, folders, files, experiment files and command lines, each with what the command must do.

``broken_inputs(folder)`` writes them below a folder and gives the command lines. Each must end with its exit code,
without a traceback, and with a message that holds ``named``. Nothing here needs a model or a run.
"""

from __future__ import annotations

import io
import os
import socket
import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROW = ",".join(["1.5"] * 45)
SEGMENT = f"{ROW}\n".encode() * 125
WRONG = 2
"""Exit code where the input is wrong."""


@dataclass(frozen=True)
class BrokenInput:
    """One command that must be refused."""

    name: str
    arguments: tuple[str, ...]
    named: str
    """What the message must hold: the place, or the value."""
    exit_code: int = WRONG


def broken_inputs(folder: Path) -> Iterator[BrokenInput]:
    """Write everything below ``folder``, which must be empty, and give the commands."""
    texts = dict(_texts())
    for name, content in texts.items():
        path = _write(folder / "texts" / name / "a01" / "p1" / "s01.txt", content)
        yield BrokenInput(f"audit text in a folder: {name}", ("audit", str(path.parents[2])), "s01.txt")
        zipped = _write(folder / "zips" / f"{name}.zip", _zip({"a01/p1/s01.txt": content}))
        yield BrokenInput(f"audit text in a zip: {name}", ("audit", str(zipped)), "s01.txt")
    for name, content in _archives():
        path = _write(folder / "archives" / f"{name}.zip", content)
        yield BrokenInput(f"audit an archive: {name}", ("audit", str(path)), f"{name}.zip")
    for name, make in _folders().items():
        path = folder / "folders" / name
        path.mkdir(parents=True)
        make(path)
        yield BrokenInput(f"audit a folder: {name}", ("audit", str(path)), name)
    for name, place in _places(folder):
        named = place[-20:] or "empty path"
        for command in ("audit", "predict", "run"):
            yield BrokenInput(f"{command} a place: {name}", (command, place), named)
        arguments = ("status", str(_right(folder)), "--data", place)
        yield BrokenInput(f"status with data in a place: {name}", arguments, named)
    for name, text, named in _experiments():
        path = _write(folder / "experiments" / f"{name}.toml", text)
        yield BrokenInput(f"status of an experiment: {name}", ("status", str(path)), named)
    yield from _command_lines(folder)


def _texts() -> Iterator[tuple[str, bytes]]:
    lines = [ROW] * 125

    def with_cell(value: str) -> bytes:
        return "\n".join([ROW.replace("1.5", value, 1), *lines[1:]]).encode()

    yield "empty", b""
    yield "words", b"nothing\n"
    yield "one row less", f"{ROW}\n".encode() * 124
    yield "one row more", f"{ROW}\n".encode() * 126
    yield "one column less", SEGMENT.replace(b",1.5\n", b"\n", 1)
    yield "one column more", SEGMENT.replace(b"\n", b",1\n", 1)
    yield "a column more in every row", SEGMENT.replace(b"\n", b",1\n")
    for value in (
        "",
        "x",
        "nan",
        "inf",
        "-Infinity",
        "1e39",
        "0x1",
        "1_000",
        "1;2",
        "--1",
        "1e",
        '"1"',
        "\u0661",
        "1\x1b[31m",
    ):
        yield f"a cell {value.encode().hex() or 'empty'}", with_cell(value)
    yield "a header", b"a,b,c\n" + SEGMENT
    yield "semicolons", SEGMENT.replace(b",", b";")
    yield "tabs", SEGMENT.replace(b",", b"\t")
    yield "decimal commas", SEGMENT.replace(b".", b",")
    yield "line ends of CR", SEGMENT.replace(b"\n", b"\r")
    yield "a lone CR", SEGMENT.replace(b"\n", b"\r", 1)
    yield "UTF-16", SEGMENT.decode().encode("utf-16")
    yield "UTF-32", SEGMENT.decode().encode("utf-32")
    yield "two byte-order marks", b"\xef\xbb\xbf" * 2 + SEGMENT
    yield "a byte-order mark within", SEGMENT[:500] + b"\xef\xbb\xbf" + SEGMENT[500:]
    yield "binary", bytes(range(256)) * 10
    yield "a NUL", SEGMENT[:99] + b"\0" + SEGMENT[99:]
    yield "a zip in the place of text", _zip({"s01.txt": SEGMENT})
    yield "cut", SEGMENT[: len(SEGMENT) // 2]
    yield "blank line", SEGMENT.replace(b"\n", b"\n\n", 1)
    yield "commas", b"," * 100_000
    yield "too large", SEGMENT + b" " * 4_000_000


def _archives() -> Iterator[tuple[str, bytes]]:
    right = _zip({"a01/p1/s01.txt": SEGMENT, "a02/p1/s01.txt": SEGMENT})
    yield "empty", b""
    yield "text", b"no zip\n"
    yield "of nothing", _zip({})
    for percent in (1, 10, 50, 90, 99):
        yield f"cut at {percent} percent", right[: len(right) * percent // 100]
    yield "zip in a zip", _zip({"data.zip": right})
    yield "of other files", _zip({"README.md": b"", "s01.csv": SEGMENT})
    yield "of loose text", _zip({"s01.txt": SEGMENT})
    for name in (
        "../a01/p1/s01.txt",
        "/a01/p1/s01.txt",
        "C:\\a01\\p1\\s01.txt",
        "..\\s01.txt",
        "//host/a01/p1/s01.txt",
    ):
        yield f"path {name.encode().hex()}", _zip({"a01/p1/s02.txt": SEGMENT, name: SEGMENT})
    for name in (
        "a20/p1/s01.txt",
        "a00/p1/s01.txt",
        "a01/p0/s01.txt",
        "a01/p1000/s01.txt",
        "a01/p1/s00.txt",
        "a01/p1/s10000.txt",
    ):
        yield f"number {name.replace('/', ' ')}", _zip({name: SEGMENT})
    yield "digits", _zip({f"a01/p1/s{'9' * 5_000}.txt": SEGMENT})
    yield "one segment twice", _zip({"a01/p1/s01.txt": SEGMENT, "a1/p1/s1.txt": SEGMENT})
    yield "encrypted", _patched(right, 6, 8, b"\x01")
    yield "strongly encrypted", _patched(right, 6, 8, b"\x41")
    for method in (1, 6, 9, 12, 14, 93, 95, 97, 98, 255):
        yield f"method {method}", _patched(right, 8, 10, bytes([method]))
    yield "another CRC", _patched(right, None, 16, b"\0\0\0\0")
    yield "size of one", _patched(right, 22, 24, b"\1\0\0\0")
    yield "size too large", _patched(right, 22, 24, b"\xff\xff\xff\x7f")
    yield "header elsewhere", _patched(right, None, 42, b"\xff\xff\xff\x7f")
    yield "header claims UTF-8", _patched(_patched(right, 6, None, b"\0\x08"), 30, None, b"\xff")
    yield "directory claims UTF-8", _patched(_patched(right, None, 8, b"\0\x08"), None, 46, b"\xff")
    for kind in (stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK):
        member = zipfile.ZipInfo("a01/p1/s01.txt")
        member.external_attr = (kind | 0o644) << 16
        yield f"of a kind {kind:o}", _zip({member: SEGMENT})
    for name, compression in (
        ("deflate", zipfile.ZIP_DEFLATED),
        ("bzip2", zipfile.ZIP_BZIP2),
        ("lzma", zipfile.ZIP_LZMA),
    ):
        packed = _zip({"a01/p1/s01.txt": bytes(20_000_000)}, compression)
        yield f"bomb of {name}", packed
        yield f"lie of {name}", _patched(packed, 22, 24, (5_000).to_bytes(4, "little"))
        yield (
            f"damaged {name}",
            _patched(_zip({"a01/p1/s01.txt": SEGMENT}, compression), 30 + 14 + 20, None, b"\xff\xff\xff"),
        )


def _folders() -> dict[str, Callable[[Path], object]]:
    def segment(path: str, content: bytes = SEGMENT) -> Callable[[Path], object]:
        return lambda folder: _write(folder / path, content)

    def place(path: str, make: Callable[[Path], object]) -> Callable[[Path], object]:
        def both(folder: Path) -> None:
            _write(folder / "a01/p1/s01.txt", SEGMENT)
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            make(folder / path)

        return both

    def two(first: str, second: str) -> Callable[[Path], object]:
        return lambda folder: (_write(folder / first, SEGMENT), _write(folder / second, SEGMENT))

    return {
        "nothing": lambda _: None,
        "only a zip": segment("data.zip", _zip({"a01/p1/s01.txt": SEGMENT})),
        "only loose text": segment("s01.txt"),
        "only a README": segment("README.md"),
        "only hidden text": segment("a01/p1/._s01.txt"),
        "only a Mac's folder": segment("__MACOSX/a01/p1/s01.txt"),
        "names the other way round": segment("p1/a01/s01.txt"),
        "activity 20": segment("a20/p1/s01.txt"),
        "activity 0": segment("a00/p1/s01.txt"),
        "subject 0": segment("a01/p0/s01.txt"),
        "subject 1000": segment("a01/p1000/s01.txt"),
        "segment 0": segment("a01/p1/s0.txt"),
        "many digits": segment(f"a01/p1/s{'9' * 200}.txt"),
        "two of one key": two("a01/p1/s01.txt", "a1/p1/s1.txt"),
        "two by case": two("a01/p1/s01.txt", "A01/P1/S01.TXT"),
        "two at depths": two("a01/p1/s01.txt", "x/y/a01/p1/s01.txt"),
        "a pipe": place("a01/p1/s02.txt", os.mkfifo),
        "a directory": place("a01/p1/s02.txt", Path.mkdir),
        "a device": place("a01/p1/s02.txt", lambda path: path.symlink_to("/dev/zero")),
        "an endless file": place("a01/p1/s02.txt", lambda path: path.symlink_to("/proc/kmsg")),
        "a dangling link": place("a01/p1/s02.txt", lambda path: path.symlink_to("nowhere")),
        "a link to itself": place("a01/p1/s02.txt", lambda path: path.symlink_to("s02.txt")),
        "a socket": place("a01/p1/s02.txt", _bind),
        "too large": place("a01/p1/s02.txt", lambda path: _truncate(path, 300_000_000)),
        "loose text": place("a01/p1/s01 (1).txt", lambda path: path.write_bytes(SEGMENT)),
        "escapes": place("\x1b[31m.txt", lambda path: path.write_bytes(b"")),
        "no text": place(os.fsdecode(b"\xff.txt"), lambda path: path.write_bytes(b"")),
    }


def _places(folder: Path) -> Iterator[tuple[str, str]]:
    places = folder / "places"
    places.mkdir()
    os.mkfifo(places / "pipe")
    _bind(places / "socket")
    yield "empty", ""
    yield "nothing there", str(places / "nothing")
    yield "a pipe", str(places / "pipe")
    yield "a socket", str(places / "socket")
    yield "a device", "/dev/zero"
    yield "a long name", str(places / ("x" * 300))
    yield "a long path", "/".join([str(places), *["x" * 200] * 25])
    yield "below a file", str(_right(folder) / "below")


def _experiments() -> Iterator[tuple[str, bytes, str]]:
    models = '[models]\narchitectures = ["cnn"]\n'

    def text(name: str, content: str, named: str) -> tuple[str, bytes, str]:
        return name, content.encode(), named

    yield text("empty", "", "architectures")
    yield text("no TOML", "= 1\n", ":1")
    yield text("open table", "[models\n", ":1")
    yield text("open list", "[models]\narchitectures = [\n", ":")
    yield text("key twice", f"{models}architectures = []\n", ":3")
    yield text("no architecture", "[models]\narchitectures = []\n", "architectures")
    yield text("unknown architecture", '[models]\narchitectures = ["cnnn"]\n', "'cnn'")
    yield text("architecture twice", '[models]\narchitectures = ["cnn", "cnn"]\n', "once")
    yield text("unknown section", f"{models}[trainning]\n", "'training'")
    yield text("section is a value", f"training = 1\n{models}", "training")
    yield text("unknown key", f"{models}[training]\nepoch = 1\n", "'epochs'")
    for key, values in {
        "epochs": ("0", "-1", "1.5", '"1"', "true", "[1]", "nan", "1e400", "9" * 30, "0x" + "f" * 5_000, "9" * 5_000),
        "learning_rate": ("0", "-1.0", "nan", "inf", "'a'", "[]"),
        "preset": ("1", '"publishd"', "[]"),
        "units": ("[]", '["X"]', '"T"', "[1]", '["\\u001b[31m"]'),
        "seed": ("-1", "4294967296", "1.0"),
    }.items():
        for number, value in enumerate(values):
            yield text(f"training {key} {number}", f"{models}[training]\n{key} = {value}\n", ":4")
    for section, line in {
        "windows": "length = 0",
        "splits": "test_subjects = []",
        "source": 'kind = "file"',
        "evaluation": 'protocols = ["lozo"]',
        "report": "title = 1",
        "runtime": "num_threads = -1",
        "audit": "zero_rows = 0",
        "automation": "on = 1",
    }.items():
        yield text(f"section {section}", f"{models}[{section}]\n{line}\n", ":4")
    yield text("one subject in two roles", f"{models}[splits]\nvalidation_subjects = [7]\ntest_subjects = [7]\n", ":5")
    yield text("an address of another kind", f'{models}[source]\nurl = "file:///etc/passwd"\n', ":4")
    yield text("an address with a line end", f'{models}[source]\nurl = "http://a/\\nb"\n', ":4")
    yield text("many lists", f"{models}x = {'[' * 50}{']' * 50}\n", "lists in each other")
    yield text("endless lists", f"{models}x = {'[' * 5_000}{']' * 5_000}\n", "TOML")
    yield text("many dots", f"{models}{'a.' * 3_000}a = 1\n", "dots")
    yield text("many keys", models + "[training]\n" + "".join(f"key{n} = {n}\n" for n in range(3_000)), "3000 problems")
    yield "Latin-1", models.encode() + b"# caf\xe9\n", ":3"
    yield "UTF-16", models.encode("utf-16"), "UTF-16"
    yield "binary", bytes(range(256)), ":"
    yield "too large", models.encode() + b"#" * 300_000, "at most"


def _command_lines(folder: Path) -> Iterator[BrokenInput]:
    right, data = str(_right(folder)), str(_write(folder / "right/a01/p1/s01.txt", SEGMENT).parents[2])
    yield BrokenInput("no such command", ("fly",), "fly")
    yield BrokenInput("no such option", ("run", right, "--colour"), "--colour")
    for command in ("audit", "predict"):
        yield BrokenInput(f"{command} without a path", (command,), "Missing argument")
        yield BrokenInput(f"{command} in no such format", (command, data, "--format", "xml"), "xml")
        yield BrokenInput(f"{command} into a folder", (command, data, "--output", data), "is a folder")
        yield BrokenInput(f"{command} into no name", (command, data, "--output", ""), "empty path")
    for name, output in (
        ("below proc", "/proc/nothing"),
        ("a long name", "x" * 300),
        ("a full device", "/dev/full"),
        ("below a file", f"{right}/x"),
    ):
        yield BrokenInput(f"audit into {name}", ("audit", data, "--output", output), output[:70], exit_code=1)
    yield BrokenInput("audit of one recording twice", ("audit", data, data), "2 inputs hold")
    yield BrokenInput("audit of a right and a wrong place", ("audit", data, f"{data}/nothing"), "nothing")
    for seed in ("-1", "x", "4294967296", "9" * 5_000):
        yield BrokenInput(f"run with seed {seed[:12]}", ("run", right, "--seed", seed), "seed")
    yield BrokenInput("run of two files", ("run", right, right), "unexpected")
    for model in ("", "x", "http://x/y", "models:/", "models:/har", "models:/har@", "models:/m-1", "file:///etc"):
        yield BrokenInput(f"predict by {model or 'nothing'}", ("predict", data, "--model", model), "expected models:/")
        yield BrokenInput(f"trace of {model or 'nothing'}", ("trace", model), "expected models:/")
    for port in ("0", "x", "65536"):
        yield BrokenInput(f"ui on port {port}", ("ui", "--dagster-port", port), "--dagster-port")


def _right(folder: Path) -> Path:
    path = folder / "right.toml"
    if not path.exists():
        path.write_text('[models]\narchitectures = ["cnn"]\n')
    return path


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _zip(files: dict[str, bytes] | dict[zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _patched(content: bytes, local: int | None, central: int | None, new: bytes) -> bytes:
    """``content`` with ``new`` in this place of every local header, and of every entry of the directory."""
    patched = bytearray(content)
    for signature, offset in ((b"PK\3\4", local), (b"PK\1\2", central)):
        at = -1
        while offset is not None and (at := patched.find(signature, at + 1)) >= 0:
            patched[at + offset : at + offset + len(new)] = new
    return bytes(patched)


def _truncate(path: Path, num_bytes: int) -> None:
    with path.open("wb") as file:
        file.truncate(num_bytes)


def _bind(path: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # the path of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(before)
