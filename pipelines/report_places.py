"""Where a report is that a user names: a file, a folder, a home, or an MLflow run of the current home."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assets.resources.home import Home
from assets.resources.store import Store
from har_core.base.errors import InputError, Problem

if TYPE_CHECKING:
    from har_core.report.stored import StoredReport

_RUN_ID = re.compile(r"[0-9a-f]{32}")
_FILE = "report.json"


def find_reports(names: Sequence[str], home: Home) -> list[StoredReport]:
    """The report behind each of ``names``.

    Raises:
        InputError: some of them name none; with the problems of all.
    """
    found: list[StoredReport] = []
    problems: list[Problem] = []
    for name in names:
        try:
            found.append(_find(name, home))
        except InputError as error:
            problems += error.problems or [Problem(path=name, value=error.summary, expected="a report")]
    if problems:
        raise InputError("There are not two reports to compare:", problems)
    return found


def _find(name: str, home: Home) -> StoredReport:
    path = Path(name).expanduser() if name and "\0" not in name else None
    if path is not None and path.is_file():
        return _read_file(path)
    if path is not None and path.is_dir():
        places = [path / _FILE, Home(path.absolute()).report_folder / _FILE]
        for place in places:
            if place.is_file():
                return _read_file(place)
        expected = f"{_FILE} in it, or a home with {places[1].relative_to(path.absolute())}"
        raise InputError(f"{name} has no report", [Problem(path=name, expected=expected)])
    if _RUN_ID.fullmatch(name) and Store(home).path.is_file() and (run := Store(home).read_run(name)) is not None:
        content = run.artifact(_FILE)
        if content is None:
            expected = f"the run of a comparison report in {home.root}, with the artifact {_FILE}"
            raise InputError(f"Run {name} has no report", [Problem(path=name, expected=expected)])
        from har_core.report.stored import read_report

        return read_report(content, f"{_FILE} of run {name}")
    expected = f"a {_FILE}, a folder with one, a home, or the id of an MLflow run in {home.root}"
    raise InputError(f"{name} is no report", [Problem(path=name or "(empty)", expected=expected)])


def _read_file(path: Path) -> StoredReport:
    from har_core.report.stored import read_report_file  # brings NumPy and more: not before there is a file

    return read_report_file(path)
