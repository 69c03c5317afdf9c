"""Automation as a real daemon does it: ticks until quiet, a change, ticks until quiet, and what was made meanwhile.

The tests build on each other: one home, one copy of the sources to edit, in this order.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import TickStatus
from narrowing import as_type, present
from pages import logged_in, read_links
from processes import wait_for_the_end_of

if TYPE_CHECKING:
    from tests.e2e.conftest import Har

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
PATIENCE_S = 400
FOR_HOURS = 10_000
"""Epochs of a training that is stopped long before its end."""
HERE = 'repositoryLocationName: "har", repositoryName: "__repository__",'
DATA = {"raw_recordings", "recording_audit", "windows", "splits"}
MODELS = {"models/lstm", "models/shufflenet"}
BOTTOM = {"comparison_report", "champion"}


@dataclass(frozen=True)
class Site:
    """A home with its recordings, and a copy of the sources that every process here runs from."""

    har: Har
    """``har`` as in conftest."""
    sources: Path
    dagster_port: int
    running: list[subprocess.Popen[str]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    """To Dagster's pages, one for each start."""

    @property
    def environment(self) -> dict[str, str]:
        home = self.har.home
        names = {"DAGSTER_HOME": home / ".dagster", "HAR_EXPERIMENT": self.har.experiment, "PYTHONPATH": self.sources}
        return self.har.environment | {name: str(value) for name, value in names.items()}

    def call(self, *command: object, expect: int = 0) -> subprocess.CompletedProcess[str]:
        """``har``, from the copy of the sources."""
        done = self.har.forks.run(["-m", "pipelines", *command], self.environment, self.har.home / ".dagster")
        assert done.returncode == expect, done.stdout + done.stderr
        return done

    def run(self) -> None:
        self.call("run", self.har.experiment, "--data", self.har.data)

    def ask(self, query: str) -> Any:
        """As a click on the pages does."""
        with logged_in(self.links[-1]) as client:
            answer = client.post("/graphql", json={"query": query}).raise_for_status().json()
        assert "errors" not in answer, answer
        (found,) = answer["data"].values()
        assert "Error" not in found["__typename"], answer
        return found

    def start_sensor(self, name: str) -> None:
        self.ask(f'mutation {{ startSensor(sensorSelector: {{ {HERE} sensorName: "{name}" }}) {{ __typename }} }}')

    def stop_sensor(self, name: str) -> None:
        sensor = f'sensorOrError(sensorSelector: {{ {HERE} sensorName: "{name}" }})'
        state = self.ask(f"{{ {sensor} {{ __typename ... on Sensor {{ sensorState {{ id }} }} }} }}")["sensorState"]
        self.ask(f'mutation {{ stopSensor(id: "{state["id"]}") {{ __typename }} }}')

    def start_schedule(self, name: str) -> None:
        self.ask(
            f'mutation {{ startSchedule(scheduleSelector: {{ {HERE} scheduleName: "{name}" }}) {{ __typename }} }}'
        )

    def stop_schedule(self, name: str) -> None:
        schedule = f'scheduleOrError(scheduleSelector: {{ {HERE} scheduleName: "{name}" }})'
        state = self.ask(f"{{ {schedule} {{ __typename ... on Schedule {{ scheduleState {{ id }} }} }} }}")
        self.ask(f'mutation {{ stopRunningSchedule(id: "{state["scheduleState"]["id"]}") {{ __typename }} }}')

    def launch(self, job: str, run_config: str = "{}") -> None:
        selector = f'selector: {{ {HERE} jobName: "{job}" }}, runConfigData: {json.dumps(run_config)}'
        self.ask(f"mutation {{ launchRun(executionParams: {{ {selector} }}) {{ __typename }} }}")

    def start(self) -> None:
        """``har ui``, with the daemon in it; returns when the pages are there."""
        ports = ["--dagster-port", str(self.dagster_port), "--mlflow-port", str(free_port())]
        process = subprocess.Popen(
            [sys.executable, "-m", "pipelines", "ui", *ports],
            env=self.environment,
            cwd=self.har.home,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.running.append(process)
        self.links.append(read_links(process)[0])

    def stop(self) -> None:
        while self.running:
            with self.running.pop() as process:
                process.send_signal(signal.SIGINT)
            assert process.returncode == 0

    @contextmanager
    def trained_for(self, epochs: int) -> Iterator[None]:
        """``shufflenet`` takes so many epochs, as long as this is open."""
        text = self.har.experiment.read_text()
        self.har.experiment.write_text(text.replace("base_width = 16", f"base_width = 16\nepochs = {epochs}"))
        yield
        self.har.experiment.write_text(text)

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        with dg.DagsterInstance.from_config(str(self.har.home / ".dagster")) as instance:
            yield instance

    def last_event(self) -> int:
        with self.instance() as instance:
            found = [instance.fetch_materializations(key, limit=1).records for key in instance.all_asset_keys()]
            return max(record.storage_id for records in found for record in records)

    def made(self, after: int) -> Counter[str]:
        made: Counter[str] = Counter()
        with self.instance() as instance:
            for key in instance.all_asset_keys():
                wanted = dg.AssetRecordsFilter(asset_key=key, after_storage_id=after)
                made[key.to_user_string()] += len(instance.fetch_materializations(wanted, limit=1000).records)
        return +made - Counter({"source_files": 1000})

    def wait_until(self, is_so: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while not is_so():
            log = (self.har.home / ".dagster" / "har.log").read_text()[-4000:]
            assert time.monotonic() < end, f"{what} never came; the log ends:\n{log}"
            time.sleep(1)

    def settle(self, after: int, expected: set[str]) -> None:
        """Wait until ``expected`` was made, no run is left and the sensors ask for nothing; nothing else was made."""
        self.wait_until(lambda: set(self.made(after)) >= expected, ", ".join(expected))
        seen = time.time()
        self.wait_until(lambda: self.num_quiet_ticks(seen) >= 3, "quiet")
        assert self.made(after) == Counter(expected)
        told = self.call("status", self.har.experiment).stdout
        assert all(line.startswith("fresh") for line in told.splitlines()), told

    def num_quiet_ticks(self, since: float) -> int:
        with self.instance() as instance:
            if self.unfinished():
                return 0
            (state,) = [s for s in instance.all_instigator_state() if s.origin.instigator_name == "automation"]
            ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, after=since)
            assert not [tick for tick in ticks if tick.status is TickStatus.FAILURE], [tick.error for tick in ticks]
            return len([tick for tick in ticks if tick.status is TickStatus.SKIPPED])

    def is_at(self, step: str) -> bool:
        """Whether a run that is not over has begun with ``step``."""
        started = dg.DagsterEventType.STEP_START
        with self.instance() as instance:
            logs = [instance.all_logs(run.run_id, of_type=started) for run in self.unfinished()]
        return any(entry.step_key == step for log in logs for entry in log)

    def unfinished(self) -> list[dg.DagsterRun]:
        """The runs that are not over, the oldest first."""
        with self.instance() as instance:
            return [*reversed(instance.get_runs(dg.RunsFilter(statuses=[*UNFINISHED])))]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return as_type(int, probe.getsockname()[1])


UNFINISHED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
)


@pytest.fixture(scope="module")
def site(har: Har, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Everything ran once, by hand; the sensors are switched on, and have looked at everything once."""
    folder = tmp_path_factory.mktemp("automation")
    experiment = folder / "tiny.toml"
    text = har.experiment.read_text().replace("epochs = 12", "epochs = 1").replace("epochs = 2", "epochs = 1")
    experiment.write_text(text + "\n[automation]\nseconds_between_looks = 2\n")
    data = Path(shutil.copytree(har.data, folder / "recordings"))
    sources = folder / "sources"
    for package in ("har_core", "assets", "pipelines"):
        shutil.copytree(ROOT / package, sources / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "workspace.yaml", sources)
    site = Site(replace(har, home=folder / "home", experiment=experiment, data=data), sources, free_port())
    (site.har.home / ".dagster").mkdir(parents=True)
    site.run()
    site.start()
    for sensor in ("source", "automation", "failure_report"):
        site.start_sensor(sensor)
    site.settle(site.last_event(), set())
    yield site
    site.stop()


def test_a_changed_setting_of_one_model(site: Site) -> None:
    after = site.last_event()
    text = site.har.experiment.read_text()
    site.har.experiment.write_text(text.replace("hidden_size = 8", "hidden_size = 9"))
    site.settle(after, {"models/lstm", *BOTTOM})


def test_a_corrected_recording(site: Site) -> None:
    after = site.last_event()
    path = site.har.data / "a03" / "p1" / "s01.txt"
    first, _, rest = path.read_text().partition(",")
    path.write_text(f"{float(first) + 0.01:.5f},{rest}")
    site.settle(after, DATA | MODELS | BOTTOM)


def test_a_spoiled_recording_leaves_everything_and_a_page_that_says_why(site: Site) -> None:
    after = site.last_event()
    path = site.har.data / "a03" / "p1" / "s01.txt"
    good = path.read_text()
    path.write_text("none" + good)
    failures = site.har.home / "failures"
    site.wait_until(lambda: failures.is_dir() and bool(list(failures.glob("*.md"))), "a page of the failure")
    (page,) = failures.glob("*.md")
    assert page.read_text().startswith("# raw_recordings failed\n")
    assert "s01.txt" in page.read_text()
    assert "Traceback" not in page.read_text()
    assert not site.made(after)
    path.write_text(good)
    site.settle(after, set())


def test_an_edited_architecture_while_the_daemon_was_down(site: Site) -> None:
    after = site.last_event()
    site.stop()
    path = site.sources / "har_core" / "models" / "lstm.py"
    path.write_text(path.read_text() + "\nEDITED = 1\n")
    site.start()
    site.settle(after, {"models/lstm"})


def test_the_nightly_refresh_finds_what_the_sensors_did_not(site: Site) -> None:
    after = site.last_event()
    site.stop_sensor("automation")
    (site.har.home / "data" / "reports" / "latest" / "report.md").unlink()
    text = site.har.experiment.read_text()
    site.har.experiment.write_text(text + 'refresh = "* * * * *"\n')
    site.start_schedule("nightly_refresh")
    site.wait_until(lambda: bool(site.made(after)), "the report")
    site.stop_schedule("nightly_refresh")
    site.wait_until(lambda: not site.unfinished(), "the end of the run")
    assert site.made(after) == Counter(["comparison_report"])
    site.start_sensor("automation")


def test_runs_of_har_and_of_the_queue_follow_each_other(site: Site) -> None:
    site.stop_sensor("automation")  # before it can ask for what changes now
    site.wait_until(lambda: not site.unfinished(), "the end of what it asked for")
    command = ["-m", "pipelines", "run", site.har.experiment, "--select", "models/shufflenet"]
    with site.trained_for(epochs=300):
        with site.har.forks.start(command, site.environment, site.har.home) as har:
            for line in present(har.stdout):
                if "epoch 1/300" in line:
                    break
            site.launch("refresh")
            time.sleep(10)
            told = "it ended, or the training is too short for this test"
            assert har.poll() is None, f"{told}: {present(har.stdout).read()}"
            states = [run.status for run in site.unfinished()]
            assert states == [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.QUEUED]
            present(har.stdout).read()
        assert har.returncode == 0
        site.wait_until(lambda: not site.unfinished(), "the run from the queue")
    with site.instance() as instance:
        (queued,) = instance.get_run_records(dg.RunsFilter(job_name="refresh"), limit=1)
    assert queued.dagster_run.is_success


def test_har_says_which_run_is_at_work_and_the_page_can_stop_it(site: Site) -> None:
    with site.trained_for(epochs=FOR_HOURS):
        site.launch("retraining", '{"ops": {"retrain_models": {"config": {"seed": 3}}}}')
        site.wait_until(lambda: site.is_at("models__shufflenet"), "the training")
        assert "(Dagster run " in site.call("run", site.har.experiment, expect=1).stderr
        with site.instance() as instance:
            (run, *_) = instance.get_runs(dg.RunsFilter(job_name="retraining"), limit=1)
            assert instance.run_launcher.terminate(run.run_id)
        site.wait_until(lambda: not site.unfinished(), "the end of the run that was stopped")
    with site.instance() as instance:
        assert present(instance.get_run_by_id(run.run_id)).status in {
            dg.DagsterRunStatus.CANCELED,
            dg.DagsterRunStatus.FAILURE,
        }
    site.run()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes in /proc")
def test_a_kill_ends_the_servers_and_the_training_that_they_started(site: Site) -> None:
    with site.trained_for(epochs=FOR_HOURS):
        site.launch("retraining", '{"ops": {"retrain_models": {"config": {"seed": 4}}}}')
        site.wait_until(lambda: site.is_at("models__shufflenet"), "the training")
        with site.running.pop() as process:
            process.kill()
        wait_for_the_end_of(f"HAR_HOME={site.har.home}", 60)
        assert not site.unfinished()
