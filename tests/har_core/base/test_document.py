"""Where a key stands in a TOML file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_core.base.document import as_toml, read_document
from har_core.base.errors import InputError

TEXT = '''# a comment
top = 1

[training]      # one more
epochs = 5
title = """
epochs = 7
"""
models.lstm.epochs = 6

[models]
architectures = [
    "cnn",
    "lstm",
]
lstm = { seed = 1, epochs = 2 }
'''


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("top",), 2),
        (("training",), 4),
        (("training", "epochs"), 5),
        (("training", "title"), 6),
        (("training", "models", "lstm", "epochs"), 9),
        (("models", "architectures"), 12),
        (("models", "architectures", 1), 12),
        (("models", "lstm", "epochs"), 16),
        (("models", "absent"), 11),
        (("absent", "too"), None),
    ],
)
def test_line_of_a_key(tmp_path: Path, key: tuple[str | int, ...], line: int | None) -> None:
    path = tmp_path / "a.toml"
    path.write_text(TEXT)
    assert read_document(path).line_of(key) == line


@given(num_blank=st.integers(0, 5), num_keys=st.integers(1, 8), windows=st.booleans())
def test_line_of_a_key_whatever_stands_before_it(
    tmp_path_factory: pytest.TempPathFactory, num_blank: int, num_keys: int, windows: bool
) -> None:
    lines = ["# note", *[""] * num_blank, "[windows]", *[f"key{index} = {index}" for index in range(num_keys)]]
    path = tmp_path_factory.mktemp("document") / "a.toml"
    path.write_bytes(("\r\n" if windows else "\n").join(lines).encode())
    document = read_document(path)
    assert [document.line_of(("windows", f"key{index}")) for index in range(num_keys)] == [
        num_blank + 3 + index for index in range(num_keys)
    ]


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xef\xbb\xbftop = 1\n")
    assert read_document(path).values == {"top": 1}


@pytest.mark.parametrize(
    ("content", "line", "column", "value"),
    [
        (b"a = 1\n[b\nc = 2\n", 2, 3, "[b"),
        (b"a = 1\na = 2\n", 2, 6, "a = 2"),
        (b"a = [1,", 1, None, "a = [1,"),
        (b"a = 1\nb = 'caf\xe9'\n", 2, None, "bytes e9"),
    ],
)
def test_what_is_no_toml_is_refused_with_its_place(
    tmp_path: Path, content: bytes, line: int, column: int | None, value: str
) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_document(path)
    (problem,) = caught.value.problems
    assert (problem.path, problem.line, problem.column, problem.value) == (str(path), line, column, value)


@pytest.mark.parametrize("name", ["absent.toml", "."])
def test_what_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_document(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "line", "value", "expected"),
    [
        (b"a = 1\nb = " + b"9" * 5_000, 2, "9" * 80 + "…", "numbers of fewer digits"),
        (b"a = 1\nb = 0x" + b"f" * 5_000, 2, "b = 0x" + "f" * 78 + "…", "a whole number of at most 64 bits"),
        (b"b = [1, -9223372036854775809]", 1, "b[1] = -0x8000000000000001", "a whole number of at most 64 bits"),
        (b"\nb = " + b"[" * 30 + b"]" * 30, 2, None, "at most 20 lists in each other"),
        (b"b = " + b"[" * 9_000 + b"]" * 9_000, None, None, "valid TOML (maximum recursion depth exceeded)"),
        (b"\n" + b"a." * 10_000 + b"a = 1", 2, "a." * 40 + "…", "a line of fewer dots"),
        ("b = 1".encode("utf-16"), 1, "UTF-16", "text in UTF-8"),
        (b"#" * 250_001, None, "250001 bytes", "at most 250000 bytes"),
        ("# \u2028\x85\nb = ".encode(), 2, None, "valid TOML (Invalid value)"),
    ],
)
def test_what_no_setting_can_be_is_refused_with_its_place(
    tmp_path: Path, content: bytes, line: int | None, value: str | None, expected: str
) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_document(path)
    (problem,) = caught.value.problems
    assert (problem.line, problem.expected) == (line, expected)
    assert value is None or problem.value == value


@pytest.mark.parametrize("name", ["/dev/zero", "pipe"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"found 'a (device|named pipe)'"):
        read_document(tmp_path / name)


def test_lines_of_tables_in_lists(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"[[x]]\r\na = 1\r\n[[x]]\r\na = [\r\n [1], [2],\r\n]\r\n[x.y.z]\r\nb = 1\r\n[[x.w]]\r\nc.d = 2")
    document = read_document(path)
    keys = [
        ("x", 0, "a"),
        ("x", 1),
        ("x", 1, "a", 1, 0),
        ("x", 1, "y"),
        ("x", 1, "y", "z", "b"),
        ("x", 1, "w", 0, "c", "d"),
    ]
    assert [document.line_of(key) for key in keys] == [2, 3, 4, 7, 8, 10]


def test_a_long_value_is_shortened() -> None:
    assert as_toml(["a", 1, True, 2.5]) == '["a", 1, true, 2.5]'
    assert len(as_toml("x" * 1000)) < 100
