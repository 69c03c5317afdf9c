from __future__ import annotations

import pytest

from har_core.datasets.dsads.layout import ACTIVITIES, CHANNELS, UNITS, SegmentKey, parse_segment_path


def test_channels_are_the_columns_of_a_file_in_order() -> None:
    assert len(CHANNELS) == len(set(CHANNELS)) == 45
    assert CHANNELS[:10] == (
        *("T_xacc", "T_yacc", "T_zacc", "T_xgyro", "T_ygyro", "T_zgyro", "T_xmag", "T_ymag", "T_zmag"),
        "RA_xacc",
    )
    assert CHANNELS[-1] == "LL_zmag"
    assert [CHANNELS[9 * number].partition("_")[0] for number in range(5)] == list(UNITS)


def test_activities_stand_at_their_numbers() -> None:
    assert len(set(ACTIVITIES)) == 19
    assert (ACTIVITIES[0], ACTIVITIES[8], ACTIVITIES[18]) == (
        "sitting",
        "walking in a parking lot",
        "playing basketball",
    )


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("a01/p1/s01.txt", (1, 1, 1)),
        ("x/y/a19/p8/s60.txt", (8, 19, 60)),
        ("A2/P3/S4.TXT", (3, 2, 4)),
        ("a20/p1/s01.txt", (1, 20, 1)),
        ("a01/p1/s01.txt.gz", None),
        ("ba01/p1/s01.txt", None),
        ("a01/p1/x/s01.txt", None),
        ("a01/p1/s01 (1).txt", None),
        ("a٠١/p1/s01.txt", None),
    ],
)
def test_paths_of_segments_are_told_from_others(path: str, key: tuple[int, int, int] | None) -> None:
    assert parse_segment_path(path) == key


def test_keys_sort_by_subject_then_activity_then_segment() -> None:
    keys = [SegmentKey(2, 1, 1), SegmentKey(1, 10, 2), SegmentKey(1, 9, 10), SegmentKey(1, 9, 9)]
    assert sorted(keys) == keys[::-1]


@pytest.mark.parametrize(
    ("key", "expectation"),
    [
        (SegmentKey(1, 0, 1), "an activity from 1 to 19"),
        (SegmentKey(1, 20, 1), "an activity from 1 to 19"),
        (SegmentKey(0, 1, 1), "a subject from 1 to 999"),
        (SegmentKey(1, 1, 10_000), "a segment from 1 to 9999"),
        (SegmentKey(999, 19, 9_999), None),
    ],
)
def test_impossible_numbers_have_an_expectation(key: SegmentKey, expectation: str | None) -> None:
    assert key.expectation() == expectation
