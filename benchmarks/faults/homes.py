"""The homes that cases begin with: made once, with a copy kept before every stage, and copied for each case."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from forks import Forks

from faults.cases import Seen
from faults.har import Har
from faults.whole import Record, read_record
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
epochs = 2
batch_size = 16
seed = 5

[models]
architectures = ["lstm", "logistic_regression"]

[models.lstm]
hidden_size = 8

[evaluation]
protocols = ["loso"]
architectures = ["logistic_regression"]
latency_repeats = 3
latency_warmup = 1

[runtime]
device = "cpu"
num_threads = 1
"""
SOURCE, STORES = "source_files", "stores of `har ui`"
NETWORK = "models/lstm"
ASSETS = (
    "raw_recordings",
    "recording_audit",
    "windows",
    "splits",
    "models/logistic_regression",
    NETWORK,
    "folds/logistic_regression",
    "comparison_report",
    "champion",
)
STAGES = (STORES, SOURCE, *ASSETS)
"""In the order in which a home comes to be."""
OTHER_SEED = 7
_TELLS_TIMES = "comparison_report"
"""Its content, and so its data version, differs from run to run."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A finished home, and what it was before each stage."""

    folder: Path
    """Holds everything: experiment file, recordings, homes."""
    forks: Forks
    scratch: Path
    """Goes when the campaign ends."""
    record: Record = field(default_factory=Record)
    """Of the finished home."""
    allowed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Data versions that an asset may have in the end; any, where it has no entry."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def experiment(self) -> Path:
        """The experiment file of all homes."""
        return self.folder / "tiny.toml"

    @property
    def data(self) -> Path:
        """Recordings of three subjects."""
        return self.folder / "recordings"

    def before(self, stage: str) -> Path:
        """The home in which everything above ``stage`` is done, and nothing else."""
        return self.folder / "before" / stage.replace("/", "-")

    @property
    def complete(self) -> Path:
        """The home in which everything is done."""
        return self.folder / "complete"

    def copy(self, home: Path, folder: Path, seen: Seen) -> Har:
        """Commands in a copy of ``home`` of a case's own."""
        own = folder / "home"
        if home.exists():
            shutil.copytree(home, own, symlinks=True)
        return Har(own, self.forks, seen)

    @property
    def named(self) -> tuple[object, ...]:
        """Arguments that name the experiment and the recordings."""
        return (self.experiment, "--data", self.data)


def make_reference(folder: Path, forks: Forks, scratch: Path) -> Reference:
    """Run every stage once, in order, and keep the home before each; where this was done in ``folder``, read it again.

    Raises:
        RuntimeError: a command failed although nothing was wrong.
    """
    reference, seen = Reference(folder, forks, scratch), Seen()
    if not reference.complete.exists():
        _run_stages(reference, Har(folder / "home", forks, seen))
    if seen.complaints:
        raise RuntimeError("\n".join([*seen.complaints, *seen.commands]))
    record = read_record(reference.complete)
    allowed = {item: frozenset({version}) for item, version in record.versions.items() if item != _TELLS_TIMES}
    return replace(reference, record=record, allowed=allowed)


def _run_stages(reference: Reference, har: Har) -> None:
    reference.experiment.write_text(EXPERIMENT)
    write_recordings(reference.data, SourceSettings(num_subjects=3, num_segments=2), silent)
    for stage in STAGES:
        if har.home.exists():
            reference.before(stage).parent.mkdir(exist_ok=True)
            shutil.copytree(har.home, reference.before(stage))
        if stage == STORES:
            har.cold([], ["pipelines.stores"], (0,))
        elif stage == SOURCE:
            har("status", *reference.named)
        else:
            har("run", *reference.named, "--select", selection(stage))
    har("run")
    har.home.rename(reference.complete)


def selection(stage: str) -> str:
    """The selection of one asset, as ``--select`` takes it."""
    return f'key:"{stage}"'
