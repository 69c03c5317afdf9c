import json
import pickle

import pytest

from har_core.base.errors import HarError, InputError, Problem, UnknownNameError
from har_core.base.text import printable, printable_lines, to_json

HOSTILE = ["\x1b]0;title\x07", "\x9b31m", "a\nb", "\u202egnp.exe", "\u200b", "caf\udce9", "\ud800", "\x7f", "\u2028"]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_printed_is_one_line_of_printable_text_in_utf_8(text: str) -> None:
    told = printable(text)
    assert told.isprintable()
    assert told.encode()


def test_what_can_be_printed_stays_as_it_is() -> None:
    assert printable("Übung 15° – 走る.txt") == "Übung 15° – 走る.txt"
    assert printable_lines("one\ntwo\r") == "one\ntwo\\r"


@pytest.mark.parametrize("text", HOSTILE)
def test_json_reads_back_and_can_be_printed(text: str) -> None:
    told = to_json({text: [text, "Übung"]}, indent=None)
    assert told.isprintable()
    assert "Übung" in told
    assert json.loads(told) == {text: [text, "Übung"]}


@pytest.mark.parametrize("text", HOSTILE)
def test_errors_can_be_printed_and_written_whoever_raises_them(text: str) -> None:
    problem = Problem(path=text, line=3, value=text, expected=text)
    for error in (HarError(text), InputError(text, [problem]), problem):
        assert all(line.isprintable() for line in str(error).split("\n"))
        assert str(error).encode()
    assert len(str(InputError(text, [problem])).split("\n")) == 2


@pytest.mark.parametrize("kind", [InputError, UnknownNameError])
def test_errors_of_another_process_say_the_same(kind: type[InputError]) -> None:
    error = kind("Wrong", [Problem(path="here", value="1", expected="2")])
    arrived = pickle.loads(pickle.dumps(error))  # noqa: S301 - made here
    assert (type(arrived), str(arrived), arrived.problems) == (kind, str(error), error.problems)
