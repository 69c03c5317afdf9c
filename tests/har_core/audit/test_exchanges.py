"""Units, sensors and channels that are exchanged in a part of a recording."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har_core.audit.findings import name_channels
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.recordings import RecordingKey

if TYPE_CHECKING:
    from tests.har_core.audit.conftest import Lab

UNITS = np.arange(45).reshape(5, 9)
PAIRS = {
    "units": list(itertools.combinations(UNITS.tolist(), 2)),
    "sensors": [pair for unit in UNITS for pair in itertools.combinations(unit.reshape(3, 3).tolist(), 2)],
    "channels": list(itertools.combinations(np.arange(45)[:, None].tolist(), 2)),
}
ACTIVITIES = (1, 3, 6, 9, 11, 14, 18)
STRETCHES = st.tuples(st.integers(0, 7), st.integers(1, 3)).filter(lambda stretch: sum(stretch) <= 8)


def exchange(samples: np.ndarray, stretch: tuple[int, int], channels: list[int], partners: list[int]) -> None:
    first, num_segments = stretch
    part = samples[:, 125 * first : 125 * (first + num_segments)]
    part[channels + partners] = part[partners + channels]


def expected(stretch: tuple[int, int], channels: list[int], key: RecordingKey) -> tuple[RecordingKey, int, int, str]:
    first, num_segments = stretch
    return key, 125 * first, 125 * num_segments, name_channels(channels, DSADS)


@settings(max_examples=40)
@given(units=st.sampled_from(list(itertools.combinations(range(5), 2))), stretch=STRETCHES)
def test_two_units(lab: Lab, units: tuple[int, int], stretch: tuple[int, int]) -> None:
    samples = lab.sound()
    key = lab.keys[1]  # walking
    one, other = ([9 * unit + channel for channel in range(9)] for unit in units)
    exchange(samples[key], stretch, one, other)
    found = lab.audit(samples, "swapped_channels")
    assert [lab.place(row) for row in found] == [expected(stretch, one + other, key)]
    assert found[0]["severity"] == "error"


@pytest.mark.parametrize("pair", [("T_xacc", "T_zacc"), ("RA_xacc", "RA_xmag"), ("LL_xacc", "T_xgyro")])
@settings(max_examples=40)
@given(stretch=STRETCHES)
def test_two_channels(lab: Lab, pair: tuple[str, str], stretch: tuple[int, int]) -> None:
    samples = lab.sound()
    key = lab.keys[0]  # standing
    one, other = map(DSADS.channel_names.index, pair)
    exchange(samples[key], stretch, [one], [other])
    found = lab.audit(samples, "swapped_channels")
    assert [lab.place(row) for row in found] == [expected(stretch, [one, other], key)]


@pytest.mark.parametrize(("kind", "share"), [("units", 0.9), ("sensors", 0.9), ("channels", 0.5)])
def test_what_is_told_of_any_pair_in_any_activity_is_exact(lab: Lab, kind: str, share: float) -> None:
    """Or nothing is told: how often, docs/audit.md says. The draws are always the same."""
    generator = np.random.default_rng(4)
    num_told = 0
    for activity in ACTIVITIES * 5:
        key = RecordingKey(7, activity)
        samples = lab.made(11, key, 12).T.copy()
        num_segments = int(generator.integers(1, 5))
        stretch = int(generator.integers(0, 13 - num_segments)), num_segments
        one, other = PAIRS[kind][generator.integers(len(PAIRS[kind]))]
        exchange(samples, stretch, one, other)
        told = [lab.place(row) for row in lab.audit({key: samples}, "swapped_channels")]
        assert told in ([], [expected(stretch, one + other, key)])
        num_told += len(told)
    assert num_told >= share * len(ACTIVITIES) * 5


def test_what_most_segments_have_is_right(lab: Lab) -> None:
    samples = lab.sound()
    key = lab.keys[0]
    one, other = DSADS.channel_names.index("T_xacc"), DSADS.channel_names.index("T_zacc")
    exchange(samples[key], (0, 6), [one], [other])
    (found,) = lab.audit(samples, "swapped_channels")
    assert lab.place(found) == expected((6, 2), [one, other], key)
