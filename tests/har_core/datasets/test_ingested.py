"""The file of recordings takes whatever a data set has: parts or breaks, labels that change, times, missing values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_sets import SPECS

from har_core.datasets.ingested import read_ingested, recordings_writer
from har_core.datasets.recordings import LabelRun, Outline, Recording
from har_core.spec.dataset import DatasetSpec


def make(spec: DatasetSpec, subject: int, outline: Outline, *, has_times: bool) -> Recording:
    samples = np.random.default_rng(subject).normal(size=(spec.num_channels, outline.num_rows)).astype(np.float32)
    samples[0, 1] = np.nan
    times = np.arange(outline.num_rows) / 3 if has_times else None
    return Recording(subject=subject, session=70_000, outline=outline, samples=samples, times=times)


OUTLINES = [
    Outline(segments=(1,), lengths=(7,), labels=(LabelRun(3, 7),)),
    Outline(segments=(2, 40_000), lengths=(1, 5), labels=(LabelRun(0, 3), LabelRun(1, 1), LabelRun(0, 2))),
]


@pytest.mark.parametrize("has_times", [False, True])
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_recordings_are_read_as_they_were_written(spec: DatasetSpec, tmp_path: Path, has_times: bool) -> None:
    recordings = [make(spec, number, outline, has_times=has_times) for number, outline in enumerate(OUTLINES, start=1)]
    with recordings_writer(tmp_path / "a.arrow", spec, origin="real") as write:
        for recording in recordings:
            write(recording)
    ingested = read_ingested(tmp_path / "a.arrow")
    assert (ingested.spec, ingested.origin, ingested.subjects) == (spec, "real", (1, 2))
    assert ingested.outlines == {recording.key: recording.outline for recording in recordings}
    for one, other in zip(recordings, ingested, strict=True):
        np.testing.assert_array_equal(one.samples, other.samples)
        assert (other.times is not None) == has_times
        assert not has_times or np.array_equal(np.asarray(one.times), np.asarray(other.times))


def test_recordings_with_and_without_times_are_not_mixed(tmp_path: Path) -> None:
    with recordings_writer(tmp_path / "a.arrow", SPECS[1], origin="real") as write:
        write(make(SPECS[1], 1, OUTLINES[0], has_times=False))
        with pytest.raises(AssertionError, match="subject 2, session 70000 has times"):
            write(make(SPECS[1], 2, OUTLINES[1], has_times=True))
