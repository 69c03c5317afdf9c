"""Units and channels that are exchanged in a part of a recording."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har_core.audit.places import name_channels
from har_core.dsads.layout import CHANNELS

STRETCHES = st.tuples(st.integers(0, 7), st.integers(1, 3)).filter(lambda stretch: sum(stretch) <= 8)


def exchange(samples, stretch, channels, partners):
    first, num_segments = stretch
    part = samples[first : first + num_segments]
    part[:, :, channels + partners] = part[:, :, partners + channels]


def expected(stretch, channels, key):
    first, num_segments = stretch
    return key, 125 * first, 125 * num_segments, name_channels(channels)


@settings(max_examples=40)
@given(units=st.sampled_from(list(itertools.combinations(range(5), 2))), stretch=STRETCHES)
def test_two_units(lab, units, stretch):
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
def test_two_channels(lab, pair, stretch):
    samples = lab.sound()
    key = lab.keys[0]  # standing
    one, other = map(CHANNELS.index, pair)
    exchange(samples[key], stretch, [one], [other])
    found = lab.audit(samples, "swapped_channels")
    assert [lab.place(row) for row in found] == [expected(stretch, [one, other], key)]


def test_what_most_segments_have_is_right(lab):
    samples = lab.sound()
    key = lab.keys[0]
    one, other = CHANNELS.index("T_xacc"), CHANNELS.index("T_zacc")
    exchange(samples[key], (0, 6), [one], [other])
    (found,) = lab.audit(samples, "swapped_channels")
    assert lab.place(found) == expected((6, 2), [one, other], key)
