"""``har predict`` with a registered model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.pipelines.cli.conftest import Result


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_champion_of_joined_segments_answers_for_what_it_was_trained_on(
    har: Callable[..., Result], experiment: Path, home: Path, tmp_path: Path
) -> None:
    text = experiment.read_text().replace("num_segments = 1", "num_segments = 4")
    text = text.replace('["shufflenet"]', '["cnn"]\n[models.cnn]\nbase_width = 1')
    experiment.write_text(text.replace("[splits]", "[windows]\nlength = 250\njoin_segments = true\n\n[splits]"))
    assert har("run", experiment).exit_code == 0
    data = home / "data" / "raw" / "synthetic"
    result = har("predict", data, "--format", "json")
    assert result.exit_code == 0, result.err
    rows = json.loads(result.out)
    paths = [f"{data}/a{a:02d}/p{p}/s{s:02d}.txt" for p in (1, 2, 3) for a in range(1, 20) for s in (1, 3)]
    assert [(row["path"], row["start_s"]) for row in rows] == [(path, 0.0) for path in paths]

    loose = tmp_path / "loose.txt"
    loose.write_bytes((data / "a01" / "p1" / "s01.txt").read_bytes())
    result = har("predict", loose)
    assert result.exit_code == 2
    assert "loose.txt: a segment has 125 samples and the model takes windows of 250" in result.err
