"""Sets other than DSADS: places of unequal size, segments of any length, missing values; what is not looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from data_sets import POCKET_AND_WRIST, SPECS
from hypothesis import given, settings
from hypothesis import strategies as st

from har_core.audit.defects import find_defects
from har_core.audit.findings import Skipped, concerns_places, name_channels, skipped_of
from har_core.audit.kinds import Kind
from har_core.audit.ranges import damaged_rows, discontinuous_joins, duplicate_groups
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.recordings import LabelRun, Outline, Recording, RecordingKey
from har_core.spec.dataset import Channel, DatasetSpec

KEYS = (RecordingKey(1, 4), RecordingKey(1, 7), RecordingKey(3, 4))
OUTLINE = Outline(
    segments=(1, 2, 5), lengths=(300, 7, 491), labels=(LabelRun(2, 350), LabelRun(0, 100), LabelRun(3, 348))
)
NUM_ROWS = 798  # 14 times 57
POCKET, WRIST = POCKET_AND_WRIST.channels_of_place
HEART_RATE = 6


def sound(spec: DatasetSpec = POCKET_AND_WRIST) -> dict[RecordingKey, np.ndarray]:
    """Samples (C, 798) of limbs that swing; what has no axis stays for half a second, as a heart rate does."""
    generator = np.random.default_rng(9)
    made = {}
    for key in KEYS:
        phase = generator.uniform(0, 6, (spec.num_channels, 1)) + np.arange(NUM_ROWS) / generator.uniform(5, 9)
        samples = np.sin(phase) + generator.normal(scale=0.1, size=phase.shape)
        for index, channel in enumerate(spec.channels):
            if not channel.axis:
                samples[index] = np.round(80 + 10 * samples[index, np.arange(NUM_ROWS) // 25 * 25])
            elif channel.sensor == "acc" and channel.axis == "z":
                samples[index] += 9.81
        made[key] = np.round(samples, 5).astype(np.float32)
    return made


def recordings(samples: dict[RecordingKey, np.ndarray]) -> list[Recording]:
    return [Recording(subject=k.subject, session=k.session, outline=OUTLINE, samples=x) for k, x in samples.items()]


def audit(samples: dict[RecordingKey, np.ndarray], spec: DatasetSpec = POCKET_AND_WRIST) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = find_defects(recordings(samples), spec).to_pylist()
    return found


def told(row: dict[str, Any]) -> tuple[str, RecordingKey, int, int, str]:
    """Kind, recording, first row counted from its start, rows, channels."""
    key = RecordingKey(row["subject"], row["session"])
    first = OUTLINE.row_of(row["segment"], row["first_row"])
    assert first is not None
    assert row["activity"] == OUTLINE.row_labels()[first]
    assert row["last_row"] == row["first_row"] + row["num_rows"] - 1
    return row["kind"], key, first, row["num_rows"], row["channels"]


def other(row: dict[str, Any]) -> tuple[RecordingKey, int | None]:
    key = RecordingKey(row["other_subject"], row["other_session"])
    first = OUTLINE.row_of(row["other_segment"], row["other_first_row"])
    assert row["other_activity"] == OUTLINE.row_labels()[first]
    return key, first


# --- What is planted is found -----------------------------------------------------------------------------------------


def test_nothing_is_found_in_sound_recordings() -> None:
    assert audit(sound()) == []


@settings(max_examples=40)
@given(data=st.data(), place=st.sampled_from(POCKET_AND_WRIST.places), length=st.integers(1, 500))
def test_zeros_of_a_place_across_segments(data: st.DataObject, place: str, length: int) -> None:
    samples = sound()
    first = data.draw(st.integers(0, NUM_ROWS - length))
    channels = POCKET_AND_WRIST.channels_of_place[POCKET_AND_WRIST.places.index(place)]
    samples[KEYS[1]][list(channels), first : first + length] = 0
    (found,) = audit(samples)
    assert told(found) == ("zero_run", KEYS[1], first, length, place)
    findings = find_defects(recordings(samples), POCKET_AND_WRIST)
    assert np.flatnonzero(damaged_rows(findings, KEYS[1], OUTLINE, place=place)).tolist() == [
        *range(first, first + length)
    ]
    assert not damaged_rows(findings, KEYS[0], OUTLINE).any()


@pytest.mark.parametrize(("place", "least"), [("pocket", 4), ("wrist", 6)])
def test_fewer_channels_need_more_rows(place: str, least: int) -> None:
    """In DSADS three equal rows of nine channels are enough; these have as many values."""
    channels = list(POCKET_AND_WRIST.channels_of_place[POCKET_AND_WRIST.places.index(place)])
    for length in (least - 1, least):
        samples = sound()
        samples[KEYS[0]][channels, 401 : 401 + length] = samples[KEYS[0]][channels, 401:402]
        found = [("constant_run", KEYS[0], 401, least, place)] if length == least else []
        assert [told(row) for row in audit(samples)] == found


@settings(max_examples=40)
@given(data=st.data(), channels=st.sampled_from([range(10), POCKET, WRIST]), length=st.integers(12, 250))
def test_copied_rows(data: st.DataObject, channels: range | tuple[int, ...], length: int) -> None:
    samples = sound()
    first = data.draw(st.integers(0, NUM_ROWS - length))
    to = data.draw(st.integers(0, NUM_ROWS - length))
    samples[KEYS[2]][list(channels), to : to + length] = samples[KEYS[0]][list(channels), first : first + length]
    findings = find_defects(recordings(samples), POCKET_AND_WRIST)
    (found,) = findings.to_pylist()
    name = name_channels(channels, POCKET_AND_WRIST)
    assert (told(found), other(found)) == (("duplicate_rows", KEYS[0], first, length, name), (KEYS[2], to))
    groups = duplicate_groups(findings, dict.fromkeys(KEYS, OUTLINE))
    assert groups[KEYS[0]][first : first + length].tolist() == groups[KEYS[2]][to : to + length].tolist()
    assert (groups[KEYS[0]] >= 0).sum() == length
    assert groups[KEYS[1]].tolist() == [-1] * NUM_ROWS


def test_a_coarse_sensor_at_rest_is_no_copy_of_itself() -> None:
    samples = {key: np.round(values * 0.2, 0) + np.float32(9) for key, values in sound().items()}
    assert not [row for row in audit(samples) if row["kind"] == "duplicate_rows"]


@pytest.mark.parametrize(("name", "value"), [("pocket_acc_y", -80.5), ("wrist_heart_rate", 251.0)])
def test_values_beyond_the_limit_of_a_channel(name: str, value: float) -> None:
    samples = sound()
    samples[KEYS[0]][POCKET_AND_WRIST.channel_names.index(name), 306:309] = value
    samples[KEYS[0]][POCKET_AND_WRIST.channel_names.index("pocket_gyro_x"), 20] = 1e6  # nobody knows its limit
    found = [row for row in audit(samples) if row["kind"] == "out_of_range"]
    assert [told(row) for row in found] == [("out_of_range", KEYS[0], 306, 3, name)]
    assert (found[0]["segment"], found[0]["first_row"]) == (2, 6)


def test_an_accelerometer_and_a_gyroscope_exchanged() -> None:
    samples = sound()
    samples[KEYS[0]][:6] = samples[KEYS[0]][[3, 4, 5, 0, 1, 2]]
    (found,) = audit(samples)
    assert told(found) == ("swapped_channels", KEYS[0], 0, NUM_ROWS, "pocket")


def test_names_of_places_and_channels() -> None:
    for spec in (spec for spec in SPECS if len(spec.places) > 1):
        of_place = spec.channels_of_place[1]
        assert name_channels(range(spec.num_channels), spec) == "all"
        assert name_channels(of_place[::-1], spec) == spec.places[1]
        assert name_channels([of_place[1], 0], spec) == f"{spec.channel_names[0]} {spec.channel_names[of_place[1]]}"
        both = " ".join(spec.places[:2])
        assert concerns_places("all", spec)
        assert concerns_places("all", spec, spec.places[0])
        assert concerns_places(both, spec)
        assert concerns_places(both, spec, spec.places[1])
        assert not concerns_places(spec.places[0], spec, spec.places[1])
        assert not concerns_places(spec.channel_names[0], spec)


IN_PARTS = POCKET_AND_WRIST.replaced(segment_length=57)
PARTS = Outline.of_parts(range(1, 15), 57, 2)


def in_parts(samples: np.ndarray, outline: Outline = PARTS) -> list[dict[str, Any]]:
    one = Recording(subject=1, session=1, outline=outline, samples=np.ascontiguousarray(samples))
    found: list[dict[str, Any]] = find_defects([one], IN_PARTS).to_pylist()
    return found


@pytest.mark.parametrize(
    "outline", [PARTS, replace(PARTS, lengths=(*[50] * 4, 77, *[57] * 8, 65))], ids=["equal", "unequal"]
)
def test_sensors_exchanged_in_some_parts(outline: Outline) -> None:
    samples = sound()[KEYS[0]]
    first, end = outline.starts[[4, 7]]
    samples[:6, first:end] = samples[[3, 4, 5, 0, 1, 2], first:end]
    found = [row for row in in_parts(samples, outline) if row["kind"] == "swapped_channels"]
    assert [(row["segment"], row["first_row"], row["num_rows"], row["channels"]) for row in found] == [
        (5, 0, end - first, "pocket")
    ]


def test_a_break_between_parts() -> None:
    samples = sound()[KEYS[0]]
    assert in_parts(samples) == []
    samples[:, 57 * 6 :] = samples[:, : 57 * 8] + np.linspace(0.4, 0.8, 10, dtype=np.float32)[:, None]
    found = [row for row in in_parts(samples) if row["kind"] == "discontinuous_join"]
    assert [(row["segment"], row["first_row"], row["last_row"]) for row in found] == [(6, 56, 57)]


def test_segments_without_parts_are_all_broken_and_none_is_missing() -> None:
    samples = sound()
    samples[KEYS[0]][:, 300:] += 50  # a jump, where a recording breaks anyway
    findings = find_defects(recordings(samples), POCKET_AND_WRIST)
    assert findings.num_rows == 0
    assert discontinuous_joins(findings, KEYS[0], OUTLINE).tolist() == [True, True]


# --- Missing values ---------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(data=st.data())
def test_missing_values_are_no_finding(data: st.DataObject) -> None:
    samples = sound()
    for _ in range(data.draw(st.integers(1, 6))):
        key = data.draw(st.sampled_from(KEYS))
        channels = data.draw(st.sampled_from([range(10), POCKET, WRIST, (HEART_RATE,), (2,), (7, 8, 9)]))
        length = data.draw(st.integers(1, 390))
        first = data.draw(st.integers(0, NUM_ROWS - length))
        samples[key][list(channels), first : first + length] = np.nan
    present = [np.isfinite(values).any(axis=1) for values in samples.values()]
    found = audit(samples)
    assert {row["kind"] for row in found} <= (set() if np.all(present) else {"zero_run"})


@pytest.mark.parametrize("spec", SPECS, ids=[spec.name for spec in SPECS])
def test_what_no_row_has_is_dead(spec: DatasetSpec) -> None:
    samples = sound(spec)
    place = list(spec.channels_of_place[-1])
    samples[KEYS[0]][place] = np.nan
    samples[KEYS[1]][0] = np.nan
    found = [told(row) for row in audit(samples, spec) if row["kind"] == "zero_run"]
    assert found == [
        ("zero_run", KEYS[0], 0, NUM_ROWS, name_channels(place, spec)),
        ("zero_run", KEYS[1], 0, NUM_ROWS, spec.channel_names[0]),
    ]


def test_a_recording_without_any_value() -> None:
    samples = sound()
    samples[KEYS[0]][:] = np.nan
    samples[KEYS[2]][:] = np.nan
    assert [told(row) for row in audit(samples)] == [
        ("zero_run", key, 0, NUM_ROWS, "all") for key in (KEYS[0], KEYS[2])
    ]


def test_a_slow_sensor_hides_nothing() -> None:
    """A heart rate that comes with every 50th row."""
    samples = sound()
    for values in samples.values():
        values[HEART_RATE, np.arange(NUM_ROWS) % 50 != 0] = np.nan
    assert audit(samples) == []
    samples[KEYS[1]][list(WRIST), 500:600] = samples[KEYS[0]][list(WRIST), 100:200]
    samples[KEYS[2]][list(POCKET), 10:30] = 0
    found = [told(row) for row in audit(samples)]
    assert found == [("duplicate_rows", KEYS[0], 100, 100, "wrist"), ("zero_run", KEYS[2], 10, 20, "pocket")]


def test_copies_go_on_over_missing_values() -> None:
    samples = sound()
    samples[KEYS[0]][:3, 140:160] = np.nan
    samples[KEYS[1]][:, 500:600] = samples[KEYS[0]][:, 100:200]
    (found,) = audit(samples)
    assert (told(found), other(found)) == (("duplicate_rows", KEYS[0], 100, 100, "all"), (KEYS[1], 500))


def test_missing_values_beside_a_join() -> None:
    spec = POCKET_AND_WRIST.replaced(segment_length=100)
    made = {key: values[:, :700] for key, values in sound().items()}
    made[KEYS[0]][:, 190:205] = np.nan
    made[KEYS[1]][4, 290:300] = np.nan
    outline = Outline.of_parts(range(1, 8), 100, 2)
    parts = [Recording(subject=k.subject, session=k.session, outline=outline, samples=x) for k, x in made.items()]
    found = find_defects(parts, spec).to_pylist()
    assert [row["kind"] for row in found] == ["missing_segment"]  # subject 3 lacks a session


def test_times_with_gaps() -> None:
    made = recordings(sound())
    times = np.arange(NUM_ROWS) / 50 + np.where(np.arange(NUM_ROWS) > 99, 30.0, 0.0)
    assert find_defects([replace(one, times=times) for one in made], POCKET_AND_WRIST).num_rows == 0


@pytest.mark.parametrize("lengths", [(1,), (2,), (1, 1, 30), (3, 1)])
def test_recordings_of_a_few_rows(lengths: tuple[int, ...]) -> None:
    outline = Outline(segments=tuple(range(1, len(lengths) + 1)), lengths=lengths, labels=(LabelRun(1, sum(lengths)),))
    samples = sound()[KEYS[0]][:, : sum(lengths)]
    for spec in (POCKET_AND_WRIST, POCKET_AND_WRIST.replaced(segment_length=1)):
        for in_parts in (False, True):
            one = Recording(subject=1, session=1, outline=replace(outline, in_parts=in_parts), samples=samples)
            assert find_defects([one], spec).num_rows == 0


# --- What is not looked at --------------------------------------------------------------------------------------------


def test_what_is_skipped_says_why_and_where() -> None:
    skipped = skipped_of(find_defects([], POCKET_AND_WRIST))
    by_kind = {kind: [one.reason for one in skipped if one.kind is kind] for kind in Kind}
    assert not by_kind[Kind.ZERO_RUN]
    assert not by_kind[Kind.DUPLICATE_ROWS]
    assert by_kind[Kind.SATURATION] == ["a single channel without an axis may well keep its value (wrist_heart_rate)"]
    assert by_kind[Kind.MISSING_SEGMENT] == ["recordings do not come as parts of one length"]
    assert by_kind[Kind.MAGNETOMETER_NORM] == [
        "no magnetometer with three axes, normalised to the Earth's field",
    ]
    [reason] = by_kind[Kind.OUT_OF_RANGE]
    assert reason == (
        "no limit is known (pocket_gyro_x pocket_gyro_y pocket_gyro_z wrist_acc_x wrist_acc_y wrist_acc_z)"
    )
    throughout, in_part = by_kind[Kind.SWAPPED_CHANNELS]
    assert throughout.endswith("(wrist)")
    assert in_part.startswith("in a part of a recording: recordings do not come as parts")


def test_nearly_nothing_of_dsads_is_skipped() -> None:
    assert skipped_of(find_defects([], DSADS)) == (
        Skipped(Kind.OUT_OF_RANGE, "no limit is known (T_xmag T_ymag T_zmag RA_xmag RA_ymag RA_zmag and 9 more)"),
    )


def test_units_of_measure_decide_what_can_be_compared() -> None:
    """Of an accelerometer in g nobody knows that its norm is larger than that of a gyroscope."""
    channels = tuple(
        Channel(**{**channel.model_dump(), "unit": "g" if channel.sensor == "acc" else channel.unit})
        for channel in POCKET_AND_WRIST.channels
    )
    spec = POCKET_AND_WRIST.replaced(channels=channels)
    samples = sound()
    for values in samples.values():
        values[:6] /= np.float32(9.81)
    samples[KEYS[0]][:6] = samples[KEYS[0]][[3, 4, 5, 0, 1, 2]]
    assert audit(samples, spec) == []
    [throughout, _] = [one for one in skipped_of(find_defects([], spec)) if one.kind is Kind.SWAPPED_CHANNELS]
    assert throughout.reason.endswith("each with three axes")  # at every place


def test_a_set_without_a_sensor_with_three_axes() -> None:
    spec = DatasetSpec(
        name="rates",
        title="Heart rates",
        sampling_rate_hz=1.0,
        channels=(
            Channel(name="heart_rate", place="chest", sensor="heart_rate", unit="1/min", limit=250.0),
            Channel(name="steps", place="foot", sensor="steps"),
        ),
        activities=("sitting", "walking", "running"),
    )
    generator = np.random.default_rng(3)
    samples = {key: generator.integers(60, 64, (2, NUM_ROWS)).astype(np.float32) for key in KEYS}
    assert audit(samples, spec) == []
    assert {one.kind for one in skipped_of(find_defects([], spec))} == set(Kind) - {Kind.DUPLICATED_CHANNELS}


def test_rows_of_one_time_do_not_stand_still() -> None:
    """A watch that is read at the times of a phone, which come in bursts, has equal values within one."""
    samples = sound()
    samples[KEYS[0]][WRIST[0] : WRIST[-1] + 1, 20:26] = samples[KEYS[0]][WRIST[0] : WRIST[-1] + 1, 20:21]
    own = recordings(samples)[0]
    times = np.arange(NUM_ROWS) / 50
    assert [told(row)[2:4] for row in find_defects([replace(own, times=times)], POCKET_AND_WRIST).to_pylist()] == [
        (20, 6)
    ]
    times[20:26] = times[20]
    assert find_defects([replace(own, times=times)], POCKET_AND_WRIST).num_rows == 0
