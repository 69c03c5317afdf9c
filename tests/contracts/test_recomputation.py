"""One thing changes: exactly what depends on it is made again, whoever starts the work, and each thing once.

The table of cases goes through ``har run``'s own waves, through automation, and through the nightly schedule's job, in
a world where nothing is trained (``world``). Three of them are run for real too, to show that it is like the real one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass

import dagster as dg
import pytest
from narrowing import present
from worlds import World

from har_core.base.progress import silent
from har_core.datasets.dsads.synthetic.writer import write_recordings
from har_core.settings.source import SourceSettings
from pipelines.runner import PART_OF_TAG

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FOLDS = ("loso-p1", "loso-p2", "loso-p3")
DATA = {"raw_recordings", "recording_audit", "windows", "splits"}
MODELS = {"models/lstm", "models/cnn", "models/logistic_regression"}
BOTTOM = {"comparison_report", "champion"}


def folds(*architectures: str, names: tuple[str, ...] = FOLDS) -> set[str]:
    return {f"folds/{architecture}[{name}]" for architecture in architectures for name in names}


ALL_FOLDS = folds("lstm", "logistic_regression")
EVERYTHING = DATA | MODELS | ALL_FOLDS | BOTTOM
SENSORS = {f"sensors/cnn[{name}]" for name in FOLDS}
NEW_FOLD = folds("lstm", "logistic_regression", names=("loso-p4",))


def change_value(world: World) -> None:
    path = world.recordings / "a03" / "p1" / "s01.txt"
    first, _, rest = path.read_text().partition(",")
    path.write_text(f"{float(first) + 0.01:.5f},{rest}")


def touch(world: World) -> None:
    os.utime(world.recordings / "a03" / "p1" / "s01.txt")


def rewrite_line_endings(world: World) -> None:
    path = world.recordings / "a03" / "p1" / "s01.txt"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def add_file(world: World) -> None:
    folder = world.recordings / "a03" / "p1"
    write_recordings(world.root / "more", SourceSettings(num_subjects=1, num_segments=3, seed=1), silent)
    shutil.copy(world.root / "more" / "a03" / "p1" / "s03.txt", folder / "s03.txt")


def add_subject(world: World) -> None:
    write_recordings(world.root / "more", SourceSettings(num_subjects=4, num_segments=2, seed=1), silent)
    for folder in (world.root / "more").glob("a*/p4"):
        shutil.copytree(folder, world.recordings / folder.parent.name / "p4")


def edit(file: str, text: str = "\nEDITED = 1\n") -> Callable[[World], None]:
    return lambda world: world.append(file, text)


def settings(before: str, after: str) -> Callable[[World], None]:
    return lambda world: world.set(before, after)


@dataclass(frozen=True)
class Case:
    name: str
    change: Callable[[World], None]
    made: set[str]
    """Everything that is made again; all else is left alone."""


CASES = [
    Case("one value of a raw file changed", change_value, EVERYTHING),
    Case("a raw file touched", touch, set()),
    Case("a raw file with other line endings", rewrite_line_endings, {"raw_recordings", "recording_audit", "windows"}),
    Case("a file added", add_file, EVERYTHING),
    Case("a subject added", add_subject, EVERYTHING | NEW_FOLD),
    Case(
        "[windows] changed",
        settings("[splits]", "[windows]\noverlap = 0.5\njoin_segments = true\n\n[splits]"),
        EVERYTHING - {"raw_recordings", "recording_audit"},
    ),
    Case(
        "a default of [training] changed: of networks alone",
        settings("batch_size = 16", "batch_size = 16\nweight_decay = 0.01"),
        {"models/lstm", "models/cnn", *folds("lstm"), *BOTTOM},
    ),
    Case(
        "[models.lstm] changed",
        settings("hidden_size = 8", "hidden_size = 9"),
        {"models/lstm", *folds("lstm"), *BOTTOM},
    ),
    Case("lstm.py changed, and no weight by it", edit("models/lstm.py"), {"models/lstm", *folds("lstm")}),
    Case("a comment in lstm.py changed", edit("models/lstm.py", "\n# A comment.\n"), set()),
    Case(
        "a block changed that one of the architectures uses",
        edit("models/linear.py"),
        {"models/logistic_regression", *folds("logistic_regression")},
    ),
    Case(
        "the report's template changed",
        edit("report/templates/report.html.j2", "<!-- edited -->"),
        {"comparison_report"},
    ),
    Case("a metric corrected", edit("evaluation/scores.py"), {"comparison_report", "champion"}),
    Case(
        "the title of the report changed",
        settings("[runtime]", '[report]\ntitle = "Ours"\n\n[runtime]'),
        {"comparison_report"},
    ),
    Case(
        "sensors measured",
        settings("seeds = [0]", 'seeds = [0]\nsensors = ["cnn"]'),
        {*SENSORS, "comparison_report"},
    ),
    Case(
        "sensors measured, and a seed more",
        settings("seeds = [0]", 'seeds = [0, 1]\nsensors = ["cnn"]'),
        {*SENSORS, *ALL_FOLDS, *BOTTOM},
    ),
    Case("a seed more in every fold", settings("seeds = [0]", "seeds = [0, 1]"), ALL_FOLDS | BOTTOM),
    Case(
        "threads and schedules changed",
        settings("num_threads = 1", 'num_threads = 2\n[automation]\nrefresh = "0 3 * * *"'),
        set(),
    ),
]


def check(world: World, case: Case, after: int) -> None:
    made = world.materialised(after)
    assert set(made) == case.made
    assert set(made.values()) <= {1}, made
    assert set(world.states().values()) == {"fresh"}


def har_run(world: World, case: Case) -> None:
    after = world.last_event()
    case.change(world)
    assert not world.run().failures
    check(world, case, after)


def automation(world: World, case: Case) -> None:
    cursor = world.tick_until_quiet(None)
    after = world.last_event()
    case.change(world)
    world.tick_until_quiet(cursor)
    check(world, case, after)


def nightly_refresh(world: World, case: Case) -> None:
    """Also what a daemon missed that was down while the change was made: the job keeps no memory of its own."""
    after = world.last_event()
    case.change(world)
    assert world.definitions().resolve_job_def("refresh").execute_in_process(instance=world.instance).success
    check(world, case, after)


@pytest.mark.parametrize("way", [har_run, automation, nightly_refresh], ids=lambda way: way.__name__)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_made_again(world: World, case: Case, way: Callable[[World, Case], None]) -> None:
    way(world, case)


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("one value of a raw file changed", har_run),
        ("lstm.py changed, and no weight by it", automation),
        ("[models.lstm] changed", nightly_refresh),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_what_is_made_again_for_real(real_world: World, name: str, way: Callable[[World, Case], None]) -> None:
    way(real_world, next(case for case in CASES if case.name == name))


def test_nothing_changed(world: World) -> None:
    after = world.last_event()
    cursor = world.tick_until_quiet(None)
    world.tick_until_quiet(cursor)
    assert not world.materialised(after)


def test_forced_retraining_with_a_new_seed_brings_the_report_along(world: World) -> None:
    after = world.last_event()
    world.run('key:"models/lstm"', forced=True, seed=7)
    assert set(world.materialised(after)) == {"models/lstm"}
    world.run()
    assert set(world.materialised(after)) == {"models/lstm", *BOTTOM}
    assert set(world.states().values()) == {"fresh"}, "the seed of a run makes nothing stale"


def test_a_seed_that_was_asked_for_gives_other_weights(real_world: World) -> None:
    def latest() -> dg.AssetMaterialization:
        event = present(real_world.instance.get_latest_materialization_event(dg.AssetKey(["models", "lstm"])))
        return present(event.asset_materialization)

    before = latest()
    real_world.run('key:"models/lstm"', forced=True, seed=7)
    assert latest().metadata["seed"].value == 7
    assert present(latest().tags)["dagster/data_version"] != present(before.tags)["dagster/data_version"]


def test_automation_follows_what_was_retrained_by_hand(world: World) -> None:
    cursor = world.tick_until_quiet(None)
    after = world.last_event()
    world.run('key:"models/lstm"', forced=True, seed=7)
    world.tick_until_quiet(cursor)
    assert set(world.materialised(after)) == {"models/lstm", *BOTTOM}


def test_weekly_retraining_trains_the_models_and_no_fold(world: World) -> None:
    after = world.last_event()
    config = {"ops": {"retrain_models": {"config": {"seed": 20261129}}}}
    job = world.definitions().resolve_job_def("retraining")
    assert job.execute_in_process(instance=world.instance, run_config=config).success
    made = world.materialised(after)
    assert set(made) == MODELS | BOTTOM
    assert set(made.values()) == {1}
    assert set(world.states().values()) == {"fresh"}


def spoil(world: World) -> None:
    path = world.recordings / "a03" / "p1" / "s01.txt"
    path.write_text("none" + path.read_text())


def test_violated_validation_publishes_nothing_and_runs_nothing_below(world: World) -> None:
    cursor = world.tick_until_quiet(None)
    after, files = world.last_event(), world.files()
    spoil(world)
    outcome = world.run()
    assert [str(item) for item in outcome.failures] == ["raw_recordings"]
    assert not world.materialised(after)
    world.tick_until_quiet(cursor)  # asks once, fails, and does not ask for ever
    assert not world.materialised(after)
    job = world.definitions().resolve_job_def("refresh")
    failed = job.execute_in_process(instance=world.instance, raise_on_error=False)
    assert not failed.success
    assert "s01.txt" in str(present(failed.failure_data_for_node("refresh_assets")).error)
    assert [run.job_name for run in world.instance.get_runs(dg.RunsFilter(tags={PART_OF_TAG: failed.run_id}))] == [
        "__ASSET_JOB"
    ]
    assert not world.materialised(after)
    assert world.files() == files


def test_automation_asks_again_once_the_input_is_mended(world: World) -> None:
    cursor = world.tick_until_quiet(None)
    after = world.last_event()
    spoil(world)
    cursor = world.tick_until_quiet(cursor)
    path = world.recordings / "a03" / "p1" / "s01.txt"
    path.write_text(path.read_text().removeprefix("none"))
    world.tick_until_quiet(cursor)
    assert set(world.states().values()) == {"fresh"}
    assert set(world.materialised(after)) <= {"raw_recordings"}


def test_automation_waits_with_the_report_and_har_run_does_not(world: World) -> None:
    """By hand the report compares what there is; automation builds it when all of its inputs are there."""
    world.failures.add("models/extra_trees")
    cursor = world.tick_until_quiet(None)
    after = world.last_event()
    world.set(
        '"logistic_regression"]\n\n[models.lstm]', '"logistic_regression", "extra_trees"]\n\n[models.lstm]\nepochs = 2'
    )
    world.tick_until_quiet(cursor)
    assert set(world.materialised(after)) == {"models/lstm", *folds("lstm")}
    world.run("key:comparison_report")
    assert set(world.materialised(after)) == {"models/lstm", *folds("lstm"), "comparison_report"}
