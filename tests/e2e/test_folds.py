"""Folds as real processes compute them. The tests build on each other: one home, in this order."""

from __future__ import annotations

import json
import re
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from har_core.base.progress import silent
from har_core.datasets.dsads.synthetic.writer import write_recordings
from har_core.settings.source import SourceSettings

if TYPE_CHECKING:
    from tests.e2e.conftest import Har

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

EXPERIMENT = """\
[source]
kind = "files"

[splits]
validation_subjects = [2]
test_subjects = [3]

[training]
epochs = 3
batch_size = 16

[models]
architectures = ["shufflenet", "logistic_regression"]

[models.shufflenet]
base_width = 16

[evaluation]
protocols = ["loso"]
seeds = [0, 1]
latency_repeats = 3
latency_warmup = 1

[runtime]
device = "cpu"
num_threads = 1
"""


@pytest.fixture(scope="module")
def har(har: Har, tmp_path_factory: pytest.TempPathFactory) -> Har:
    """In a home of this module's own, with recordings of its own; four subjects are there, of which three are used."""
    folder = tmp_path_factory.mktemp("folds")
    experiment = folder / "folds.toml"
    experiment.write_text(EXPERIMENT)
    data = folder / "recordings"
    write_recordings(data, SourceSettings(num_subjects=4, num_segments=2), silent)
    for number, path in enumerate(sorted(data.glob("a*/p4"))):
        path.rename(folder / f"kept-{number:02}")
    return replace(har, home=folder / "home", experiment=experiment, data=data)


@pytest.fixture(scope="module")
def ran(har: Har) -> str:
    """A first run was killed while a fold trained its second seed; what the second one, which went on, said."""
    code, lines = har.stop_at("folds/shufflenet[loso-p2] seed 1: epoch 1/", signal.SIGKILL)
    assert code == -signal.SIGKILL, "\n".join(lines)
    return har("run", har.experiment).stderr


def statuses(har: Har) -> dict[str, tuple[str, list[str]]]:
    told = json.loads(har("status", har.experiment, "--json").stdout)
    name: dict[bool, Callable[[dict[str, Any]], str]]
    name = {True: lambda s: s["asset"], False: lambda s: f"{s['asset']}[{s['partition']}]"}
    return {name[s["partition"] is None](s): (s["state"], s["causes"]) for s in told}


def change(har: Har, before: str, after: str) -> None:
    text = har.experiment.read_text()
    assert before in text
    har.experiment.write_text(text.replace(before, after))


def test_everything_is_fresh_after_the_run_went_on(har: Har, ran: str) -> None:
    found = statuses(har)
    folds = {f"folds/{name}[loso-p{number}]" for name in ("shufflenet", "logistic_regression") for number in (1, 2, 3)}
    assert folds <= set(found)
    assert {state for state, _ in found.values()} == {"fresh"}
    assert har.run() == []


def test_finished_folds_and_seeds_and_epochs_were_kept(har: Har, ran: str) -> None:
    assert "folds/shufflenet[loso-p1]" not in ran
    assert re.search(r"folds/shufflenet\[loso-p2\] seed 0: .* resumed after epoch 3", ran)
    assert re.search(r"folds/shufflenet\[loso-p2\] seed 1: .* resumed after epoch \d", ran)
    assert not re.search(r"folds/shufflenet\[loso-p2\] seed 0: epoch", ran)
    assert not list((har.home / "data" / "checkpoints").rglob("*.pt"))


def test_lost_fold_is_made_again_alone(har: Har, ran: str) -> None:
    (har.home / "data" / "folds" / "shufflenet" / "loso-p3.json").unlink()
    assert statuses(har)["folds/shufflenet[loso-p3]"] == ("missing", ["data/folds/shufflenet/loso-p3.json is missing"])
    assert har.run() == ["folds/shufflenet[loso-p3]"]


def test_stale_folds_of_one_architecture_run_alone(har: Har, ran: str) -> None:
    change(har, "base_width = 16", "base_width = 16\nlearning_rate = 0.01")
    found = statuses(har)
    stale = {name for name, (state, _) in found.items() if state == "stale"}
    folds = {f"folds/shufflenet[loso-p{number}]" for number in (1, 2, 3)}
    assert stale == {"models/shufflenet", "comparison_report", *folds}
    assert har.run("--select", "folds/shufflenet") == ["folds/shufflenet[loso-p1 loso-p2 loso-p3]"]
    assert not [item for item in har.run() if item.startswith("folds/")]


def test_forced_folds_run_although_fresh(har: Har, ran: str) -> None:
    assert har.run("--force", "--select", "folds/logistic_regression") == [
        "folds/logistic_regression[loso-p1 loso-p2 loso-p3]"
    ]


def test_another_protocol_adds_its_folds_and_leaves_the_others(har: Har, ran: str) -> None:
    change(har, '["loso"]', '["loso", "leaky"]')
    found = statuses(har)
    assert found["folds/shufflenet[leaky-5]"][0] == "missing"
    assert found["folds/shufflenet[loso-p1]"][0] == "fresh"
    leaky = " ".join(f"leaky-{number}" for number in range(1, 6))
    folds = [item for item in har.run() if item.startswith("folds/")]
    assert sorted(folds) == [f"folds/logistic_regression[{leaky}]", f"folds/shufflenet[{leaky}]"]
    change(har, '["loso", "leaky"]', '["loso"]')
    assert not [name for name in statuses(har) if "leaky" in name]


def test_another_subject_gets_its_fold_and_makes_all_others_stale(har: Har, ran: str) -> None:
    for number, path in enumerate(sorted(har.data.parent.glob("kept-*"))):
        shutil.copytree(path, har.data / f"a{number + 1:02}" / "p4")
    found = [item for item in har.run() if item.startswith("folds/")]
    assert sorted(found) == [
        f"folds/{name}[loso-p1 loso-p2 loso-p3 loso-p4]" for name in ("logistic_regression", "shufflenet")
    ]
    assert {state for state, _ in statuses(har).values()} == {"fresh"}


def test_removed_subject_takes_its_fold_along(har: Har, ran: str) -> None:
    for path in har.data.glob("a*/p4"):
        shutil.rmtree(path)
    har.run()
    found = statuses(har)
    assert not [name for name in found if "loso-p4" in name]
    assert {state for state, _ in found.values()} == {"fresh"}
    report = json.loads((har.home / "data" / "reports" / "latest" / "report.json").read_text())
    assert not re.search("loso-p4", json.dumps(report))


def test_protocols_that_do_not_suit_the_subjects_are_refused(har: Har, ran: str) -> None:
    change(har, '["loso"]', '["pairs"]')
    done = har("run", har.experiment, expect=2)
    assert "'pairs'" in done.stderr
    assert "Traceback" not in done.stderr
    assert har("status", har.experiment, expect=2).stderr == done.stderr
    change(har, '["pairs"]', '["loso"]')
    assert {state for state, _ in statuses(har).values()} == {"fresh"}
