from pathlib import Path

import dagster as dg
import pytest

from assets.lineage import latest
from assets.resources.home import Home
from assets.source import SOURCE_KEY
from har_core.dsads.synthetic.writer import write_recordings
from har_core.progress import silent
from har_core.settings.experiment import load_experiment
from har_core.settings.source import SourceSettings
from pipelines.automation.sensors import build_sensors
from pipelines.homes import Memory, remember


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    write_recordings(folder, SourceSettings(num_subjects=1, num_segments=1), silent)
    return folder


@pytest.fixture
def look(tmp_path: Path, recordings: Path):
    """What the sensor says at a tick, and the version that is known afterwards."""
    path = tmp_path / "one.toml"
    path.write_text('[source]\nkind = "files"\n[models]\narchitectures = ["cnn"]\n')
    home = Home(tmp_path / "home")
    remember(home, Memory(str(path), str(recordings)))
    sensor = next(s for s in build_sensors(load_experiment(path), home) if s.name == "source")
    with dg.DagsterInstance.ephemeral() as instance:

        def look() -> tuple[str, str | None]:
            said = sensor.evaluate_tick(dg.build_sensor_context(instance=instance, sensor_name="source"))
            assert not said.run_requests
            known = latest(instance, SOURCE_KEY)
            return said.skip_message, known.data_version if known is not None else None

        yield look


def test_the_source_is_reported_once(look, recordings):
    _, first = look()
    assert first is not None
    assert look() == ("nothing changed since the last look", first)
    path = recordings / "a01" / "p1" / "s01.txt"
    path.write_text(path.read_text() + "\n")
    _, second = look()
    assert second != first


def test_a_source_that_is_away_is_told_and_looked_at_again(look, recordings):
    _, first = look()
    recordings.rename(recordings.with_name("away"))
    said, known = look()
    assert "no recordings here" in said
    assert known == first
    recordings.with_name("away").rename(recordings)
    assert look() == ("nothing changed since the last look", first)
