"""What a command leaves out of its answer, so that it can say so: nothing is lost in silence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from har_core.base.errors import InputError, Problem, counted
from har_core.datasets.dataset import Dataset
from har_core.datasets.opening import require_place, some_of


@dataclass(slots=True)
class LeftOut:
    """What could not be answered for, and why."""

    refused: list[InputError] = field(default_factory=list)
    """Of inputs, recordings and files that are wrong."""
    unknown: list[str] = field(default_factory=list)
    """Files that nothing says to be recordings."""

    @contextmanager
    def keeping_errors(self) -> Iterator[None]:
        """What is wrong within does not end the work."""
        try:
            yield
        except InputError as error:
            self.refused.append(error)

    def raise_refused(self, *, but: str = "") -> None:
        """Do nothing if nothing is wrong. ``but`` says what was done nevertheless.

        Raises:
            InputError: with every problem of everything that was refused.
        """
        if not self.refused:
            return
        problems = [problem for error in self.refused for problem in error.problems]
        summaries = list(dict.fromkeys(error.summary for error in self.refused if not error.problems))
        if len(self.refused) == 1:
            summaries = [self.refused[0].summary]
        elif problems:
            places = counted(len({problem.path for problem in problems}), "place")
            summaries.insert(0, f"{counted(len(problems), 'problem')} in {places}")
        raise InputError("; ".join(summaries) + but, problems)

    def told(self) -> str | None:
        """One line about the files that are unknown; None if there are none."""
        if not self.unknown:
            return None
        return f"Left out, {some_of(self.unknown, 'a file that is no recording', 'files that are no recordings')}"


def require_places(paths: Iterable[Path], expectation: str = "recordings") -> None:
    """Do nothing if something that can be read is at each of ``paths``; nothing is opened.

    ``expectation`` says in words what should lie there.

    Raises:
        InputError: with every path where that is not so.
    """
    left_out = LeftOut()
    for path in paths:
        with left_out.keeping_errors():
            require_place(path, expectation)
    left_out.raise_refused()


def outside_the_layout(names: Sequence[str], dataset: Dataset) -> InputError:
    """Files of which nobody knows who did what."""
    expected = f"{dataset.naming.expectation}, whose names say who did what"
    problems = [Problem(path=name, value=Path(name).name, expected=expected) for name in names]
    return InputError(f"{counted(len(names), 'file')} outside the layout left out", problems)
