"""Windows to learn from come first in time, and share nothing with those that are tested."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from data_sets import small_dsads
from hypothesis import given
from hypothesis import strategies as st
from window_examples import named_windows

from har_core.transfer.few import people
from har_core.windows.tensors import WindowTensors

SPEC = small_dsads(3, 3)
SEGMENT = 125


@st.composite
def recordings(draw: st.DrawFn) -> WindowTensors:
    """Two subjects, each with some segments of some activities; some windows are damaged, some are copies."""
    labels, subjects, segments = list[int](), list[int](), list[int]()
    for subject in (1, 2):
        for activity in range(3):
            num_segments = draw(st.integers(0 if activity else 2, 8))
            labels += [activity] * num_segments
            subjects += [subject] * num_segments
            segments += range(1, num_segments + 1)
    named = named_windows(np.array(labels), subjects, segments=segments, spec=SPEC)
    number = len(labels)
    damaged = draw(st.lists(st.booleans(), min_size=number, max_size=number))
    groups = draw(st.lists(st.integers(-1, 2), min_size=number, max_size=number))
    length = draw(st.sampled_from([1, SEGMENT, SEGMENT + 3]))
    return replace(
        named,
        windows=torch.zeros(number, length, 3),
        damaged=torch.tensor(damaged),
        duplicate_groups=torch.tensor(groups, dtype=torch.int32),
    )


@given(recordings(), st.sets(st.integers(1, 5), min_size=1, max_size=3), st.sets(st.integers(0, 2)))
def test_nothing_is_learnt_and_tested(windows: WindowTensors, numbers: set[int], known: set[int]) -> None:
    subject, segment = (windows.keys[name].to_numpy() for name in ("subject", "segment"))
    labels, damaged, groups = windows.labels.numpy(), windows.damaged.numpy(), windows.duplicate_groups.numpy()
    reach = -(-windows.windows.shape[1] // SEGMENT)  # segments that a window goes into
    found = list(people(windows, sorted(numbers), activities=known))
    assert [person.subject for person in found] == [1, 2]
    for person in found:
        most = person.learnt[max(numbers)]
        for number, rows in person.learnt.items():
            assert set(rows) <= set(most)
            for activity in range(3):
                own = np.flatnonzero((subject == person.subject) & (labels == activity))
                sound = own[~damaged[own]] if activity in known else own[:0]
                expected = sound[: min(number, max(numbers), len(own) // 2)]
                np.testing.assert_array_equal(rows[labels[rows] == activity], expected)
        assert not set(person.tested) & set(most)
        assert (subject[person.tested] == person.subject).all()
        for row in person.tested:
            before = most[labels[most] == labels[row]]
            assert row > before.max(initial=-1)
            assert groups[row] == -1 or groups[row] not in groups[most]
            assert all(segment[row] - segment[other] >= reach for other in before)


def test_everything_later_is_tested() -> None:
    windows = replace(
        named_windows(np.repeat([0, 1], 6), 1, segments=[*range(1, 7)] * 2), windows=torch.zeros(12, 125, 45)
    )
    (person,) = people(windows, [1, 2], activities=[0, 1])
    assert {number: rows.tolist() for number, rows in person.learnt.items()} == {1: [0, 6], 2: [0, 1, 6, 7]}
    assert person.tested.tolist() == [2, 3, 4, 5, 8, 9, 10, 11]
