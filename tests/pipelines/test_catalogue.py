"""What ``har models`` lists."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from har_core.models import is_network, list_models
from pipelines.catalogue import list_architectures
from pipelines.cli.main import app

ROOT = Path(__file__).parents[2]


def test_every_architecture_with_its_costs_and_its_file() -> None:
    entries = {entry.name: entry for entry in list_architectures()}
    assert list(entries) == list_models()
    assert (entries["cnn"].num_parameters, entries["cnn"].macs) == (956_947, 248_708_160)
    for entry in entries.values():
        assert (ROOT / entry.source).is_file()
        assert (entry.num_parameters is None) is (entry.macs is None) is not is_network(entry.name)


def test_what_is_not_known_before_a_fit_is_a_dash(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HAR_HOME", str(tmp_path))
    answer = CliRunner().invoke(app, ["models"])
    assert answer.exit_code == 0
    rows = {line.split()[0]: line.split()[1:] for line in answer.output.splitlines() if line}
    assert rows["random_forest"] == ["–", "–", "har_core/models/random_forest.py"]
    assert rows["cnn"] == ["956,947", "248,708,160", "har_core/models/cnn.py"]
