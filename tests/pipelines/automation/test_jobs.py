from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from narrowing import present

from assets.resources.home import Home
from har_core.experiment.loader import load_experiment
from pipelines.definitions import build_definitions


@pytest.fixture
def definitions(tmp_path: Path) -> dg.Definitions:
    path = tmp_path / "one.toml"
    path.write_text(
        '[models]\narchitectures = ["cnn"]\n'
        '[automation]\nrefresh = "30 1 * * *"\ntimezone = "Europe/Berlin"\nseconds_between_looks = 7\n'
    )
    return build_definitions(load_experiment(path), Home(tmp_path))


def test_schedules_run_when_the_experiment_says_and_are_off_at_first(definitions: dg.Definitions) -> None:
    schedules = {s.name: s for s in definitions.get_repository_def().schedule_defs}
    assert {name: s.cron_schedule for name, s in schedules.items()} == {
        "nightly_refresh": "30 1 * * *",
        "weekly_retraining": "0 4 * * 0",
    }
    assert {s.execution_timezone for s in schedules.values()} == {"Europe/Berlin"}
    assert {s.default_status for s in schedules.values()} == {dg.DefaultScheduleStatus.STOPPED}


def test_sensors_are_off_at_first(definitions: dg.Definitions) -> None:
    sensors = {s.name: s for s in definitions.get_repository_def().sensor_defs}
    assert set(sensors) == {"source", "automation", "failure_report"}
    assert {s.default_status for s in sensors.values()} == {dg.DefaultSensorStatus.STOPPED}
    assert {s.minimum_interval_seconds for s in sensors.values()} == {7}


def test_every_asset_that_is_made_here_has_the_condition(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    assert all(graph.get(key).automation_condition is not None for key in graph.materializable_asset_keys)


def test_a_retraining_takes_its_seed_from_its_date(definitions: dg.Definitions) -> None:
    schedule = definitions.get_repository_def().get_schedule_def("weekly_retraining")
    at = datetime(2026, 11, 29, 4, tzinfo=UTC)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(instance=instance, scheduled_execution_time=at)
        (request,) = present(schedule.evaluate_tick(context).run_requests)
    assert request.run_config == {"ops": {"retrain_models": {"config": {"seed": 20261129}}}}
    assert request.tags["har/seed"] == "20261129"


def test_two_models_never_train_at_once(definitions: dg.Definitions) -> None:
    """The queue's limit is in ``dagster.yaml``; within a run, steps follow each other."""
    assert definitions.resolve_implicit_global_asset_job_def().executor_def is dg.in_process_executor
