"""``har personalise`` with a small model in a real home, and the recordings of two people."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, get_args, get_type_hints

import pytest
import torch
from filelock import FileLock
from likeness_examples import some_training_windows
from narrowing import present
from torch import nn

from assets.resources.export import log_model
from assets.resources.home import Home
from assets.resources.runs import start_run
from assets.resources.store import ASSET_TAG, CHALLENGER, CHAMPION_ALIAS, ORIGIN_TAG, OVERALL, Store
from assets.resources.tracking import Tracking
from har_core.base.progress import silent
from har_core.datasets.catalogue import find_dataset
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.dsads.synthetic.writer import write_recordings
from har_core.inference.classifier import RawWindowClassifier, weights_version
from har_core.settings.source import SourceSettings
from har_core.settings.transfer import WAYS, PersonalSettings
from har_core.settings.windows import WindowSettings
from har_core.transfer.own import read_own
from pipelines import personalising
from pipelines.cli import personalise

if TYPE_CHECKING:
    from har_commands import Result

PARENT, PERSONAL = "models:/har-tiny/1", "har-tiny-for-anna"
OF_PERSON = ["Registered model", "MLflow run", "Code", "Recordings"]
OF_THE_REPOSITORY = {("Code", "commit"), ("Code", "files then")}
"""What the checkout decides in which the tests run."""
NUM_LEARNT = NUM_LATER = 19 * 2


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a model that knows the first person well, and recordings of two, four windows an activity."""
    folder = tmp_path_factory.mktemp("prepared")
    write_recordings(folder / "recordings", SourceSettings(num_subjects=2, num_segments=4), silent)
    classifier = fitted_to_the_first(folder / "recordings")
    tracking = Tracking(Home(folder / "home"))
    with start_run(tracking, "models/tiny", {ASSET_TAG: "models/tiny"}) as run:
        run.log_json("experiment.json", {"windows": WindowSettings().model_dump(mode="json")})
        uri, _ = log_model(run, "har-tiny", classifier, num_timepoints=125, training=some_training_windows())
    tags = {ORIGIN_TAG: "synthetic", "har.data_version": weights_version(classifier)}
    version = tracking.register("har-tiny", uri, run.run_id, tags)
    tracking.set_alias(OVERALL, CHAMPION_ALIAS, tracking.copy(version, OVERALL).version)
    return folder


def fitted_to_the_first(data: Path) -> nn.Module:
    dataset = find_dataset("dsads", relative_to=data)
    with dataset.open(data) as source:
        one = source.choose(lambda file: file.name.subject == 1)
        own = read_own(dataset, one, DSADS, WindowSettings(), length=125, join=False).windows
    torch.manual_seed(0)
    mean, deviation = own.windows.mean(dim=(0, 1)), own.windows.std(dim=(0, 1))
    network = nn.Sequential(nn.AvgPool2d((25, 1)), nn.Flatten(), nn.Linear(5 * 45, 19))
    classifier = RawWindowClassifier(network, DSADS, mean=mean, standard_deviation=deviation)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(100):
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(network((own.windows - mean) / deviation), own.labels))
        optimizer.step()
    return classifier.eval()


@pytest.fixture
def data(prepared: Path, home: Path, tmp_path: Path) -> Path:
    """Recordings of the second person, and a copy of the home."""
    shutil.copytree(prepared / "home", home)
    return recordings_of(2, prepared, tmp_path / "own")


def recordings_of(subject: int, prepared: Path, folder: Path, *, segments: str = "*") -> Path:
    for path in (prepared / "recordings").glob(f"a*/p{subject}/s{segments}.txt"):
        copy = folder / path.relative_to(prepared / "recordings")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    return folder


@pytest.fixture
def nothing_registered(home: Path, data: Path) -> Iterator[None]:
    """What is refused leaves no run, model or version."""
    before = Store(Home(home)).contents()
    yield
    assert Store(Home(home)).contents() == before


# --- What it makes ----------------------------------------------------------------------------------------------------


def test_the_person_is_known_better_and_the_version_is_used_and_traced(
    har: Callable[..., Result], home: Path, data: Path
) -> None:
    result = har("personalise", "--data", data, "--name", "anna")
    assert (result.exit_code, result.err) == (0, "")
    told = result.out.splitlines()
    assert told[0] == f"Learns from {NUM_LEARNT} of 76 windows of subject 2, the first ones of all 19 activities"
    assert told[2].split() == [str(NUM_LATER), "later", "windows", "before", "after"]
    scores = {line.split()[0]: [float(word) for word in line.split()[1:]] for line in told[3:5]}
    assert scores["macro-F1"][0] < scores["macro-F1"][1]
    assert told[6:] == [
        f"Registered {PERSONAL} version 1 (alias challenger), made from {PARENT}",
        f"Use it:   har predict --model models:/{PERSONAL}/1 FOLDER",
        f"Trace it: har trace models:/{PERSONAL}/1",
    ]
    store = Store(Home(home))
    entry = present(store.by_alias(PERSONAL, CHALLENGER))
    assert (entry.version, entry.origin, entry.tags["har.parent"]) == (1, "synthetic", PARENT)
    run = present(store.read_run(entry.run_id))
    assert (run.status, run.params["way"], run.tags["har.person"]) == ("FINISHED", "adapters", "anna")
    for when, name in (("before", 0), ("after", 1)):
        assert run.metrics[f"{when}/macro_f1"] == pytest.approx(scores["macro-F1"][name], abs=1e-4)
    assert f"**{run.metrics['after/macro_f1']:.3f}**, " in run.tags["mlflow.note.content"]
    version = Tracking(Home(home)).client.get_model_version(PERSONAL, "1")
    assert version.description == run.tags["mlflow.note.content"]
    assert (run.metrics["num_learnt"], run.metrics["num_later"]) == (NUM_LEARNT, NUM_LATER)

    before, after = (
        json.loads(har("predict", data, "--model", uri, "--format", "json").out)
        for uri in (PARENT, f"models:/{PERSONAL}/1")
    )
    assert [row["path"] for row in before] == [row["path"] for row in after]
    assert [row["activity"] for row in before] != [row["activity"] for row in after]
    assert f"{PERSONAL:<23}        1  synthetic   challenger" in har("models").out.splitlines()
    assert verdicts(har, 0) == set()


def verdicts(har: Callable[..., Result], exit_code: int) -> set[tuple[str, str]]:
    """Links and checks of the trace of the first version that are not verified, before those of the parent's run."""
    result = har("trace", f"models:/{PERSONAL}/1", "--json")
    assert result.exit_code == exit_code
    links = json.loads(result.out)[:5]
    assert [link["link"] for link in links] == [*OF_PERSON, "Registered model"]
    assert links[-1]["name"] == "har-tiny version 1"
    found = {(link["link"], check["check"]): check["verdict"] for link in links for check in link["checks"]}
    return {place for place, verdict in found.items() if verdict != "verified"} - OF_THE_REPOSITORY


@pytest.mark.slow
def test_the_trace_finds_what_has_changed(har: Callable[..., Result], home: Path, data: Path) -> None:
    assert har("personalise", "--data", data, "--name", "anna").exit_code == 0
    path = data / "a03" / "p2" / "s02.txt"
    path.write_text(path.read_text(encoding="utf-8").translate({ord("1"): "2"}), encoding="utf-8")
    assert verdicts(har, 1) == {("Recordings", "files")}
    shutil.rmtree(data)
    assert verdicts(har, 0) == {("Recordings", "files")}
    Tracking(Home(home)).client.set_model_version_tag("har-tiny", "1", "har.data_version", "others")
    others = {("MLflow run", "made from"), ("Registered model", "weights")}
    assert verdicts(har, 1) == {("Recordings", "files"), *others}
    Tracking(Home(home)).client.delete_model_version("har-tiny", "1")
    result = har("trace", f"models:/{PERSONAL}/1")
    assert result.exit_code == 0
    assert "not there any more" in result.out


@pytest.mark.slow
def test_one_window_of_each_activity_leaves_nothing_to_test_on(
    har: Callable[..., Result], prepared: Path, home: Path, data: Path, tmp_path: Path
) -> None:
    few = recordings_of(2, prepared, tmp_path / "few", segments="01")
    shutil.rmtree(few / "a07")
    (few / "notes.md").touch()
    result = har("personalise", "--data", few)
    assert result.exit_code == 0
    assert "Learns from 18 of 18 windows of subject 2" in result.out
    assert f"Not recorded, so known as well as before, or less well: {DSADS.activities[6]}" in result.out
    assert "nobody knows what was gained" in result.out
    assert "notes.md" in result.err
    assert present(Store(Home(home)).by_alias("har-tiny-for-subject-2", CHALLENGER)).version == 1


@pytest.mark.slow
def test_one_of_several_people_is_chosen(har: Callable[..., Result], prepared: Path, home: Path, data: Path) -> None:
    result = har("personalise", "--data", prepared / "recordings", "--subject", "2")
    assert result.exit_code == 0
    assert "76 windows of subject 2" in result.out
    run_id = present(Store(Home(home)).by_alias("har-tiny-for-subject-2", CHALLENGER)).run_id
    assert present(Store(Home(home)).read_run(run_id)).params["subject"] == "2"
    result = har("trace", "models:/har-tiny-for-subject-2/1")
    assert "76 files in" in result.out


# --- What it refuses --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("nothing_registered")
def test_a_model_that_got_worse_is_not_registered(
    har: Callable[..., Result], prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(personalising, "_SETTINGS", PersonalSettings(all_rate=1.0, epochs=2))
    result = har("personalise", "--data", recordings_of(1, prepared, tmp_path / "first"), "--way", "all")
    assert result.exit_code == 1
    assert "before   after" in result.out
    assert "Registered" not in result.out
    assert f"Nothing was registered: {PARENT} knows the later windows better as it is" in result.err


@pytest.mark.usefixtures("nothing_registered")
@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--data", "everybody"], "found '2 subjects: 1, 2', expected those of one, or --subject N"),
        (["--data", "everybody", "--subject", "3"], "no recordings of subject 3"),
        (["--data", "own", "--dataset", "pilot"], "the model takes recordings of dsads"),
        (["--data", "own/a01/p2"], "expected segment files aNN/pN/sNN.txt"),
        (["--data", "own/a01"], "no recordings here"),
        (["--data", "nowhere"], "no such file or folder"),
        (["--data", "own", "--way", "head"], "'head' is not one of"),
        (["--data", "own", "--name", "Anna B"], "'Anna B' is no name for a person"),
        (["--data", "own", "--windows", "0"], "--windows"),
        (["--data", "own", "--model", "models:/har/9"], "models:/har/9"),
        ([], "--data"),
    ],
)
def test_wrong_input(har: Callable[..., Result], prepared: Path, tmp_path: Path, options: list[str], text: str) -> None:
    (tmp_path / "everybody").symlink_to(prepared / "recordings")
    result = har("personalise", *options)
    assert result.exit_code == 2
    assert text in " ".join(result.err.split())
    assert "Traceback" not in result.err


@pytest.mark.usefixtures("nothing_registered")
def test_every_problem_of_the_recordings_is_told(har: Callable[..., Result], data: Path) -> None:
    for name in ("a02/p2/s01.txt", "a05/p2/s03.txt"):
        (data / name).write_text("1,2,x\n", encoding="utf-8")
    result = har("personalise", "--data", data)
    assert result.exit_code == 2
    assert "a02/p2/s01.txt" in result.err
    assert "a05/p2/s03.txt" in result.err


@pytest.mark.slow
def test_a_persons_model_gets_newer_versions_and_is_nobody_elses_parent(
    har: Callable[..., Result], home: Path, data: Path
) -> None:
    assert har("personalise", "--data", data, "--name", "anna").exit_code == 0
    result = har("personalise", "--data", data, "--model", f"models:/{PERSONAL}/1")
    assert result.exit_code == 2
    assert f"--model {PARENT}" in result.err
    for path in (data / "a04" / "p2").glob("s0[234].txt"):
        path.unlink()
    again = har("personalise", "--data", data, "--name", "anna", "--windows", "1", "--way", "last_layer")
    assert "Learns from 18 of 73 windows" in again.out
    assert f"Recorded too briefly to learn from: {DSADS.activities[3]}" in again.out
    assert present(Store(Home(home)).by_alias(PERSONAL, CHALLENGER)).version == 2


def test_a_model_whose_run_is_gone(har: Callable[..., Result], home: Path, data: Path) -> None:
    (path,) = (home / "mlruns").rglob("experiment.json")
    path.unlink()
    result = har("personalise", "--data", data)
    assert result.exit_code == 2
    assert "how its windows were cut" in result.err


@pytest.mark.usefixtures("nothing_registered")
def test_a_home_in_use(har: Callable[..., Result], home: Path, data: Path) -> None:
    (home / ".dagster").mkdir(exist_ok=True)
    with FileLock(home / ".dagster" / "har.lock"):
        result = har("personalise", "--data", data)
    assert result.exit_code == 1
    assert "in use" in result.err


def test_ways_of_the_command_are_those_of_the_core() -> None:
    annotation, *_ = get_args(get_type_hints(personalise.personalise, include_extras=True)["way"])
    assert get_args(get_args(annotation)[0]) == WAYS
