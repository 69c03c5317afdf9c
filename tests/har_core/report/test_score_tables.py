"""The scores of every training as tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import polars as pl
import pyarrow.parquet as pq
import pytest
from made_reports import SEEDS, SUBJECTS, made
from recomputed_scores import by_subject, trainings
from sklearn.metrics import f1_score

from har_core.report.build import build_report, write_report
from har_core.report.inputs import ReportInputs
from har_core.report.page import compose
from har_core.report.score_tables import ACTIVITIES_SCHEMA, HOLDOUT, SUBJECTS_SCHEMA, tabulate_scores


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    own = tmp_path_factory.mktemp("report")
    write_report(build_report(made().inputs), own)
    return own


@pytest.fixture(scope="module")
def subjects(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "scores.parquet")


def test_each_training_has_a_row_for_each_of_its_subjects(subjects: pl.DataFrame) -> None:
    key = ["architecture", "protocol", "fold", "seed", "subject"]
    assert subjects.select(key).is_unique().all()
    rows = subjects.group_by("architecture", "protocol").len().iter_rows()
    counts = {(name, protocol): number for name, protocol, number in rows}
    for name, seeds in SEEDS.items():
        num_folds = len(SUBJECTS) - (name == "lstm")
        assert counts[name, "loso"] == num_folds * len(seeds)
        assert counts[name, "leaky"] == 5 * len(seeds) * len(SUBJECTS)
        assert counts[name, HOLDOUT] == 2


def test_scores_are_those_of_the_predictions(subjects: pl.DataFrame) -> None:
    rows = {tuple(row[:5]): row for row in subjects.iter_rows()}
    for (name, fold), table in made().folds.items():
        for own in trainings(table):
            clean = by_subject(own.test.clean, own.learnt)
            for subject, macro_f1 in by_subject(own.test, own.learnt).items():
                row = rows[name, fold.partition("-")[0], fold, own.seed, int(subject)]
                windows = own.test.of(int(subject))
                right = int((windows.predicted == windows.labels).sum())
                assert row[5:7] == (len(windows.labels), right)
                assert row[7:10] == pytest.approx((right / len(windows.labels), macro_f1, clean[subject]))
                assert row[10] == f"{name}-{fold}"


def test_they_give_the_means_of_the_report(subjects: pl.DataFrame) -> None:
    sureness = compose(made().inputs).sureness
    assert sureness is not None
    for sure in sureness.rows:
        own = subjects.filter(protocol="loso", architecture=sure.row.summary.architecture)
        assert own.group_by("subject").agg(pl.mean("macro_f1"))["macro_f1"].mean() == pytest.approx(sure.spread.mean)


def test_activities_add_up_to_subjects(folder: Path, subjects: pl.DataFrame) -> None:
    activities = pl.read_parquet(folder / "scores_by_activity.parquet")
    key = ["architecture", "protocol", "fold", "seed", "subject"]
    added = activities.group_by(key).agg(pl.sum("num_windows"), pl.sum("num_taken"), pl.sum("num_right"))
    both = subjects.join(added, on=key, suffix="_added")
    assert len(both) == len(subjects)
    assert (both["num_windows"] == both["num_windows_added"]).all()
    assert (both["num_windows"] == both["num_taken"]).all()
    assert (both["num_right"] == both["num_right_added"]).all()
    lacking = activities.filter(subject=5, activity=3)
    assert lacking["f1"].is_null().all()
    assert not activities.filter(pl.col("num_windows") > 0)["f1"].has_nulls()


def test_f1_of_an_activity_is_that_of_its_windows(folder: Path) -> None:
    activities = pl.read_parquet(folder / "scores_by_activity.parquet")
    [own] = [own for own in trainings(made().folds["cnn", "loso-p1"]) if own.seed == 1]
    rows = activities.filter(architecture="cnn", fold="loso-p1", seed=1).sort("activity")
    expected = f1_score(own.test.labels, own.test.predicted, average=None)
    assert rows["f1"].to_list() == pytest.approx(expected.tolist())
    assert fmean(rows["f1"]) == pytest.approx(by_subject(own.test, own.learnt)["1"])


def test_files_describe_themselves(folder: Path) -> None:
    for name, schema in (("scores", SUBJECTS_SCHEMA), ("scores_by_activity", ACTIVITIES_SCHEMA)):
        found = pq.read_schema(folder / f"{name}.parquet")
        assert found.equals(schema)
        for field in found:
            assert field.metadata[b"description"], field.name
        assert found.metadata[b"har.report.origin"] == b"synthetic"
        assert found.metadata[b"har.report.created"] == b"2026-05-04T10:30:00+00:00"


def test_trainings_of_other_recordings_are_left_out(inputs: Callable[..., ReportInputs]) -> None:
    given = made().inputs
    other = replace(given, origin="real")
    assert tabulate_scores(other).subjects.num_rows == 0
    assert tabulate_scores(inputs()).activities.num_rows == 0
