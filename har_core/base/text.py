"""Text from outside, made fit to be printed, stored and sent: names of files, values in them, what a server says."""

from __future__ import annotations

import json
import re
from typing import Any

_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""Control characters, which a terminal obeys; those that reorder or hide text; halves of surrogate pairs."""
_MARKDOWN_SPECIAL = re.compile(r"([\\`*{}\[\]<>|#~]|(?<!\w)_|_(?!\w))")
"""An underscore within a word is only that."""
_IN_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "#$%&_{}"}
    | {character: f"{{{character}}}" for character in "[]*"}  # they mean something behind the end of a row
    | {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "`": r"\textasciigrave{}",
        "°": r"\textdegree{}",
        "±": r"$\pm$",
        "×": r"$\times$",
        "−": "$-$",
        "²": r"\textsuperscript{2}",
        "\N{NON-BREAKING HYPHEN}": "-",
        "–": "--",
    }
)
_FIRST_BYTE, _LAST_BYTE = "\udc80", "\udcff"
"""What Python puts in the place of bytes of a file name that are no UTF-8 (PEP 383)."""


def printable(text: object) -> str:
    r"""``text`` in one line that can be printed and stored anywhere: what cannot is written as in a Python string.

    >>> printable("a01/p1"), printable("\x1b[31mred\n"), printable(b"caf\xe9".decode(errors="surrogateescape"))
    ('a01/p1', '\\x1b[31mred\\n', 'caf\\xe9')
    """
    return _UNPRINTABLE.sub(_escape, str(text))


def printable_lines(text: object) -> str:
    """:func:`printable` line by line, for text whose line ends are meant."""
    return "\n".join(map(printable, str(text).split("\n")))


def as_markdown(text: object) -> str:
    r"""Text that Markdown shows as it is, in a table too.

    >>> as_markdown("a|b\n*c*<d>")
    'a\\|b \\*c\\*\\<d\\>'
    """
    return _MARKDOWN_SPECIAL.sub(r"\\\1", printable(" ".join(str(text).split())))


def as_latex(text: object) -> str:
    r"""Text that LaTeX prints as it is.

    >>> as_latex("50% of a_b\n~ {3 − 2} °C")
    '50\\% of a\\_b \\textasciitilde{} \\{3 $-$ 2\\} \\textdegree{}C'
    """
    return printable(" ".join(str(text).split())).translate(_IN_LATEX)


def to_json(value: Any, *, indent: int | None = 2) -> str:
    r"""``value`` as JSON that can be printed anywhere and reads back as it was.

    >>> to_json(["Übung", "\x9b31m"], indent=None)
    '["Übung", "\\u009b31m"]'
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: found[0] if found[0] == "\n" else json.dumps(found[0])[1:-1], text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if _FIRST_BYTE <= character <= _LAST_BYTE:
        return f"\\x{ord(character) - 0xDC00:02x}"
    return repr(character)[1:-1]
