"""Whatever is wrong with an input: an exit code, a message that names the place, and no traceback."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from broken_inputs import broken_inputs

if TYPE_CHECKING:
    from har_commands import Result


def test_every_broken_input_is_refused_by_name(
    har: Callable[..., Result], home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cases = list(broken_inputs(tmp_path_factory.mktemp("broken")))
    wrong = []
    for case in cases:
        try:
            result = har(*case.arguments)
        except Exception as error:  # noqa: BLE001 - named with the others
            wrong.append(f"{case.name}: {''.join(traceback.format_exception(error)[-3:])}")
            continue
        told = " ".join(result.err.split())
        if result.exit_code != case.exit_code or case.named not in told.replace("│ ", ""):
            wrong.append(f"{case.name}: exit code {result.exit_code}, {result.err[:600]!r}")
        elif any(not character.isprintable() for character in result.err.replace("\n", "")):
            wrong.append(f"{case.name}: {result.err!r} cannot be printed")
    assert wrong == []
    assert len({case.name for case in cases}) == len(cases) > 200
