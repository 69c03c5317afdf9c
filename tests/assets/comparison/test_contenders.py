"""What the gate is told of a registered version, and whose folds speak for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from narrowing import as_type, present
from window_examples import named_windows

from assets.comparison import champion
from assets.comparison.contenders import Contenders, _milliseconds, made_today, read_validation_windows
from assets.comparison.fold_scores import FoldScores, scores_over_folds
from assets.graph import build_assets, build_resources
from assets.machinery.keys import CHAMPION, COMPARISON_REPORT, FOLD_PARTITIONS, WINDOWS, fold_key, model_key
from assets.machinery.lineage import (
    CODE_VERSION_TAG,
    DATA_VERSION_TAG,
    INPUT_VERSION_TAG,
    OUTPUTS,
    OVER_FOLDS,
    RUN_ID,
    latest,
    latest_of_partition,
)
from assets.resources.home import Home
from assets.resources.store import CHAMPION_ALIAS, OVERALL
from har_core.base.errors import HarError
from har_core.base.files import sha256_of_file
from har_core.datasets.dsads.dataset import DSADS
from har_core.experiment.loader import load_experiment
from har_core.inference.predictions import tabulate_predictions, write_predictions
from har_core.settings.ensembles import EnsembleSettings
from har_core.settings.experiment import Experiment
from pipelines.runner import make_request

if TYPE_CHECKING:
    from tests.assets.conftest import Graph


@pytest.fixture
def experiment(graph: Graph) -> Experiment:
    """With folds of cnn; subject 3 tests in the split."""
    return with_folds(graph, "cnn")


def with_folds(graph: Graph, *architectures: str, **changed: object) -> Experiment:
    evaluation = graph.experiment.evaluation.model_copy(
        update={"protocols": ("loso", "leaky"), "architectures": architectures, "seeds": (0, 1)}
    )
    return graph.experiment.model_copy(update={"evaluation": evaluation, **changed})


def assets_of(experiment: Experiment) -> list[dg.AssetsDefinition]:
    return [asset for asset in build_assets(experiment) if isinstance(asset, dg.AssetsDefinition)]


@pytest.fixture
def add_fold(graph: Graph, experiment: Experiment) -> Callable[..., Path]:
    """Let a fold of cnn have run: of each seed the share of right answers for the subject that validates."""
    return partial(add_fold_of, "cnn", graph, experiment)


def add_fold_of(  # noqa: PLR0917 - a fold of a model, and what it came to
    name: str,
    graph: Graph,
    experiment: Experiment,
    fold: str,
    subject: int,
    shares: tuple[float, ...],
    *,
    code_version: str | None = None,
) -> Path:
    """The same of any model; the materialisation says that it was made from what there is now."""
    key = fold_key(name)
    [spec] = [asset.get_asset_spec(key) for asset in assets_of(experiment) if key in asset.keys]
    path = graph.home.predictions(f"folds/{name}", fold)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_predictions(
        path,
        pa.concat_tables(
            table
            for seed, share in enumerate(shares)
            for table in (answers(subject, share, "validation", seed), answers(9, 0.0, "test", seed))
        ),
    )
    graph.instance.add_dynamic_partitions(FOLD_PARTITIONS, [fold])
    above = {dep.asset_key for dep in spec.deps}
    inputs = (
        {WINDOWS: latest(graph.instance, WINDOWS)}
        if WINDOWS in above
        else {parent: latest_of_partition(graph.instance, parent, fold) for parent in above}
    )
    graph.instance.report_runless_asset_event(
        dg.AssetMaterialization(
            key,
            partition=fold,
            metadata={
                RUN_ID: "a run",
                OUTPUTS: dg.MetadataValue.json({path.relative_to(graph.home.root).as_posix(): sha256_of_file(path)}),
            },
            tags={
                CODE_VERSION_TAG: code_version or present(spec.code_version),
                DATA_VERSION_TAG: fold,
                **{
                    f"{INPUT_VERSION_TAG}{parent.to_user_string()}": present(entry).data_version
                    for parent, entry in inputs.items()
                },
            },
        )
    )
    return path


def answers(subject: int, share: float, role: str, seed: int) -> pa.Table:
    """Predictions of ten windows of each activity, of which the first ``share`` are right."""
    labels = np.repeat(np.arange(DSADS.num_activities), 10)
    right = np.tile(np.arange(10) < 10 * share, DSADS.num_activities)
    windows = named_windows(labels, subject)
    answered = np.where(right, labels, (labels + 1) % DSADS.num_activities)
    return tabulate_predictions(windows, np.eye(DSADS.num_activities)[answered], role=role, seed=seed)


def found(graph: Graph, experiment: Experiment) -> Mapping[str, Mapping[int, float]]:
    return scores_over_folds(graph.instance, experiment, graph.home, assets_of(experiment)).by_model


def test_subjects_that_validate_in_folds_are_scored(
    graph: Graph, experiment: Experiment, add_fold: Callable[..., Path]
) -> None:
    add_fold("loso-p1", 2, (0.8, 0.6))
    add_fold("loso-p3", 1, (1.0, 1.0))
    add_fold("loso-p2", 3, (0.9, 0.9))  # subject 3 tests in the split
    add_fold("leaky-1", 1, (0.0, 0.0))
    assert found(graph, experiment) == {"cnn": {1: pytest.approx(1.0), 2: pytest.approx(0.7)}}
    add_fold("inner-p1-before-p3", 1, (0.5, 0.5))  # made for this, so that no other counts
    assert found(graph, experiment) == {"cnn": {1: pytest.approx(0.5)}}


def test_folds_of_another_code_or_of_other_windows_do_not_count(
    graph: Graph, experiment: Experiment, add_fold: Callable[..., Path]
) -> None:
    add_fold("loso-p1", 2, (0.8, 0.6), code_version="another")
    add_fold("loso-p3", 1, (1.0, 1.0))
    assert found(graph, experiment) == {"cnn": {1: pytest.approx(1.0)}}
    graph.instance.report_runless_asset_event(dg.AssetMaterialization(WINDOWS, tags={DATA_VERSION_TAG: "another"}))
    assert found(graph, experiment) == {"cnn": {}}


def test_folds_of_an_ensemble_do_not_count_where_those_of_a_member_do_not(graph: Graph) -> None:
    ensembles = {"both": EnsembleSettings(members=("cnn", "lstm"))}
    experiment = with_folds(graph, "cnn", "lstm", ensembles=ensembles)
    for name in ("cnn", "lstm", "both"):
        add_fold_of(name, graph, experiment, "loso-p1", 2, (0.8,))
    assert {name for name, scores in found(graph, experiment).items() if scores} == {"cnn", "lstm", "both"}
    add_fold_of("lstm", graph, experiment, "loso-p1", 2, (0.8,), code_version="another")
    assert {name for name, scores in found(graph, experiment).items() if scores} == {"cnn"}


def test_predictions_that_were_altered_judge_nobody(
    graph: Graph, experiment: Experiment, add_fold: Callable[..., Path]
) -> None:
    path = add_fold("loso-p1", 2, (0.8, 0.6))
    write_predictions(path, answers(2, 1.0, "validation", 0))
    with pytest.raises(HarError, match="is not what folds/cnn wrote"):
        found(graph, experiment)


def contenders(
    graph: Graph,
    experiment: Experiment,
    over_folds: Mapping[str, Mapping[int, float]],
    remembered: Mapping[str, Mapping[int, float]] | None = None,
) -> Contenders:
    return Contenders(
        tracking=graph.tracking,
        validation=read_validation_windows(graph.home, experiment),
        folds=FoldScores(of="", by_model=over_folds, remembered=remembered or {}),
        today=made_today(graph.instance, assets_of(experiment)),
    )


def test_runs_of_before_have_their_latency_under_another_name() -> None:
    assert _milliseconds({"batch1_latency_ms": 2.0}) == 2.0
    assert _milliseconds({"macs": 5.0}) is None


def test_an_entry_says_what_the_registry_and_the_run_hold(graph: Graph) -> None:
    scores = {"cnn": {1: 0.5}}
    first, overall = (present(graph.tracking.by_alias(name, CHAMPION_ALIAS)) for name in ("har-cnn", OVERALL))
    entry = contenders(graph, graph.experiment, scores).entry(first)
    assert (entry.name, entry.kind, entry.origin) == ("har-cnn version 1", "cnn", "synthetic")
    assert entry.split == present(latest(graph.instance, dg.AssetKey("splits"))).data_version
    assert entry.over_folds == {1: 0.5}
    assert present(entry.milliseconds) == graph.result("cnn").latency.batch1_median_ms
    [(subject, score)] = present(entry.on_windows).items()
    assert subject == 2
    assert score == pytest.approx(graph.result("cnn").scores["validation"].macro_f1, abs=0.05)
    copy = contenders(graph, graph.experiment, scores).entry(overall)
    assert copy.name == "har version 1"
    assert copy.kind == overall.tags["har.copied_from"].partition("/")[0].removeprefix("har-")


def test_folds_speak_for_versions_made_from_the_same(graph: Graph) -> None:
    """Not for one of other settings, or on other recordings."""
    version = present(graph.tracking.by_alias("har-cnn", CHAMPION_ALIAS))
    before = graph.experiment.model_settings("cnn")
    models = graph.experiment.models
    changed = models.model_copy(
        update={"settings": {**models.settings, "cnn": before.with_values({"learning_rate": 0.25})}}
    )
    experiment = graph.experiment.model_copy(update={"models": changed})
    assert contenders(graph, experiment, {"cnn": {1: 0.5}}).entry(version).over_folds == {}
    known = {version.model_id: {1: 0.25}}  # from when it was of today
    assert contenders(graph, experiment, {"cnn": {1: 0.5}}, known).entry(version).over_folds == {1: 0.25}
    assert contenders(graph, graph.experiment, {"cnn": {1: 0.5}}, known).entry(version).over_folds == {1: 0.5}
    graph.instance.report_runless_asset_event(
        dg.AssetMaterialization(dg.AssetKey("splits"), tags={DATA_VERSION_TAG: "another"})
    )
    assert contenders(graph, graph.experiment, {"cnn": {1: 0.5}}).entry(version).over_folds == {}


def test_what_held_an_alias_is_remembered_for_the_same_folds(
    graph: Graph, experiment: Experiment, add_fold: Callable[..., Path]
) -> None:
    """So that a change of settings does not leave a champion whom nobody can judge."""
    add_fold("loso-p1", 2, (0.8, 0.6))

    def decided(of: str) -> FoldScores:
        scores = {"of": of, "scores": {"m-1": {"2": 0.7}}}
        graph.instance.report_runless_asset_event(
            dg.AssetMaterialization(dg.AssetKey("champion"), metadata={OVER_FOLDS: dg.MetadataValue.json(scores)})
        )
        return scores_over_folds(graph.instance, experiment, graph.home, assets_of(experiment))

    of = decided("others").of
    assert decided("others").remembered == {}
    assert decided(of).remembered == {"m-1": {2: 0.7}}
    add_fold("loso-p3", 1, (1.0, 1.0))
    assert decided(of).remembered == {}, "there is another fold"


def test_a_copy_that_mlflow_promoted_is_of_the_kind_of_its_source(graph: Graph) -> None:
    client, source = graph.tracking.client, present(graph.tracking.by_alias("har-lstm", CHAMPION_ALIAS))
    client.copy_model_version(f"models:/har-lstm/{source.version}", "har")
    newest = next(entry for entry in graph.tracking.registered() if entry.name == OVERALL)
    assert newest.version == 2
    assert "har.copied_from" not in newest.tags
    entry = contenders(graph, graph.experiment, {"lstm": {1: 0.5}}).entry(newest)
    assert entry.kind == "lstm"
    assert entry.over_folds == {1: 0.5}


def test_folds_choose_against_the_validation_windows(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each decision is kept with its numbers."""
    holder = present(graph.tracking.by_alias(OVERALL, CHAMPION_ALIAS)).tags["har.copied_from"].partition("/")[0]
    [other] = {"har-cnn", "har-lstm"} - {holder}
    folds = {
        name.removeprefix("har-"): {1: base, 2: base + 0.02, 4: base + 0.01}
        for name, base in ((holder, 0.7), (other, 0.8))
    }
    told = FoldScores(of="these", by_model=folds)
    monkeypatch.setattr(champion, "scores_over_folds", lambda *arguments: told)
    assert graph.materialise("champion").success
    kept = as_type(dict, graph.latest("champion").metadata[OVER_FOLDS].value)
    assert kept["of"] == "these"
    assert kept["scores"]
    assert all(sorted(map(int, scores)) == [1, 2, 4] for scores in kept["scores"].values())
    now = present(graph.tracking.by_alias(OVERALL, CHAMPION_ALIAS))
    assert now.tags["har.copied_from"].partition("/")[0] == other
    run = present(graph.tracking.read_run(str(graph.latest("champion").metadata[RUN_ID].value)))
    [unchanged, decision] = json.loads(present(run.artifact("decisions.json")))[OVERALL]
    assert decision["promote"]
    assert not unchanged["promote"]
    assert decision["comparison"]["evidence"] == "folds"
    assert decision["comparison"]["subjects"] == [1, 2, 4]
    assert decision["comparison"]["difference"] == pytest.approx(0.1)
    assert decision["comparison"]["uncertainty"] == pytest.approx(0.0, abs=1e-9)


def test_the_champion_needs_a_model_where_the_report_makes_do_with_a_fold(graph: Graph, experiment: Experiment) -> None:
    definitions = dg.Definitions(assets=build_assets(experiment), resources=build_resources(graph.home))
    needed = make_request(definitions.resolve_asset_graph()).partial_inputs
    models = {model_key("cnn"), model_key("lstm")}
    assert needed == {CHAMPION: models, COMPARISON_REPORT: models | {fold_key("cnn"), CHAMPION}}


INNER = """
[source]
kind = "synthetic"
num_subjects = 4
num_segments = 2

[windows]
activities = ["sitting", "walking in a parking lot", "rowing"]

[splits]
validation_subjects = []
test_subjects = [4]

[models]
architectures = ["logistic_regression", "extra_trees"]
[models.extra_trees]
num_trees = 2

[evaluation]
protocols = ["inner"]
validation_subjects = 0
latency_repeats = 3
latency_warmup = 1
"""


def test_inner_folds_choose_where_nobody_validates(ran: Graph, tmp_path: Path) -> None:
    path = tmp_path / "inner.toml"
    path.write_text(INNER, encoding="utf-8")
    with dg.DagsterInstance.ephemeral() as instance:
        graph = type(ran)(Home(tmp_path), load_experiment(path), instance)
        names = ("logistic_regression", "extra_trees")
        models = [f"models/{name}" for name in names]
        assert graph.materialise("raw_recordings", "recording_audit", "windows", "splits", *models).success
        assert graph.materialise("comparison_report", "champion").success
        assert graph.tracking.by_alias(OVERALL, CHAMPION_ALIAS) is None, "no folds are there yet"
        for subject in (1, 2, 3):
            fold = f"inner-p{subject}-before-p4"
            assert graph.materialise(*(f"folds/{name}" for name in names), partition=fold).success
        assert graph.materialise("comparison_report", "champion").success
        run = present(graph.tracking.read_run(str(graph.latest("champion").metadata[RUN_ID].value)))
        decisions = json.loads(present(run.artifact("decisions.json")))[OVERALL]
        assert "is the first champion" in decisions[0]["reason"]
        assert decisions[1]["comparison"]["evidence"] == "folds"
        assert decisions[1]["comparison"]["subjects"] == [1, 2, 3]
        assert present(graph.tracking.by_alias(OVERALL, CHAMPION_ALIAS)).origin == "synthetic"
        roles = pq.read_table(graph.home.predictions("folds/extra_trees", "inner-p1-before-p4"))["role"]
        assert set(roles.to_pylist()) == {"validation"}, "whoever tests is not read"
        metadata = present(latest_of_partition(instance, fold_key("extra_trees"), "inner-p1-before-p4")).metadata
        assert "validation_macro_f1" in metadata
        assert not [name for name in metadata if name.startswith("test_macro")]
        report = json.loads((graph.home.report_folder / "report.json").read_text())
        assert report["protocols"] == {}, "they choose, and tell nobody's score"
