"""``har`` as a process of its own, in a home of its own, on a few made recordings.

Most of these processes are forked from one that has imported what is not ours (:mod:`forks`); ``test_cold_starts``
starts every command as a shell does.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from forks import Forks, forking
from narrowing import present

from har_core.base.progress import silent
from har_core.datasets.dsads.synthetic.writer import write_recordings
from har_core.settings.source import SourceSettings

HAR = Path(sys.executable).parent / "har"

EXPERIMENT = """\
[source]
kind = "files"

[splits]
validation_subjects = [2]
test_subjects = [3]

[training]
epochs = 12
batch_size = 8
seed = 5

[models]
architectures = ["lstm", "shufflenet"]

[models.lstm]
epochs = 2
hidden_size = 8

[models.shufflenet]
base_width = 16
weight_decay = 0.001

[evaluation]
latency_repeats = 3
latency_warmup = 1

[runtime]
device = "cpu"
num_threads = 1
"""


@dataclass(frozen=True)
class Har:
    home: Path
    experiment: Path
    data: Path
    forks: Forks

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("HAR_", "DAGSTER_", "MLFLOW_"))
        }
        path = os.pathsep.join([str(HAR.parent), os.environ["PATH"]])  # as in an activated environment
        return {**kept, "PATH": path, "HAR_HOME": str(self.home), "OMP_NUM_THREADS": "1"}

    def __call__(self, *arguments: object, expect: int = 0) -> subprocess.CompletedProcess[str]:
        done = self.forks.run([HAR, *arguments], self.environment, self.home.parent)
        assert done.returncode == expect, done.stdout + done.stderr
        return done

    def run(self, *options: object) -> list[str]:
        """Run the experiment; gives the assets that ran."""
        done = self("run", self.experiment, *options)
        (ran,) = re.findall(r"^Ran: (.*)$", done.stdout, re.MULTILINE)
        return [] if ran == "nothing" else ran.split(", ")

    def cold(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """A process that starts as a shell starts it."""
        command: list[str | Path] = [HAR, *map(str, arguments)]
        return subprocess.run(
            command, env=self.environment, cwd=self.home.parent, capture_output=True, text=True, check=False
        )

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """The same, without waiting."""
        return subprocess.Popen(
            [HAR, *map(str, arguments)],
            env=self.environment,
            cwd=self.home.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def stop_at(self, text: str, number: signal.Signals, *options: object) -> tuple[int, list[str]]:
        """Start a run and send it a signal when it prints ``text``; gives the exit code and what it printed."""
        lines = []
        command = [HAR, "run", self.experiment, "--data", self.data, *options]
        with self.forks.start(command, self.environment, self.home.parent) as process:
            for line in present(process.stdout):
                lines.append(line.rstrip())
                if text in line:
                    os.killpg(process.pid, number)
        return present(process.returncode), lines


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with forking(tmp_path_factory.mktemp("forks")) as forks:
        yield forks


@pytest.fixture(scope="session")
def har(tmp_path_factory: pytest.TempPathFactory, forks: Forks) -> Har:
    folder = tmp_path_factory.mktemp("e2e")
    experiment = folder / "tiny.toml"
    experiment.write_text(EXPERIMENT)
    data = folder / "recordings"
    write_recordings(data, SourceSettings(num_subjects=3, num_segments=2), silent)
    return Har(folder / "home", experiment, data, forks)
