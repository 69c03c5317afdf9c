"""``har predict`` with a registered model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from assets.resources.home import Home
from assets.resources.store import Store

if TYPE_CHECKING:
    from har_commands import Result


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


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_model_that_har_run_did_not_write_is_refused_and_nothing_of_it_runs(
    har: Callable[..., Result], experiment: Path, home: Path, tmp_path: Path
) -> None:
    experiment.write_text(experiment.read_text().replace('["shufflenet"]', '["cnn"]\n[models.cnn]\nbase_width = 1'))
    assert har("run", experiment).exit_code == 0
    data, folder = home / "data" / "raw" / "synthetic", Store(Home(home)).folder_of("models:/har@champion")
    shutil.copytree(folder, kept := tmp_path / "kept")
    assert har("predict", data).exit_code == 0
    ran = tmp_path / "ran"

    def foreign() -> None:
        (folder / "code").mkdir()
        (folder / "code" / "evil.py").write_text(f"open({str(ran)!r}, 'w')\n")
        text = (folder / "MLmodel").read_text().replace("loader_module: mlflow.pytorch", "loader_module: evil")
        (folder / "MLmodel").write_text(text.replace("code: null", "code: code"))

    def truncated() -> None:
        (folder / "data" / "model.pt2").write_bytes((kept / "data" / "model.pt2").read_bytes()[:5000])

    def flipped() -> None:
        content = bytearray((kept / "data" / "model.pt2").read_bytes())
        content[-3] ^= 1
        (folder / "data" / "model.pt2").write_bytes(content)

    noise = tmp_path / "noise.txt"
    np.savetxt(noise, np.random.default_rng(0).normal(size=(125, 45)), delimiter=",")
    result = har("predict", noise, "--format", "json")
    [row] = json.loads(result.out)
    assert row["unlike_training"] >= 33
    assert row["unlike_because"].startswith("noise: ")
    assert f"1 of 1 window, in 1 file\n  {noise}: noise: " in result.err

    for change, exit_code, name in [(foreign, 2, "code"), (truncated, 1, "model.pt2"), (flipped, 1, "model.pt2")]:
        change()
        for command, expected in [(("predict", data), exit_code), (("trace",), 1)]:
            result = har(*command)
            assert result.exit_code == expected, (change.__name__, command, result)
            assert name in result.out + result.err
            assert "pickle" not in result.out + result.err
            assert "Traceback" not in result.err
        assert "`har run` makes it again" in har("predict", data).err
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
    assert not ran.exists()
    assert har("predict", data).exit_code == 0
