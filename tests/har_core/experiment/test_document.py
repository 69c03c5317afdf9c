"""Where a key stands in a TOML file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_core.base.errors import InputError
from har_core.experiment.document import as_toml, read_document

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


def test_a_long_value_is_shortened() -> None:
    assert as_toml(["a", 1, True, 2.5]) == '["a", 1, true, 2.5]'
    assert len(as_toml("x" * 1000)) < 100
