from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from narrowing import present

from assets.machinery.keys import SOURCE_FILES
from assets.machinery.lineage import latest
from assets.resources.home import Home
from assets.resources.memory import Memory, remember
from har_core.base.progress import silent
from har_core.datasets.dsads.synthetic.writer import write_recordings
from har_core.experiment.loader import load_experiment
from har_core.settings.source import SourceSettings
from pipelines.automation.sensors import build_sensors
from pipelines.runner import PART_OF_TAG


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    write_recordings(folder, SourceSettings(num_subjects=1, num_segments=1), silent)
    return folder


@pytest.fixture
def look(tmp_path: Path, recordings: Path) -> Iterator[Callable[[], tuple[str | None, str | None]]]:
    """What the sensor says at a tick, and the version that is known afterwards."""
    path = tmp_path / "one.toml"
    path.write_text('[source]\nkind = "files"\n[models]\narchitectures = ["cnn"]\n')
    home = Home(tmp_path / "home")
    remember(home, Memory(str(path), str(recordings)))
    sensor = next(s for s in build_sensors(load_experiment(path), home) if s.name == "source")
    with dg.DagsterInstance.ephemeral() as instance:

        def look() -> tuple[str | None, str | None]:
            said = sensor.evaluate_tick(dg.build_sensor_context(instance=instance, sensor_name="source"))
            assert not said.run_requests
            known = latest(instance, SOURCE_FILES)
            return said.skip_message, known.data_version if known is not None else None

        yield look


def test_the_source_is_reported_once(look: Callable[[], tuple[str | None, str | None]], recordings: Path) -> None:
    _, first = look()
    assert first is not None
    assert look() == ("nothing changed since the last look", first)
    path = recordings / "a01" / "p1" / "s01.txt"
    path.write_text(path.read_text() + "\n")
    _, second = look()
    assert second != first


def test_a_source_that_is_away_is_told_and_looked_at_again(
    look: Callable[[], tuple[str | None, str | None]], recordings: Path
) -> None:
    _, first = look()
    recordings.rename(recordings.with_name("away"))
    said, known = look()
    assert "no recordings here" in present(said)
    assert known == first
    recordings.with_name("away").rename(recordings)
    assert look() == ("nothing changed since the last look", first)


@pytest.mark.parametrize(("tags", "num_pages"), [({}, 1), ({PART_OF_TAG: "another"}, 0)])
def test_a_failure_is_told_once_by_the_run_that_others_are_waves_of(
    tmp_path: Path, tags: dict[str, str], num_pages: int
) -> None:
    path = tmp_path / "one.toml"
    path.write_text('[models]\narchitectures = ["cnn"]\n')
    home = Home(tmp_path / "home")
    sensor = next(s for s in build_sensors(load_experiment(path), home) if s.name == "failure_report")

    @dg.asset
    def broken() -> None:
        raise ValueError("no")

    with dg.DagsterInstance.ephemeral() as instance:
        job = dg.Definitions([broken]).resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
        sensor(
            dg.build_run_status_sensor_context(
                sensor_name="failure_report",
                dagster_event=result.get_run_failure_event(),
                dagster_instance=instance,
                dagster_run=result.dagster_run,
            ).for_run_failure()
        )
    assert len(list(home.failures.glob("*.md"))) == num_pages
