"""Commands take recordings for what the home's experiment is of, where nobody says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from card_examples import PLAIN, card_at, some_files, write

from assets.resources.home import Home
from assets.resources.memory import remember
from pipelines.homes import propose

if TYPE_CHECKING:
    from har_commands import Result


def test_audit(har: Callable[..., Result], home: Path, tmp_path: Path) -> None:
    card, data = card_at(tmp_path, PLAIN), write(tmp_path, some_files())
    refused = har("audit", data)
    assert refused.exit_code == 2
    assert "aNN/pN/sNN.txt" in refused.err
    experiment = tmp_path / "own.toml"
    experiment.write_text(f'[source]\nkind = "files"\ndataset = "{card.path}"\n[models]\narchitectures = ["lda"]\n')
    remember(Home(home), propose(Home(home), experiment))
    assert har("audit", data).exit_code == 0
    assert har("audit", data, "--dataset", "dsads").exit_code == 2
