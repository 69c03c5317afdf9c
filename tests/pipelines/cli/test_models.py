"""What ``har models`` lists."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from pipelines.cli.main import app


def test_what_is_not_known_before_a_fit_is_a_dash(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HAR_HOME", str(tmp_path))
    answer = CliRunner().invoke(app, ["models"])
    assert answer.exit_code == 0
    rows = {line.split()[0]: line.split()[1:] for line in answer.output.splitlines() if line}
    assert rows["random_forest"] == ["–", "–", "har_core/models/random_forest.py"]
    assert rows["cnn"] == ["956,947", "248,708,160", "har_core/models/cnn.py"]
