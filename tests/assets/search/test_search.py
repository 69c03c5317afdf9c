"""``search/<architecture>`` on made recordings: what a search leaves behind, and that it goes on where it ended."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from mlflow.entities import Run
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from narrowing import as_type, present

from assets.data.source_files import report_source_version
from assets.graph import build_assets, build_resources
from assets.machinery.keys import BY_HAND, search_key
from assets.machinery.lineage import OUTPUTS, RUN_ID, latest
from assets.resources.home import Home
from assets.resources.runs import start_run
from assets.resources.tracking import Tracking
from assets.search.search import _shared, search_ingredients
from assets.search.trial_runs import STATE_TAG, TrialRuns
from har_core.experiment.loader import load_experiment
from har_core.search.events import TrialFinished, TrialProgress, TrialStarted
from har_core.settings.experiment import Experiment
from har_core.settings.runtime import RuntimeSettings

EXPERIMENT = """
[source]
num_subjects = 4
num_segments = 2
[splits]
validation_subjects = [2]
test_subjects = [4]
[training]
epochs = 1
batch_size = 16
[models]
architectures = ["compact"]
[search.compact]
trials = 3
sampler = "random"
folds = 3
space.width = { low = 2, high = 6, step = 2 }
space.learning_rate = { low = 1e-3, high = 1e-1, log = true }
[runtime]
device = "cpu"
num_threads = 1
"""
KEY = search_key("compact")


class Place:
    """A home with its instance."""

    def __init__(self, root: Path, instance: dg.DagsterInstance) -> None:
        self.home, self.instance, self.tracking = Home(root), instance, Tracking(Home(root))
        self.experiment = self.load(EXPERIMENT)

    def load(self, text: str) -> Experiment:
        path = self.home.root / "tiny.toml"
        path.write_text(text, encoding="utf-8")
        return load_experiment(path)

    def definitions(self) -> dg.Definitions:
        return dg.Definitions(assets=build_assets(self.experiment), resources=build_resources(self.home))

    def materialise(self, *names: str, trials: int | None = None) -> None:
        report_source_version(self.instance, self.experiment, self.home)
        searches = KEY.to_user_string() in names
        config = {"ops": {"search__compact": {"config": {"trials": trials}}}} if searches else {}
        done = dg.materialize(
            build_assets(self.experiment),
            instance=self.instance,
            resources=build_resources(self.home),
            selection=[dg.AssetKey.from_user_string(name) for name in names],
            run_config=config,
        )
        assert done.success

    def children(self) -> list[Run]:
        """Of the MLflow run of the latest search, oldest first."""
        parent = present(latest(self.instance, KEY)).metadata[RUN_ID]
        query = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{parent}'"
        found = self.tracking.client.search_runs([self.tracking.experiment_id], query, order_by=["start_time"])
        return list(found)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Three trials were run."""
    with dg.DagsterInstance.ephemeral() as instance:
        place = Place(tmp_path_factory.mktemp("home"), instance)
        place.materialise("raw_recordings", "recording_audit", "windows", "search/compact")
        yield place


def test_the_best_is_lines_to_paste_that_are_no_change_by_themselves(place: Place) -> None:
    folder = place.home.search("compact")
    best = (folder / "best.toml").read_text(encoding="utf-8")
    found = json.loads((folder / "search.json").read_text(encoding="utf-8"))
    means = [sum(trial["scores"]) / 3 for trial in found["trials"]]
    winner = found["trials"][means.index(max(means))]
    assert tomllib.loads(best) == {"models": {"compact": winner["values"]}}
    assert f"macro-F1 {max(means):.3f} ±" in best
    assert found["best"]["values"] == winner["values"]
    assert found["validation"] == [[1], [2], [3]]
    pasted = place.load(EXPERIMENT + best).model_settings("compact")
    assert pasted.training.learning_rate == winner["values"]["learning_rate"]
    assert (place.home.root / "tiny.toml").read_text(encoding="utf-8") == EXPERIMENT + best


def test_the_page_needs_nothing_beside_it(place: Place) -> None:
    page = (place.home.search("compact") / "search.html").read_text(encoding="utf-8")
    assert "Made of synthetic recordings" in page
    assert "[models.compact]" in page
    assert page.count("<svg") >= 1
    assert not [address for address in ("src=", "@import", "url(") if address in page]


def test_each_trial_is_an_mlflow_run_below_that_of_the_search(place: Place) -> None:
    children = place.children()
    found = json.loads((place.home.search("compact") / "search.json").read_text(encoding="utf-8"))
    assert [run.info.run_name for run in children] == [f"search/compact trial {number}" for number in range(3)]
    for run, trial in zip(children, found["trials"], strict=True):
        assert run.info.status == "FINISHED"
        assert run.data.tags[STATE_TAG] == "complete"
        assert run.data.params["width"] == str(trial["values"]["width"])
        assert [run.data.metrics[f"validation/macro_f1_fold_{fold}"] for fold in (1, 2, 3)] == trial["scores"]
        folder = Path(as_type(str, run.info.artifact_uri).removeprefix("file://"))
        settings = tomllib.loads((folder / "settings.toml").read_text(encoding="utf-8"))
        assert settings == {"models": {"compact": trial["values"]}}
        steps = place.tracking.client.get_metric_history(run.info.run_id, "validation/macro_f1_so_far")
        assert [entry.step for entry in steps] == [1, 2, 3]
    parent = present(latest(place.instance, KEY)).metadata[RUN_ID]
    artifacts = {entry.path for entry in place.tracking.client.list_artifacts(parent)}
    assert {"best.toml", "search.json", "search.html", "tables"} <= artifacts


def test_it_introduces_itself_as_started_by_hand(place: Place) -> None:
    node = place.definitions().resolve_asset_graph().get(KEY)
    assert node.group_name == "search"
    assert BY_HAND.items() <= node.tags.items()
    assert {key.to_user_string() for key in node.parent_keys} == {"windows"}
    assert set(present(latest(place.instance, KEY)).metadata[OUTPUTS]) == {
        f"data/search/compact/{name}" for name in ("best.toml", "search.json", "search.html")
    }


def test_what_is_searched_and_how_makes_a_study_and_how_many_trials_does_not(place: Place) -> None:
    def version(before: str, after: str) -> str:
        assert before in EXPERIMENT
        return search_ingredients("compact", place.load(EXPERIMENT.replace(before, after))).version

    same = version("", "")
    assert version("trials = 3", "trials = 9") == same
    assert version("[search.compact]", "[models.compact]\nwidth = 4\nlearning_rate = 0.1\n[search.compact]") == same
    for before, after in (
        ("high = 6", "high = 8"),
        ("epochs = 1", "epochs = 2"),
        ("[search.compact]", "[models.compact]\ndropout = 0.1\n[search.compact]"),
        ("test_subjects = [4]", "test_subjects = [3]"),
        ("folds = 3", "folds = 2"),
        ('"random"', '"tpe"'),
    ):
        assert version(before, after) != same, after


def test_more_trials_go_on_and_the_same_number_runs_none(place: Place) -> None:
    before = present(latest(place.instance, KEY)).data_version
    place.materialise("search/compact")
    assert place.children() == []
    assert present(latest(place.instance, KEY)).data_version == before

    place.materialise("search/compact", trials=4)
    assert [run.info.run_name for run in place.children()] == ["search/compact trial 3"]
    found = json.loads((place.home.search("compact") / "search.json").read_text(encoding="utf-8"))
    assert [trial["number"] for trial in found["trials"]] == [0, 1, 2, 3]
    assert present(latest(place.instance, KEY)).data_version != before


def test_workers_share_threads_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assets.search.search.free_bytes", lambda: 64 * 2**20)
    shared = _shared(RuntimeSettings(num_threads=5), 4)
    assert (shared.num_threads, shared.samples_in_memory_mib) == (1, 8)
    assert _shared(RuntimeSettings(samples_in_memory_mib=100), 4).samples_in_memory_mib == 25


def test_runs_of_trials_end_as_the_trials_do(place: Place) -> None:
    def end_in_different_ways() -> None:
        with start_run(place.tracking, "interrupted", {}) as run, TrialRuns(run, "compact") as runs:
            for number in range(3):
                runs.listen(TrialStarted(number=number, values={"width": number}))
            runs.listen(TrialProgress(number=0, step=1, score=0.5))
            runs.listen(TrialFinished(number=0, state="pruned"))
            runs.listen(TrialFinished(number=1, state="failed", error="the loss is no longer finite"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        end_in_different_ways()
    query = "attributes.run_name LIKE 'interrupted trial%'"
    children = place.tracking.client.search_runs([place.tracking.experiment_id], query)
    by_name = {as_type(str, child.info.run_name)[-1]: child for child in children}
    assert {name: child.info.status for name, child in by_name.items()} == {
        "0": "FINISHED",
        "1": "FAILED",
        "2": "FAILED",
    }
    assert by_name["0"].data.tags[STATE_TAG] == "pruned"
    assert by_name["1"].data.tags["har.error"] == "HarError: the loss is no longer finite"
