"""The whole graph as real processes, killed and continued. The tests build on each other: one home, in this order."""

from __future__ import annotations

import re
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from mlflow import MlflowClient
from narrowing import present

if TYPE_CHECKING:
    from tests.e2e.conftest import Har

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NUM_EPOCHS = 12


def dagster_runs(home: Path) -> list[dg.DagsterRunStatus]:
    with dg.DagsterInstance.from_config(str(home / ".dagster")) as instance:
        return [run.status for run in reversed(instance.get_runs())]


def data_version(home: Path, *key: str) -> str:
    with dg.DagsterInstance.from_config(str(home / ".dagster")) as instance:
        event = present(instance.get_latest_materialization_event(dg.AssetKey(key)))
    return present(present(event.asset_materialization).tags)["dagster/data_version"]


@pytest.fixture(scope="module")
def har(har: Har, tmp_path_factory: pytest.TempPathFactory) -> Har:
    """In a home of this module's own, with settings and recordings of its own to change."""
    folder = tmp_path_factory.mktemp("run")
    experiment = Path(shutil.copy(har.experiment, folder))
    data = Path(shutil.copytree(har.data, folder / "recordings"))
    return replace(har, home=folder / "home", experiment=experiment, data=data)


@pytest.fixture(scope="module")
def killed(har: Har) -> None:
    code, lines = har.stop_at("models/shufflenet: epoch 3/", signal.SIGKILL)  # as a power cut would
    assert code == -signal.SIGKILL, "\n".join(lines)


@pytest.fixture(scope="module")
def continued(har: Har, killed: None) -> list[str]:
    assert (har.home / "data" / "checkpoints" / "models" / "shufflenet.pt").is_file()
    return har("run", har.experiment).stderr.splitlines()


def test_continued_run_does_no_finished_epoch_again(continued: list[str]) -> None:
    (resumed,) = re.findall(r"models/shufflenet: .* resumed after epoch (\d+)", "\n".join(continued))
    assert int(resumed) >= 3
    epochs = re.findall(r"models/shufflenet: epoch (\d+)/", "\n".join(continued))
    assert [int(epoch) for epoch in epochs] == list(range(int(resumed) + 1, NUM_EPOCHS + 1))
    assert not any(line.startswith(("windows:", "raw_recordings:")) for line in continued)


def test_checkpoint_is_gone_once_the_model_is_published(har: Har, continued: list[str]) -> None:
    assert not list((har.home / "data" / "checkpoints").rglob("*.pt"))


def test_interrupted_runs_are_closed_and_the_new_one_holds_every_epoch(har: Har, continued: list[str]) -> None:
    assert dagster_runs(har.home)[:2] == [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS]
    client = MlflowClient(f"sqlite:///{har.home / 'mlruns' / 'mlflow.db'}")
    (experiment,) = [e for e in client.search_experiments() if e.name == "har"]
    runs = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time"])
    trainings = [run for run in runs if run.data.tags["dagster.asset_key"] == "models/shufflenet"]
    assert [run.info.status for run in trainings] == ["FAILED", "FINISHED"]
    assert not [run for run in runs if run.info.status == "RUNNING"]
    history = client.get_metric_history(trainings[1].info.run_id, "epoch/validation_macro_f1")
    assert sorted(metric.step for metric in history) == list(range(1, NUM_EPOCHS + 1))


def test_second_run_does_nothing(har: Har, continued: list[str]) -> None:
    assert har.run() == []
    assert all(line.startswith("fresh") for line in har("status", har.experiment).stdout.splitlines())


def test_unbroken_run_has_the_same_weights(har: Har, continued: list[str]) -> None:
    broken = data_version(har.home, "models", "shufflenet")
    assert har.run("--force", "--select", "models/shufflenet") == ["models/shufflenet"]
    assert data_version(har.home, "models", "shufflenet") == broken


def test_touched_file_and_trailing_newline_retrain_nothing(har: Har, continued: list[str]) -> None:
    touched, longer = sorted(har.data.rglob("s01.txt"))[:2]
    touched.touch()
    assert har.run() == []
    longer.write_bytes(longer.read_bytes() + b"\n")
    assert set(har.run()) <= {"raw_recordings", "recording_audit", "windows"}
    assert har.run() == []


def test_lost_output_is_made_again(har: Har, continued: list[str]) -> None:
    (har.home / "data" / "reports" / "latest" / "report.md").unlink()
    assert har.run() == ["comparison_report"]


def test_changed_settings_of_one_model_retrain_it_alone(har: Har, continued: list[str]) -> None:
    text = har.experiment.read_text()
    har.experiment.write_text(text.replace("hidden_size = 8", "hidden_size = 9"))
    status = har("status", har.experiment).stdout
    due = r"^stale +models/lstm +setting models\.lstm\.hidden_size changed 8 → 9; took [0-9:]+ last time$"
    assert re.search(due, status, re.MULTILINE)
    assert re.search(r"^pending +champion +.*models/lstm is stale$", status, re.MULTILINE)
    assert har.run() == ["models/lstm", "champion", "comparison_report"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interruption_ends_in_order_and_the_next_run_goes_on(
    har: Har, continued: list[str], number: signal.Signals
) -> None:
    text = har.experiment.read_text()
    har.experiment.write_text(re.sub(r"weight_decay = .*", f"weight_decay = 0.0{number}", text))
    code, lines = har.stop_at("models/shufflenet: epoch 2/", number)
    assert code == 1
    assert lines[-1] == "Interrupted; what was finished is kept, and the same command continues where this one ended."
    assert not [line for line in lines if "Traceback" in line]
    assert dagster_runs(har.home)[-1] == dg.DagsterRunStatus.FAILURE
    assert "resumed after epoch" in har("run", har.experiment).stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_force_leaves_what_stood(har: Har, continued: list[str], number: signal.Signals) -> None:
    before, aliases = data_version(har.home, "models", "shufflenet"), har("models", "--json").stdout
    options = ("--force", "--seed", "6", "--select", "models/shufflenet")
    _, lines = har.stop_at("models/shufflenet: epoch 2/", number, *options)
    if number == signal.SIGINT:
        assert lines[-1] == "Interrupted; what was finished is kept, and the same command begins it anew."
    assert har.run() == []
    assert data_version(har.home, "models", "shufflenet") == before
    assert har("models", "--json").stdout == aliases
    assert not list((har.home / "data").rglob("*.pt"))
    assert not list((har.home / "data").rglob("*.part"))


def test_terminal_shows_progress_and_no_noise(har: Har, continued: list[str]) -> None:
    done = har("run", har.experiment, "--force", "--select", "windows")
    assert done.stderr.splitlines()[0] == "windows: forced"
    assert all(line.startswith("windows: ") for line in done.stderr.splitlines())
    assert f"Report:  {har.home / 'data' / 'reports' / 'latest' / 'report.html'}" in done.stdout
