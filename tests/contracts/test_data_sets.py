"""What splits, audit and report keep to for every data set. A new one is tested by being in ``data_sets.DATA_SETS``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from data_sets import DATA_SETS, DataSet, recordings_like

from har_core.audit.defects import find_defects
from har_core.audit.findings import name_channels, skipped_of
from har_core.audit.kinds import Kind
from har_core.audit.ranges import damaged_rows, duplicate_groups
from har_core.datasets.recordings import RecordingKey, Recordings, recordings_of
from har_core.evaluation.calibration import Calibration, Confidence
from har_core.evaluation.complexity import Complexity
from har_core.evaluation.latency import Latency, Machine
from har_core.evaluation.results import ModelResult
from har_core.evaluation.scores import Scores, score
from har_core.evaluation.separation import Separation
from har_core.report.build import build_report
from har_core.report.inputs import ReportEntry, ReportInputs
from har_core.settings.splits import SplitSettings
from har_core.splits.build import SplitWindows, cut_fold, read_splits, write_splits
from har_core.splits.protocols import folds
from har_core.splits.roles import ROLES
from har_core.windows.checks import WindowChecks
from har_core.windows.dataset import write_windows
from har_core.windows.schema import KEY_COLUMNS
from har_core.windows.segmentation import segment
from har_core.windows.tensors import read_tensors

SUBJECTS = (1, 2, 4, 5)
SETTINGS = SplitSettings(validation_subjects=(4,), test_subjects=(5,))
PROTOCOLS = ("loso", "pairs", "group", "leaky")


class Made(NamedTuple):
    data_set: DataSet
    recordings: Recordings
    windows: Path
    findings: pa.Table


@pytest.fixture(scope="module", params=DATA_SETS, ids=str)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Recordings without damage, and their windows."""
    data_set: DataSet = request.param
    recordings = recordings_like(data_set, SUBJECTS)
    findings = find_defects(recordings, data_set.spec)
    path = tmp_path_factory.mktemp(data_set.spec.name) / "windows.parquet"
    checks = WindowChecks(findings, recordings.outlines, damaged="flag")
    write_windows(segment(recordings, length=data_set.window_length, findings=findings), path, checks=checks)
    return Made(data_set, recordings, path, findings)


# --- Splits -----------------------------------------------------------------------------------------------------------


def samples_of(split: SplitWindows, role: str, length: int) -> set[tuple[int, ...]]:
    keys = zip(*(split.roles[role].keys[name].to_pylist() for name in KEY_COLUMNS), strict=True)
    return {(*key, start + row) for *key, start in keys for row in range(length)}


def test_windows_are_of_all_subjects_and_activities(made: Made) -> None:
    tensors, (length, num_channels, num_classes) = read_tensors(made.windows), made.data_set.shape
    assert tensors.spec == made.data_set.spec
    assert tuple(tensors.windows.shape[1:]) == (length, num_channels)
    for subject in SUBJECTS:
        own = tensors.labels[np.flatnonzero(tensors.keys["subject"].to_numpy() == subject)]
        assert set(own.tolist()) == set(range(num_classes))


def test_a_split_keeps_subjects_apart_and_the_description(made: Made, tmp_path: Path) -> None:
    write_splits(made.windows, SETTINGS, tmp_path)
    split = read_splits(tmp_path)
    subjects = {role: set(split.roles[role].keys["subject"].to_pylist()) for role in ROLES}
    assert subjects == {"training": {1, 2}, "validation": {4}, "test": {5}}
    assert split.spec == made.data_set.spec
    assert split.statistics is not None
    assert split.statistics.channels == made.data_set.spec.channel_names
    training = split.roles["training"].windows
    np.testing.assert_allclose(training.mean(dim=(0, 1)), 0, atol=1e-3)
    np.testing.assert_allclose(training.std(dim=(0, 1)), 1, atol=1e-2)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_folds_share_no_sample_and_test_every_window_once(made: Made, protocol: str) -> None:
    length, tested = made.data_set.window_length, list[tuple[int, ...]]()
    for fold in folds(protocol, SUBJECTS, num_groups=2):
        split = cut_fold(made.windows, fold)
        assert split.spec == made.data_set.spec
        training, validation, test = (samples_of(split, role, length) for role in ROLES)
        assert training
        assert not training & test
        assert not validation & test
        assert not training & validation
        if protocol != "leaky":
            assert not {sample[:2] for sample in training | validation} & {sample[:2] for sample in test}
        tested += test
    assert len(tested) == len(set(tested)) == len(read_tensors(made.windows).labels) * length


# --- Audit ------------------------------------------------------------------------------------------------------------


def changed(made: Made, key: RecordingKey, samples: np.ndarray) -> Recordings:
    """The recordings with other samples (C, R) in one of them."""
    others = [own for own in made.recordings if own.key != key]
    recording = made.recordings.load(key)
    other = type(recording)(
        subject=key.subject, session=key.session, outline=recording.outline, samples=samples, times=recording.times
    )
    return recordings_of(made.data_set.spec, [*others, other])


def test_nothing_is_found_where_nothing_is_wrong(made: Made) -> None:
    assert made.findings.to_pylist() == []


def test_zeros_of_a_place_are_found_where_they_are(made: Made) -> None:
    spec, key = made.data_set.spec, RecordingKey(2, 1)
    for place, channels in zip(spec.places, spec.channels_of_place, strict=True):
        samples = made.recordings.load(key).samples.copy()
        samples[list(channels), 101:141] = 0
        findings = find_defects(changed(made, key, samples), spec)
        assert set(findings["kind"].to_pylist()) == {"zero_run"}
        assert set(findings["channels"].to_pylist()) == {name_channels(channels, spec)}
        rows = damaged_rows(findings, key, made.recordings.outlines[key], place=place)
        assert np.flatnonzero(rows).tolist() == [*range(101, 141)]


def test_rows_of_another_subject_are_found_in_both(made: Made) -> None:
    spec, source, key = made.data_set.spec, RecordingKey(1, 1), RecordingKey(4, 2)
    samples = made.recordings.load(key).samples.copy()
    samples[:, 60:200] = made.recordings.load(source).samples[:, 10:150]
    findings = find_defects(changed(made, key, samples), spec)
    copies = findings.filter(pa.array([kind == "duplicate_rows" for kind in findings["kind"].to_pylist()]))
    assert {row["channels"] for row in copies.to_pylist()} == {"all"}
    groups = duplicate_groups(copies, made.recordings.outlines)
    assert groups[source][10:150].tolist() == groups[key][60:200].tolist()
    assert sum(int((own >= 0).sum()) for own in groups.values()) == 2 * 140


def test_values_beyond_each_limit_are_found_or_said_to_be_skipped(made: Made) -> None:
    spec, key = made.data_set.spec, RecordingKey(5, 2)
    skipped = " ".join(one.reason for one in skipped_of(made.findings) if one.kind is Kind.OUT_OF_RANGE)
    limited = [index for index, channel in enumerate(spec.channels) if channel.limit is not None]
    assert bool(skipped) == (len(limited) < spec.num_channels)
    for index in limited[:: max(1, len(limited) // 4)]:
        samples = made.recordings.load(key).samples.copy()
        samples[index, 30:32] = 1.01 * (spec.channels[index].limit or 0)
        found = find_defects(changed(made, key, samples), spec).to_pylist()
        assert ("out_of_range", spec.channel_names[index], 2) in [
            (row["kind"], row["channels"], row["num_rows"]) for row in found
        ]


# --- Report -----------------------------------------------------------------------------------------------------------


def scores_of(data_set: DataSet) -> Scores:
    """Every activity is right but the first, which is taken for the second."""
    num_classes = data_set.spec.num_activities
    labels = np.repeat(np.arange(num_classes), 5)
    return score(labels, np.eye(num_classes)[np.where(labels == 0, 1, labels)], names=data_set.spec.activities)


def result_of(data_set: DataSet) -> ModelResult:
    scores = {"validation": scores_of(data_set), "test": scores_of(data_set)}
    machine = Machine(processor="A processor", num_cores=2, system="Linux", torch_version="2")
    return ModelResult(
        architecture="lda",
        origin="real",
        seed=0,
        training_settings={},
        scores=scores,
        scores_clean=scores,
        per_subject={1: scores["test"].macro_f1},
        per_subject_clean={1: scores["test"].macro_f1},
        confusions={1: scores["test"].confusion},
        learnt=tuple(range(data_set.spec.num_activities)),
        calibration=Calibration(before=Confidence.of(np.array([0, 1]), np.eye(data_set.spec.num_activities)[:2])),
        separation=Separation.of(np.array([0, 1]), np.eye(data_set.spec.num_activities)[:2]),
        history=(),
        best_epoch=0,
        complexity=Complexity(num_parameters=100, macs=100, size_bytes=400),
        latency=Latency(
            batch1_median_ms=1.0,
            batch1_p95_ms=1.0,
            throughput_windows_per_s=100.0,
            num_threads=1,
            warmup=1,
            repeats=3,
            batch_size=8,
            machine=machine,
        ),
        num_windows={"training": 10, "validation": 10, "test": 10},
        training_seconds=1.0,
        device="cpu",
        precision="fp32",
    )


def test_a_report_names_its_data_set_and_no_other(made: Made) -> None:
    spec, key = made.data_set.spec, RecordingKey(2, 1)
    samples = made.recordings.load(key).samples.copy()
    samples[list(spec.channels_of_place[-1]), 101:141] = 0
    inputs = ReportInputs(
        title="A report",
        origin="real",
        created=datetime(2026, 5, 4, tzinfo=UTC),
        spec=spec,
        entries=(ReportEntry(result=result_of(made.data_set), registered_model="har-lda", version="1"),),
        subjects=SUBJECTS,
        findings=find_defects(changed(made, key, samples), spec),
        window_length=made.data_set.window_length,
    )
    report = build_report(inputs)
    [entry] = json.loads(report.json)["entries"]
    assert [own["activity"] for own in entry["result"]["scores"]["test"]["per_class"]] == list(spec.activities)
    for text in (report.html, report.markdown):
        assert spec.title in text
        assert spec.citation.split(",", maxsplit=1)[0] in text
        assert all(activity in text for activity in spec.activities)
        for other in DATA_SETS:
            assert other.spec == spec or other.spec.title not in text
    assert f"{spec.activities[0]} → {spec.activities[1]} (5 windows, 100 %)" in report.markdown
    assert f"means over the {spec.num_activities} activities" in report.html
