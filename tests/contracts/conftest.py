"""A home in which everything ran once, to change one thing in: settings, a recording, code.

In ``world`` everything up to the splits is computed, and what is below them is simulated: a fit costs nothing, and its
content follows from its inputs and its settings. In ``real_world`` everything is computed.
"""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from instances import copy_of
from worlds import World, copied, copy_sources, opened, run_once, simulating, stored_in

from har_core.base.progress import silent
from har_core.datasets.dsads.synthetic.writer import write_recordings
from har_core.settings.source import SourceSettings

EXPERIMENT = """\
[source]
kind = "files"

[splits]
validation_subjects = [2]
test_subjects = [3]

[training]
epochs = 1
batch_size = 16

[models]
architectures = ["lstm", "cnn", "logistic_regression"]

[models.lstm]
hidden_size = 8

[models.cnn]
base_width = 2

[evaluation]
protocols = ["loso"]
architectures = ["lstm", "logistic_regression"]
seeds = [0]
latency_repeats = 3
latency_warmup = 1

[runtime]
device = "cpu"
num_threads = 1
"""


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is needed, and nothing ran."""
    root = tmp_path_factory.mktemp("world")
    (root / "tiny.toml").write_text(EXPERIMENT)
    write_recordings(root / "recordings", SourceSettings(num_subjects=3, num_segments=2), silent)
    copy_sources(root)
    return root


@pytest.fixture(scope="session")
def _simulated(_made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = copied(_made, tmp_path_factory.mktemp("simulated") / "world")
    with dg.DagsterInstance.ephemeral() as instance:
        with opened(root, instance) as world, simulating(world):
            run_once(world)
        yield world


@pytest.fixture
def world(_simulated: World, tmp_path: Path) -> Iterator[World]:
    """A home to change something in; its code is judged by a copy of the core's sources."""
    root = copied(_simulated.root, tmp_path / "world")
    with copy_of(_simulated.instance) as instance, opened(root, instance) as world, simulating(world):
        yield world


@pytest.fixture(scope="session")
def _real(_made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copied(_made, tmp_path_factory.mktemp("real") / "world")
    with stored_in(root) as instance, opened(root, instance) as world:
        run_once(world)
    return root


@pytest.fixture
def real_world(_real: Path, tmp_path: Path) -> Iterator[World]:
    """The same, where everything is computed."""
    root = copied(_real, tmp_path / "world")
    with stored_in(root) as instance, opened(root, instance) as world:
        yield world
