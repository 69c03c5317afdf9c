"""Automation as a real daemon does it: ticks until quiet, a change, ticks until quiet, and what was made meanwhile.

The tests build on each other: one home, one copy of the sources to edit, in this order.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import TickStatus

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
PATIENCE_S = 400
DATA = {"raw_recordings", "recording_audit", "windows", "splits"}
MODELS = {"models/lstm", "models/shufflenet"}
BOTTOM = {"comparison_report", "champion"}


@dataclass(frozen=True)
class Site:
    """A home with its recordings, and a copy of the sources that every process here runs from."""

    har: Any
    """``har`` as in conftest."""
    sources: Path
    daemons: list[subprocess.Popen] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        home = self.har.home
        names = {"DAGSTER_HOME": home / ".dagster", "HAR_EXPERIMENT": self.har.experiment, "PYTHONPATH": self.sources}
        return self.har.environment | {name: str(value) for name, value in names.items()}

    def call(self, *command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            env=self.environment,
            cwd=self.har.home / ".dagster",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self) -> None:
        self.call("pipelines", "run", str(self.har.experiment), "--data", str(self.har.data))

    def dagster(self, *command: str) -> None:
        self.call("dagster", *command, "-w", str(self.sources / "workspace.yaml"))

    def start(self) -> None:
        """The daemon, in a process group of its own."""
        command = [sys.executable, "-m", "dagster._daemon", "run", "-w", self.sources / "workspace.yaml"]
        with (self.har.home / ".dagster" / "daemon.log").open("ab") as log:
            daemon = subprocess.Popen(
                command,
                env=self.environment,
                cwd=self.har.home / ".dagster",
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.daemons.append(daemon)

    def stop(self) -> None:
        while self.daemons:
            daemon = self.daemons.pop()
            os.killpg(daemon.pid, signal.SIGTERM)
            try:
                daemon.wait(30)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(daemon.pid, signal.SIGKILL)

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
            log = (self.har.home / ".dagster" / "daemon.log").read_text()[-4000:]
            assert time.monotonic() < end, f"{what} never came; the daemon's log ends:\n{log}"
            time.sleep(1)

    def is_fresh(self) -> bool:
        told = self.call("pipelines", "status", str(self.har.experiment))
        return all(line.startswith("fresh") for line in told.splitlines())

    def rest(self) -> None:
        """Wait until everything is fresh, no run is left, and the sensors have looked twice since without asking."""
        self.wait_until(self.is_fresh, "freshness")
        seen = time.time()
        self.wait_until(lambda: self.num_quiet_ticks(seen) >= 2, "quiet")

    def num_quiet_ticks(self, since: float) -> int:
        with self.instance() as instance:
            if instance.get_runs_count(dg.RunsFilter(statuses=[*UNFINISHED])):
                return 0
            (state,) = [s for s in instance.all_instigator_state() if s.origin.instigator_name == "automation"]
            ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, after=since)
            assert not [tick for tick in ticks if tick.status is TickStatus.FAILURE], [tick.error for tick in ticks]
            return len([tick for tick in ticks if tick.status is TickStatus.SKIPPED])


UNFINISHED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
)


@pytest.fixture(scope="module")
def site(har, tmp_path_factory) -> Iterator[Site]:
    """Everything ran once, by hand; the sensors are switched on, and a daemon has looked at everything once."""
    folder = tmp_path_factory.mktemp("automation")
    experiment = folder / "tiny.toml"
    text = har.experiment.read_text().replace("epochs = 12", "epochs = 1").replace("epochs = 2", "epochs = 1")
    experiment.write_text(text + "\n[automation]\nseconds_between_looks = 2\n")
    data = Path(shutil.copytree(har.data, folder / "recordings"))
    sources = folder / "sources"
    for package in ("har_core", "assets", "pipelines"):
        shutil.copytree(ROOT / package, sources / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "workspace.yaml", sources)
    site = Site(replace(har, home=folder / "home", experiment=experiment, data=data), sources)
    site.har.home.mkdir()
    (site.har.home / ".dagster").mkdir()
    site.run()
    site.dagster("sensor", "start", "--start-all")
    site.start()
    site.rest()
    yield site
    site.stop()


def test_nothing_is_asked_for_where_nothing_changed(site):
    after = site.last_event()
    site.rest()
    assert not site.made(after)


def test_a_changed_setting_of_one_model(site):
    after = site.last_event()
    text = site.har.experiment.read_text()
    site.har.experiment.write_text(text.replace("hidden_size = 8", "hidden_size = 9"))
    site.rest()
    assert site.made(after) == Counter(["models/lstm", *BOTTOM])


def test_a_corrected_recording(site):
    after = site.last_event()
    path = site.har.data / "a03" / "p1" / "s01.txt"
    first, _, rest = path.read_text().partition(",")
    path.write_text(f"{float(first) + 0.01:.5f},{rest}")
    site.wait_until(lambda: "champion" in site.made(after), "a new champion")
    site.rest()
    assert site.made(after) == Counter(DATA | MODELS | BOTTOM)


def test_a_spoiled_recording_leaves_everything_and_a_page_that_says_why(site):
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
    site.rest()
    assert set(site.made(after)) <= {"raw_recordings"}


def test_an_edited_architecture_while_the_daemon_was_down(site):
    after = site.last_event()
    site.stop()
    path = site.sources / "har_core" / "models" / "lstm.py"
    path.write_text(path.read_text() + "\nEDITED = 1\n")
    site.start()
    site.rest()
    assert site.made(after) == Counter(["models/lstm"])


def test_the_nightly_refresh_finds_what_the_sensors_did_not(site):
    after = site.last_event()
    site.dagster("sensor", "stop", "automation")
    (site.har.home / "data" / "reports" / "latest" / "report.md").unlink()
    text = site.har.experiment.read_text()
    site.har.experiment.write_text(text + 'refresh = "* * * * *"\n')
    site.stop()
    site.start()
    site.dagster("schedule", "start", "nightly_refresh")
    site.wait_until(lambda: bool(site.made(after)), "the report")
    site.dagster("schedule", "stop", "nightly_refresh")
    site.wait_until(site.is_fresh, "freshness")
    assert site.made(after) == Counter(["comparison_report"])
