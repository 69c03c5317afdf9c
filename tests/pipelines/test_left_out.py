import pytest

from har_core.base.errors import InputError, Problem
from pipelines.cli.options import tell_left_out
from pipelines.left_out import LeftOut


def test_nothing_is_said_where_nothing_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    tell_left_out(LeftOut(), but="; everything else was answered for")
    assert capsys.readouterr() == ("", "")


def test_unknown_files_are_told_in_one_line_and_are_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    tell_left_out(LeftOut(unknown=[f"{name}\x1b.md" for name in "abcdefg"]), but="")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Left out, 7 files that are no recordings: a\\x1b.md, b\\x1b.md")
    assert err.endswith("e\\x1b.md and 2 more\n")


def test_what_is_wrong_is_one_error_with_every_problem() -> None:
    left_out = LeftOut()
    for name in "ab":
        with left_out.keeping_errors():
            raise InputError(f"{name}: 1 problem", [Problem(path=name, expected="125 rows")])
    with left_out.keeping_errors():
        raise InputError("c: no windows")
    with pytest.raises(InputError) as caught:
        tell_left_out(left_out, but="; the rest was answered for")
    assert caught.value.summary == "2 problems in 2 places; c: no windows; the rest was answered for"
    assert [problem.path for problem in caught.value.problems] == ["a", "b"]
