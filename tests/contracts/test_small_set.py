"""The whole graph on recordings of another shape than DSADS: the pilot's, as files that a card describes."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from har_commands import Result, run_har
from mlflow.pyfunc.scoring_server import InvocationsResponse, invocations
from narrowing import present
from stores import copied_stores
from worlds import World, copied, copy_sources, opened, run_once, stored_in

from assets.resources.export import load_model
from assets.resources.memory import Memory, remember
from assets.resources.model_files import find_model
from assets.resources.store import CHAMPION_ALIAS, OVERALL
from assets.resources.tracking import Tracking
from har_core.base.progress import silent
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.dsads.synthetic.writer import write_recordings as write_dsads
from har_core.datasets.pilot.format import CARD
from har_core.datasets.pilot.generator import write_recordings
from har_core.settings.source import SourceSettings
from har_core.spec.dataset import DatasetSpec
from har_core.splits.build import cut_fold, read_splits
from har_core.splits.protocols import folds
from har_core.splits.roles import ROLES

EXPERIMENT = """\
[source]
dataset = "card.toml"
kind = "files"

[windows]
length_s = 2.56
overlap = 0.5
none = "class"

[splits]
validation_subjects = [3]
test_subjects = [4]

[training]
epochs = 4
batch_size = 16
learning_rate = 1e-2

[models]
architectures = ["compact", "lda"]

[evaluation]
protocols = ["group"]
num_groups = 2
architectures = ["lda"]
latency_repeats = 3
latency_warmup = 1

[runtime]
device = "cpu"
num_threads = 1
"""
SUBJECTS = (1, 2, 3, 4)
ORDER = 'activities = ["sitting", "walking", "stairs", "cycling"]'
CLASSES = ("sitting", "walking", "stairs", "cycling", "other")
CHANNELS = tuple(f"wrist_{sensor}_{axis}" for sensor in ("acc", "gyro") for axis in "xyz")
FROM_WINDOWS_ON = {
    "windows",
    "splits",
    "models/compact",
    "models/lda",
    "folds/lda[group-1]",
    "folds/lda[group-2]",
    "comparison_report",
    "champion",
}
CHANCE = 1 / len(CLASSES)

Har = Callable[..., Result]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Four people, of whom two came twice; everything ran once. Change nothing in it."""
    root = tmp_path_factory.mktemp("small")
    (root / "tiny.toml").write_text(EXPERIMENT)
    shutil.copy(CARD, root / "card.toml")
    write_recordings(root / "recordings", SourceSettings(num_subjects=4, num_segments=2), silent)
    copy_sources(root)
    with copied_stores(), stored_in(root) as instance, opened(root, instance) as world:
        run_once(world)
        yield world


@pytest.fixture
def own(small: World, tmp_path: Path) -> Iterator[World]:
    """A copy, to change something in."""
    root = copied(small.root, tmp_path / "own")
    with copied_stores(), stored_in(root) as instance, opened(root, instance) as world:
        yield world


@pytest.fixture
def har(small: World, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Har:
    """A command in that home, or in the one that HAR_HOME names since."""
    monkeypatch.setenv("HAR_HOME", str(small.home.root))
    monkeypatch.chdir(small.root)
    return lambda *arguments: run_har(capfd, *arguments)


# --- What was made ----------------------------------------------------------------------------------------------------


def test_windows_say_what_they_are_of(small: World) -> None:
    schema = pq.read_schema(small.home.windows)
    spec = DatasetSpec.from_metadata(schema.metadata, where="windows")
    assert (spec.name, spec.activities, spec.channel_names) == ("pilot", CLASSES, CHANNELS)
    assert set(CHANNELS) <= set(schema.names)
    assert spec.none_is_class
    assert set(pl.read_parquet(small.home.windows)["activity"]) == {1, 2, 3, 4, 5}


def test_the_report_tells_of_this_set_and_of_no_other(small: World) -> None:
    folder = small.home.report_folder
    content = json.loads((folder / "report.json").read_text())
    for entry in content["entries"]:
        assert [own["activity"] for own in entry["result"]["scores"]["test"]["per_class"]] == list(CLASSES)
    for name in ("report.html", "report.md"):
        text = (folder / name).read_text()
        assert "Pilot: one wrist, made recordings" in text
        assert "CC0 1.0" in text
        assert all(activity in text for activity in CLASSES)
        for foreign in ("DSADS", "Daily and Sports", "Altun", "19 activities", "45 channels", "rowing", "torso"):
            assert foreign not in text, (name, foreign)


def test_models_and_folds_know_the_activities_apart(small: World) -> None:
    content = json.loads((small.home.report_folder / "report.json").read_text())
    scores = {entry["result"]["architecture"]: entry["result"]["scores"]["test"] for entry in content["entries"]}
    assert scores.keys() == {"compact", "lda"}
    assert all(own["macro_f1"] > 2 * CHANCE for own in scores.values()), scores
    assert [fold["fold"] for fold in content["folds"]] == ["group-1", "group-2"]
    assert all(fold["seeds"][0]["macro_f1"]["test"] > 3 * CHANCE for fold in content["folds"])


def test_sessions_of_a_subject_stand_in_one_role(small: World) -> None:
    def people(keys: pl.DataFrame) -> set[tuple[int, int]]:
        return set(keys.select("subject", "session").unique().iter_rows())

    made = [cut_fold(small.home.windows, fold) for fold in folds("group", SUBJECTS, num_groups=2)]
    for split in (read_splits(small.home.splits("holdout")), *made):
        sessions = [people(pl.DataFrame(split.roles[role].keys)) for role in ROLES]
        subjects = [{subject for subject, _ in own} for own in sessions]
        assert subjects[0] | subjects[1] | subjects[2] <= set(SUBJECTS)
        assert not (subjects[0] | subjects[1]) & subjects[2]
        assert {session for role in sessions for session in role} == {(1, 1), (1, 2), (2, 1), (3, 1), (3, 2), (4, 1)}


def test_the_registered_champion_says_what_it_takes_and_answers_it(small: World) -> None:
    tracking = Tracking(small.home)
    files = find_model(tracking, "models:/har@champion")
    assert (files.spec.activities, files.spec.channel_names, files.window_length) == (CLASSES, CHANNELS, 128)
    assert present(tracking.by_alias(OVERALL, CHAMPION_ALIAS)).origin == "synthetic", "the marker says it"
    model = load_model(tracking, "models:/har@champion")
    metadata = present(model.metadata.metadata)
    assert (tuple(metadata["activities"]), tuple(metadata["channels"])) == (CLASSES, CHANNELS)
    assert (metadata["dataset"]["name"], metadata["sampling_rate_hz"]) == ("pilot", 50)
    windows = np.random.default_rng(0).normal(size=(3, 128, 6)).astype(np.float32)
    assert np.shape(model.predict(windows)) == (3, len(CLASSES))


# --- Commands ---------------------------------------------------------------------------------------------------------


def test_nothing_is_left_to_do_and_every_link_is_verified(small: World, har: Har) -> None:
    done = har("status", "tiny.toml", "--json")
    assert {entry["state"] for entry in json.loads(done.out)} == {"fresh"}
    assert "Ran: nothing" in har("run", "tiny.toml").out
    traced = har("trace")
    assert traced.exit_code == 0, traced.out
    assert "6 files in" in traced.out
    assert "differs" not in traced.out


def test_predictions_of_its_own_files_are_right_at_the_right_time(small: World, har: Har) -> None:
    done = har("predict", "recordings", "--format", "json")
    assert done.exit_code == 0, done.err
    assert "UserWarning" not in done.err
    assert har("predict", "recordings", "--format", "json", "--dataset", "card.toml").out == done.out
    rows, num_right = json.loads(done.out), 0
    for row in rows:
        name, _, begin = row["path"].partition(", from ")
        table = pl.read_csv(small.root / name)
        middle = float(begin.removesuffix(" s") or 0) + row["start_s"] + 1.28
        nearest = int(((table["time_ms"] - table["time_ms"][0]) / 1000 - middle).abs().arg_min() or 0)
        num_right += row["activity"] == (table["label"][nearest] or "other")
    assert {row["path"].partition(",")[0] for row in rows} == {
        f"recordings/{path.name}" for path in small.recordings.glob("*.csv")
    }
    assert num_right > 0.8 * len(rows), (num_right, len(rows))


# --- One thing changes ------------------------------------------------------------------------------------------------


def not_fresh(world: World) -> set[str]:
    world.look_at_source()
    return {name for name, state in world.states().items() if state != "fresh"}


def test_touching_a_file_changes_nothing_and_a_label_does(own: World) -> None:
    path = own.recordings / "p02_1.csv"
    os.utime(path)
    assert not_fresh(own) == set()
    text = path.read_text()
    assert text.count(",walking\n") > 100
    path.write_text(text.replace(",walking\n", ",stairs\n", 1))
    assert not_fresh(own) == {"raw_recordings", "recording_audit", *FROM_WINDOWS_ON}


def test_another_order_of_activities_makes_other_windows(own: World) -> None:
    card = own.root / "card.toml"
    assert ORDER in card.read_text()
    card.write_text(card.read_text().replace(ORDER, 'activities = ["walking", "sitting", "stairs", "cycling"]'))
    assert not_fresh(own) >= FROM_WINDOWS_ON


def test_what_is_none_of_the_activities_may_stand_in_test_alone(own: World) -> None:
    own.set('none = "class"', 'none = "test"')
    assert not_fresh(own) == FROM_WINDOWS_ON
    assert not own.run('key:"windows" or key:"splits"').failures
    made = [cut_fold(own.home.windows, fold) for fold in folds("group", SUBJECTS, num_groups=2)]
    for split in (read_splits(own.home.splits("holdout")), *made):
        of_none = {role: int((split.roles[role].labels == CLASSES.index("other")).sum()) for role in ROLES}
        assert (of_none["training"], of_none["validation"]) == (0, 0)
        assert of_none["test"]
        assert split.num_dropped["none_training"]


@pytest.fixture(scope="module")
def dsads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dsads") / "recordings"
    write_dsads(folder, SourceSettings(num_subjects=4, num_segments=1), silent)
    return folder


@pytest.mark.slow
def test_a_home_may_turn_to_another_data_set(
    own: World, har: Har, dsads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.set('dataset = "card.toml"', 'dataset = "dsads"')
    own.set('length_s = 2.56\noverlap = 0.5\nnone = "class"', "length_s = 5")
    remember(own.home, Memory(str(own.experiment_file), str(dsads)))
    assert not_fresh(own) == {"raw_recordings", "recording_audit", *FROM_WINDOWS_ON}
    assert not own.run('key:"raw_recordings" or key:"recording_audit" or key:"windows"').failures
    spec = DatasetSpec.from_metadata(pq.read_schema(own.home.windows).metadata, where="windows")
    assert (spec.name, spec.num_activities) == ("dsads", 19)
    assert not_fresh(own) == FROM_WINDOWS_ON - {"windows"}
    monkeypatch.setenv("HAR_HOME", str(own.home.root))
    for given in (own.recordings / "p04_1.csv", own.recordings):
        assert har("predict", given).exit_code == 0, "what is registered is still of the pilot"


# --- Refusals ---------------------------------------------------------------------------------------------------------


def test_recordings_of_another_set_are_refused_by_name(har: Har, dsads: Path) -> None:
    done = har("predict", dsads, "--dataset", "dsads")
    assert done.exit_code == 2
    assert "recordings of dsads (Daily and Sports Activities)" in done.err
    assert "the model takes recordings of pilot (Pilot: one wrist, made recordings)" in done.err
    assert f"the channels {' '.join(CHANNELS)}, which are missing" in done.err
    assert f"found '{' '.join(DSADS.channel_names)}'" in done.err
    assert "25 samples in a second" in done.err
    unnamed = har("predict", dsads)
    assert unnamed.exit_code == 2
    assert "a01/p1/s01.txt" in unnamed.err
    assert "expected files that match p{subject}_{session}.csv" in unnamed.err


def test_a_card_with_other_channels_is_refused_by_their_names(har: Har, tmp_path: Path) -> None:
    *others, gyroscope = CARD.read_text().rpartition("[[channels]]")
    card = tmp_path / "card.toml"
    card.write_text("".join(others) + gyroscope.replace('place = "wrist"', 'place = "ankle"'))
    done = har("predict", "recordings", "--dataset", card)
    assert done.exit_code == 2
    assert "the channels wrist_gyro_x wrist_gyro_y wrist_gyro_z, which are missing" in done.err
    assert "found 'ankle_gyro_x ankle_gyro_y ankle_gyro_z', expected no channels that the model has not" in done.err


@pytest.mark.parametrize("shape", [(1, 125, 45), (1, 128, 5), (128, 6)])
def test_a_served_model_refuses_windows_of_another_shape(small: World, shape: tuple[int, ...]) -> None:
    model = load_model(Tracking(small.home), "models:/har@champion")
    expected = f"Shape of input {shape} does not match expected shape (-1, 128, 6)"
    with pytest.raises(mlflow.MlflowException, match=re.escape(expected)):
        model.predict(np.zeros(shape, dtype=np.float32))

    def served(*sizes: int) -> InvocationsResponse:
        content = json.dumps({"inputs": np.zeros(sizes).tolist()})
        schema = model.metadata.get_input_schema()  # type: ignore[no-untyped-call]
        answered: InvocationsResponse = invocations(content, "application/json", model, schema)  # type: ignore[no-untyped-call]
        return answered

    with pytest.raises(mlflow.MlflowException, match=re.escape(expected)) as refused:
        served(*shape)
    assert refused.value.get_http_status_code() == 400  # type: ignore[no-untyped-call]
    assert served(1, 128, 6).status == 200
