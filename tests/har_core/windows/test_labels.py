"""The label of a window, held against counting its rows one by one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from data_sets import POCKET_AND_WRIST
from hypothesis import given
from hypothesis import strategies as st

from har_core.base.errors import InputError
from har_core.datasets.recordings import Outline, Recording, label_runs, recordings_of
from har_core.spec.selection import label_map, spec_of_windows
from har_core.windows.dataset import write_windows
from har_core.windows.labels import MIXED, OTHER, window_labels
from har_core.windows.schema import channels_of
from har_core.windows.segmentation import segment

if TYPE_CHECKING:
    from tests.har_core.conftest import FindingsOf

K = POCKET_AND_WRIST.num_activities


@st.composite
def outlines(draw: st.DrawFn) -> Outline:
    """Segments of any length, labels that change anywhere."""
    lengths = draw(st.lists(st.integers(1, 60), min_size=1, max_size=4))
    numbers = sorted(draw(st.sets(st.integers(1, 9), min_size=len(lengths), max_size=len(lengths))))
    pieces = draw(st.lists(st.tuples(st.integers(0, K), st.integers(1, 40)), min_size=1, max_size=8))
    rows = np.repeat([label for label, _ in pieces], [size for _, size in pieces])
    labels = np.resize(rows, sum(lengths))
    return Outline(segments=tuple(numbers), lengths=tuple(lengths), labels=label_runs(labels))


def recording_of(outline: Outline, subject: int = 1, session: int = 1) -> Recording:
    """Every value of a row is the number of the row."""
    samples = np.tile(np.arange(outline.num_rows, dtype=np.float32), (POCKET_AND_WRIST.num_channels, 1))
    return Recording(subject=subject, session=session, outline=outline, samples=samples)


def label_plainly(rows: np.ndarray, share: float | None) -> int:
    most, count = Counter(rows.tolist()).most_common(1)[0]
    agrees = count == len(rows) if share is None else count / len(rows) > share
    return int(most) if agrees else MIXED


shares = st.none() | st.sampled_from([0.5, 0.6, 0.75, 0.9])


@given(outline=outlines(), length=st.integers(1, 30), share=shares, data=st.data())
def test_a_label_is_that_of_all_rows_or_of_most(
    outline: Outline, length: int, share: float | None, data: st.DataObject
) -> None:
    numbers = np.array([0, *data.draw(st.lists(st.integers(0, 3), min_size=K, max_size=K))], dtype=np.int8)
    begins = np.arange(max(0, outline.num_rows - length + 1))
    rows = numbers[outline.row_labels()]
    expected = [label_plainly(rows[begin : begin + length], share) for begin in begins]
    assert window_labels(outline, begins, length, numbers, share=share).tolist() == expected


selections = st.sampled_from(
    [
        {},
        {"none": "class"},
        {"activities": ["stairs", "sitting"]},
        {"activities": {"moving": ["walking", "stairs", "cycling"], "sitting": ["sitting"]}, "none": "test"},
    ]
)


@given(outline=outlines(), length=st.integers(1, 30), stride=st.integers(1, 20), how=selections, share=shares)
def test_exactly_windows_with_a_label_are_cut_and_the_others_are_counted(
    outline: Outline, length: int, stride: int, how: dict[str, Any], share: float | None
) -> None:
    recordings = recordings_of(POCKET_AND_WRIST, [recording_of(outline)])
    if length > max(outline.lengths):
        with pytest.raises(InputError, match="No recording is as long"):
            segment(recordings, length=length, **how)
        return
    numbers = label_map(POCKET_AND_WRIST, **how)
    planned = [
        (number, start, int(first) + start)
        for number, first, size in zip(outline.segments, outline.starts, outline.lengths, strict=False)
        for start in range(0, size - length + 1, stride)
    ]
    rows = numbers[outline.row_labels()]
    labels = [label_plainly(rows[first : first + length], share) for *_, first in planned]
    rule: dict[str, Any] = {} if share is None else {"label_rule": "majority", "label_share": share}
    reader = segment(recordings, length=length, step=stride, **how, **rule)
    table = reader.read_all()
    kept = [(*window, label) for window, label in zip(planned, labels, strict=True) if label > 0]
    found = zip(*(table[name].to_pylist() for name in ("segment", "start", "activity")), strict=True)
    assert list(found) == [(number, start, label) for number, start, _, label in kept]
    windows = channels_of(table).reshape(POCKET_AND_WRIST.num_channels, -1, length)
    np.testing.assert_array_equal(windows[0], np.array([first for *_, first, _ in kept])[:, None] + np.arange(length))
    metadata = reader.schema.metadata
    assert int(metadata[b"har.num_mixed"]) == labels.count(MIXED)
    assert int(metadata[b"har.num_other"]) == labels.count(OTHER)
    assert metadata[b"har.dataset"].decode() == spec_of_windows(POCKET_AND_WRIST, **how).to_json()


def test_windows_that_are_not_cut_link_nothing(findings_of: FindingsOf) -> None:
    """Between two copies stands only a window of an activity that is left out."""
    labels = np.repeat([1, 2, 1], 20)
    outline = Outline(segments=(1,), lengths=(60,), labels=label_runs(labels))
    findings = findings_of(
        ("duplicate_rows", 1, 1, 1, 15, 2, "all", (1, 1, 1, 25)),
        ("duplicate_rows", 1, 1, 1, 35, 2, "all", (1, 1, 1, 45)),
        spec=POCKET_AND_WRIST,
    )
    recordings = recordings_of(POCKET_AND_WRIST, [recording_of(outline)])
    how: dict[str, Any] = {"length": 20, "findings": findings}
    assert segment(recordings, **how).read_all()["duplicate_group"].to_pylist() == [0, 0, 0]
    left = segment(recordings, **how, activities=["sitting"]).read_all()
    assert left["duplicate_group"].to_pylist() == [0, 1]


def test_recordings_of_activities_that_are_left_out_are_not_read(tmp_path: Path) -> None:
    sessions = [
        Outline(segments=(1,), lengths=(40,), labels=label_runs(np.full(40, activity))) for activity in (1, 2, 0)
    ]
    recordings = recordings_of(POCKET_AND_WRIST, [recording_of(one, session=n) for n, one in enumerate(sessions, 1)])
    read = []
    spied = type(recordings)(
        spec=recordings.spec,
        outlines=recordings.outlines,
        load=lambda key: read.append(key) or recordings.load(key),  # type: ignore[func-returns-value]
        origin="real",
    )
    summary = write_windows(segment(spied, length=20, activities=["walking"]), tmp_path / "windows.parquet")
    assert [key.session for key in read] == [2]
    assert (summary.num_windows, summary.num_other, summary.num_mixed) == (2, 4, 0)
    with pytest.raises(InputError, match="not cut: 6 of labels that are left out"):
        write_windows(segment(spied, length=20, activities=["cycling"]), tmp_path / "windows.parquet")
