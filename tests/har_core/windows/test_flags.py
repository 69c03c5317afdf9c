"""Windows cut with findings of the audit: what is flagged, joined, repaired and left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from har_core.base.errors import InputError
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.recordings import Outline, RecordingKey, Recordings, recordings_of
from har_core.settings.windows import stride_of
from har_core.windows.checks import WindowChecks
from har_core.windows.names import WINDOW_CHECKS
from har_core.windows.plan import Damaged
from har_core.windows.schema import KEY_COLUMNS, NAMED_COLUMNS, channels_of
from har_core.windows.segmentation import segment

if TYPE_CHECKING:
    from tests.har_core.conftest import FindingsOf
    from tests.har_core.windows.conftest import MakeRecording

PART_LENGTH = 125
WAYS = ("flag", "keep", "repair", "fill", "drop")


@dataclass
class Planted:
    """Recordings of activity 1, and defects in them, as findings and as the rows they concern."""

    segments: dict[RecordingKey, tuple[int, ...]]
    findings: list[tuple[Any, ...]] = field(default_factory=list)
    damaged_units: dict[RecordingKey, np.ndarray] = field(default_factory=dict)
    """(units, rows) by recording."""
    joined: dict[RecordingKey, np.ndarray] = field(default_factory=dict)
    """Whether a segment goes on in the next one."""
    copies: list[tuple[RecordingKey, int, RecordingKey, int, int]] = field(default_factory=list)
    """Recording and first row of a range, and of its copy; rows."""

    @property
    def damaged(self) -> dict[RecordingKey, np.ndarray]:
        """Rows by recording."""
        return {key: np.asarray(units.any(axis=0)) for key, units in self.damaged_units.items()}

    @property
    def outlines(self) -> dict[RecordingKey, Outline]:
        return {key: Outline.of_parts(segments, PART_LENGTH, 1) for key, segments in self.segments.items()}


@st.composite
def planted_defects(draw: st.DrawFn) -> Planted:
    """Up to three recordings of up to five segments with gaps, with runs, breaks and copies anywhere."""
    keys = [RecordingKey(subject, 1) for subject in range(1, draw(st.integers(1, 3)) + 1)]
    numbers = st.sets(st.integers(1, 7), min_size=1, max_size=5).map(lambda chosen: tuple(sorted(chosen)))
    planted = Planted({key: draw(numbers) for key in keys})
    for key, segments in planted.segments.items():
        planted.damaged_units[key] = np.zeros((len(DSADS.places), len(segments) * PART_LENGTH), dtype=np.bool_)
        planted.joined[key] = np.diff(segments) == 1
        for _ in range(draw(st.integers(0, 2))):
            row, num_rows = draw(row_and_length(len(segments)))
            kind = draw(st.sampled_from(["zero_run", "constant_run"]))
            channels = draw(st.sampled_from(["all", "T", "RA LL"]))
            planted.findings.append((kind, *key, *place(segments, row), num_rows, channels))
            units = [channels == "all" or unit in channels.split() for unit in DSADS.places]
            planted.damaged_units[key][units, row : row + num_rows] = True
        for index in range(len(segments) - 1):
            if planted.joined[key][index] and draw(st.booleans()):
                kind = draw(st.sampled_from(["discontinuous_join", "wrong_order"]))
                planted.findings.append((kind, *key, segments[index], 124, 2))
                planted.joined[key][index] = False
    for _ in range(draw(st.integers(0, 2))):
        one, other = draw(st.sampled_from(keys)), draw(st.sampled_from(keys))
        row, num_rows = draw(row_and_length(len(planted.segments[one])))
        num_rows = min(num_rows, len(planted.damaged[other]))
        other_row = draw(st.integers(0, len(planted.damaged[other]) - num_rows))
        second = (*other, *place(planted.segments[other], other_row))
        planted.findings.append(("duplicate_rows", *one, *place(planted.segments[one], row), num_rows, "all", second))
        planted.copies.append((one, row, other, other_row, num_rows))
    return planted


def row_and_length(num_segments: int) -> st.SearchStrategy[tuple[int, int]]:
    num_rows = num_segments * PART_LENGTH
    before_a_border = st.tuples(st.integers(1, num_segments), st.integers(1, 9)).map(
        lambda place: place[0] * PART_LENGTH - place[1]
    )
    return (st.integers(0, num_rows - 1) | before_a_border).flatmap(
        lambda row: st.tuples(st.just(row), st.integers(1, min(20, num_rows - row)))
    )


def place(segments: tuple[int, ...], row: int) -> tuple[int, int]:
    return segments[row // PART_LENGTH], row % PART_LENGTH


def made(planted: Planted, make_recording: MakeRecording) -> Recordings:
    return recordings_of(DSADS, [make_recording(*key, segments) for key, segments in planted.segments.items()])


def begins(table: pa.Table, planted: Planted) -> list[tuple[RecordingKey, int]]:
    """Recording and first row of each window."""
    rows = zip(*(table[name].to_pylist() for name in KEY_COLUMNS), strict=True)
    return [
        (key, planted.segments[key].index(number) * PART_LENGTH + start)
        for subject, session, number, start in rows
        for key in [RecordingKey(subject, session)]
    ]


def stretches(planted: Planted) -> list[tuple[RecordingKey, range]]:
    """Recording and rows of each continuous stretch."""
    found = []
    for key, joined in planted.joined.items():
        ends = [*np.flatnonzero(~joined) + 1, len(joined) + 1]
        firsts = [0, *ends[:-1]]
        found += [(key, range(first * PART_LENGTH, end * PART_LENGTH)) for first, end in zip(firsts, ends, strict=True)]
    return found


cuts = st.fixed_dictionaries({"length": st.integers(20, 300), "overlap": st.sampled_from([0.0, 0.3, 0.5])})
ways = st.fixed_dictionaries({"join": st.booleans(), "longest_repair": st.integers(1, 20)})


@settings(max_examples=60)
@given(planted=planted_defects(), cut=cuts)
def test_joined_windows_cross_no_break_and_every_continuous_stretch_is_cut(
    make_recording: MakeRecording, findings_of: FindingsOf, planted: Planted, cut: dict[str, Any]
) -> None:
    assume(cut["length"] <= max(len(rows) for _, rows in stretches(planted)))
    recordings = made(planted, make_recording)
    table = segment(recordings, **cut, join=True, findings=findings_of(*planted.findings)).read_all()
    found = begins(table, planted)
    assert found == [
        (key, row)
        for key, rows in stretches(planted)
        for row in range(rows.start, rows.stop - cut["length"] + 1, stride_of(**cut))
    ]
    windows = channels_of(table).reshape(DSADS.num_channels, -1, cut["length"]).transpose(1, 2, 0)
    samples = {recording.key: recording.samples.T for recording in recordings}
    for (key, row), window in zip(found, windows, strict=True):
        np.testing.assert_array_equal(window, samples[key][row : row + cut["length"]])


@settings(max_examples=20)
@given(planted=planted_defects())
def test_a_window_longer_than_every_stretch_is_refused_with_the_longest(
    make_recording: MakeRecording, findings_of: FindingsOf, planted: Planted
) -> None:
    longest = max(len(rows) for _, rows in stretches(planted))
    cut = {"overlap": 0.0, "join": True, "findings": findings_of(*planted.findings)}
    recordings = made(planted, make_recording)
    assert segment(recordings, **cut, length=longest).read_all().num_rows
    with pytest.raises(InputError) as caught:
        segment(recordings, **cut, length=longest + 1)
    (problem,) = caught.value.problems
    assert (problem.path, problem.value) == ("windows.length", str(longest + 1))
    assert problem.expected == f"at most {longest} samples, the longest continuous stretch of the recordings"


@settings(max_examples=60)
@given(planted=planted_defects(), length=st.integers(20, 125), join=st.booleans())
def test_exactly_windows_that_touch_a_damaged_run_are_flagged_or_dropped(
    make_recording: MakeRecording, findings_of: FindingsOf, planted: Planted, length: int, join: bool
) -> None:
    recordings, findings = made(planted, make_recording), findings_of(*planted.findings)
    cut = {"length": length, "overlap": 0.3, "join": join, "findings": findings}
    plain = segment(recordings, **cut, damaged="keep").read_all()
    touching = [planted.damaged[key][row : row + length].any() for key, row in begins(plain, planted)]
    assert not any(plain["damaged"].to_pylist())

    flagged = segment(recordings, **cut).read_all()
    assert flagged["damaged"].to_pylist() == touching
    assert flagged.drop_columns("damaged").equals(plain.drop_columns("damaged"))

    reader = segment(recordings, **cut, damaged="drop")
    assert reader.schema.metadata[b"har.num_dropped"] == str(sum(touching)).encode()
    dropped = reader.read_all()
    kept = plain.filter(pa.array(~np.array(touching, dtype=np.bool_)))
    assert dropped.drop_columns("duplicate_group").equals(kept.drop_columns("duplicate_group"))


@settings(max_examples=60)
@given(planted=planted_defects(), length=st.sampled_from([25, 100, 125]), ways=ways)
def test_repaired_windows_are_whole_and_the_others_stay_flagged(
    make_recording: MakeRecording, findings_of: FindingsOf, planted: Planted, length: int, ways: dict[str, Any]
) -> None:
    recordings, findings = made(planted, make_recording), findings_of(*planted.findings)
    cut = {"length": length, "overlap": 0.0, "findings": findings, "join": ways["join"]}
    flagged = segment(recordings, **cut).read_all()
    reader = segment(recordings, **cut, damaged="repair", longest_repair=ways["longest_repair"])
    repaired = reader.read_all()
    was, still = (np.array(table["damaged"].to_pylist(), dtype=np.bool_) for table in (flagged, repaired))
    beyond = {key: beyond_repair(planted, key, **ways) for key in planted.segments}
    assert still.tolist() == [beyond[key][row : row + length].any() for key, row in begins(repaired, planted)]
    changed = (channels_of(flagged) != channels_of(repaired)).reshape(DSADS.num_channels, -1, length).any(axis=(0, 2))
    assert not (changed & ~was).any()
    assert changed.sum() <= int(reader.schema.metadata[b"har.num_repaired"]) <= was.sum()


def beyond_repair(planted: Planted, key: RecordingKey, *, join: bool, longest_repair: int) -> np.ndarray:
    """Rows of runs that are longer, or that reach an end of what windows stay in."""
    num_rows = planted.damaged_units[key].shape[1]
    apart = [range(first, first + PART_LENGTH) for first in range(0, num_rows, PART_LENGTH)]
    stays = np.zeros(num_rows, dtype=np.bool_)
    for rows in [rows for own, rows in stretches(planted) if own == key] if join else apart:
        for damaged in planted.damaged_units[key]:
            for row in rows:
                before = next((r for r in range(row, rows.start - 1, -1) if not damaged[r]), None)
                after = next((r for r in range(row, rows.stop) if not damaged[r]), None)
                stays[row] |= before is None or after is None or after - before - 1 > longest_repair
    return stays


@settings(max_examples=40)
@given(planted=planted_defects(), length=st.sampled_from([25, 100, 125]), parity=st.integers(0, 1))
def test_windows_that_are_not_joined_hold_nothing_of_another_segment(
    make_recording: MakeRecording, findings_of: FindingsOf, planted: Planted, length: int, parity: int
) -> None:
    """``leaky`` deals segments to roles: nothing of one may get into another, be it by a repair."""
    recordings = made(planted, make_recording)
    cut = {"length": length, "overlap": 0.0, "findings": findings_of(*planted.findings), "damaged": "repair"}
    before = segment(recordings, **cut, longest_repair=20).read_all()
    for recording in recordings:
        recording.samples[:, np.repeat(np.array(recording.outline.segments) % 2 == parity, PART_LENGTH)] += 1000
    after = segment(recordings, **cut, longest_repair=20).read_all()
    others = pa.array([segment % 2 != parity for segment in before["segment"].to_pylist()], pa.bool_())
    assert before.filter(others).equals(after.filter(others))


@settings(max_examples=60)
@given(planted=planted_defects(), length=st.integers(20, 125), join=st.booleans())
def test_windows_with_copies_of_a_row_share_a_group(
    make_recording: MakeRecording, findings_of: FindingsOf, planted: Planted, length: int, join: bool
) -> None:
    recordings, findings = made(planted, make_recording), findings_of(*planted.findings)
    table = segment(recordings, length=length, overlap=0.5, join=join, findings=findings).read_all()
    windows = list(zip(begins(table, planted), table["duplicate_group"].to_pylist(), strict=True))

    def holding(key: RecordingKey, row: int) -> list[int]:
        return [group for (own, first), group in windows if own == key and first <= row < first + length]

    twice = {key: np.zeros(len(rows), dtype=np.bool_) for key, rows in planted.damaged.items()}
    for one, row, other, other_row, num_rows in planted.copies:
        if (one, row) == (other, other_row):
            continue  # a place is no copy of itself
        twice[one][row : row + num_rows] = twice[other][other_row : other_row + num_rows] = True
        for offset in range(num_rows):
            groups = {*holding(one, row + offset), *holding(other, other_row + offset)}
            assert -1 not in groups
            assert len(groups) <= 1
    for (key, first), group in windows:
        assert (group >= 0) == twice[key][first : first + length].any()
    numbers = [group for _, group in windows if group >= 0]
    assert list(dict.fromkeys(numbers)) == list(range(len(set(numbers))))


@settings(max_examples=40)
@given(planted=planted_defects(), damaged=st.sampled_from(WAYS), ways=ways)
def test_checks_pass_on_what_was_cut_and_catch_what_was_altered(
    make_recording: MakeRecording, findings_of: FindingsOf, planted: Planted, damaged: Damaged, ways: dict[str, Any]
) -> None:
    findings = findings_of(*planted.findings)
    cut = {"length": 50, "overlap": 0.5, "findings": findings, "damaged": damaged}
    table = segment(made(planted, make_recording), **cut, **ways).read_all().combine_chunks()

    def failed(altered: pa.Table) -> set[str]:
        checks = WindowChecks(findings, planted.outlines, damaged=damaged, **ways)
        for batch in altered.to_batches(max_chunksize=7):
            checks.update(batch, 50)
        assert tuple(check.name for check in checks.result()) == tuple(WINDOW_CHECKS)
        return {check.name for check in checks.result() if not check.passed}

    assert failed(table) == set()
    if table.num_rows:
        assert failed(altered(table, "damaged", lambda values: ~values)) == {"damage_is_flagged"}
        assert failed(altered(table, "duplicate_group", lambda values: values - 1)) == {"copies_are_linked"}


def altered(table: pa.Table, name: str, change: Callable[[np.ndarray], np.ndarray]) -> pa.Table:
    values = change(table[name].to_numpy(zero_copy_only=False))
    return table.set_column(table.schema.get_field_index(name), table.schema.field(name), pa.array(values))


def test_a_window_across_a_break_is_caught(make_recording: MakeRecording, findings_of: FindingsOf) -> None:
    table = segment(
        recordings_of(DSADS, [make_recording(1, 1, (1, 2))]), length=200, overlap=0, findings=findings_of(), join=True
    ).read_all()
    breaks = findings_of(("discontinuous_join", 1, 1, 1, 124, 2))
    checks = WindowChecks(breaks, {RecordingKey(1, 1): make_recording().outline}, damaged="flag")
    checks.update(table.to_batches()[0], 200)
    check = checks.result()[0]
    assert (check.name, check.passed) == ("no_window_crosses_a_break", False)
    assert "subject 1, session 1, segment 1, start 0" in check.detail


def test_a_run_across_a_join_is_interpolated_in_the_damaged_unit_alone(
    make_recording: MakeRecording, findings_of: FindingsOf
) -> None:
    recording = make_recording(1, 1, (1, 2))
    samples, own = recording.samples.T, list(DSADS.channels_of_place[1])
    samples[:, :] = np.arange(250)[:, None]
    samples[123:127, own] = 0
    whole = samples.copy()
    whole[123:127, own] = np.arange(123, 127)[:, None]
    findings = findings_of(("zero_run", 1, 1, 1, 123, 4, "RA"))
    cut = {"length": 125, "overlap": 0, "findings": findings, "damaged": "repair", "join": True}
    table = segment(recordings_of(DSADS, [recording]), **cut).read_all()
    np.testing.assert_array_equal(channels_of(table).T, whole)
    assert table["damaged"].to_pylist() == [False, False]
    assert segment(recordings_of(DSADS, [recording]), **cut, longest_repair=3).read_all()["damaged"].to_pylist() == [
        True,
        True,
    ]
    apart = segment(recordings_of(DSADS, [recording]), **cut | {"join": False}).read_all()
    np.testing.assert_array_equal(channels_of(apart).T, samples)
    assert apart["damaged"].to_pylist() == [True, True]


@pytest.mark.parametrize("join", [True, False])
def test_what_the_checks_expect_of_a_run_across_a_join(
    make_recording: MakeRecording, findings_of: FindingsOf, join: bool
) -> None:
    findings = findings_of(("zero_run", 1, 1, 1, 123, 4, "RA"))
    cut = {"length": 125, "overlap": 0, "findings": findings, "damaged": "repair"}
    (batch,) = segment(recordings_of(DSADS, [make_recording()]), **cut, join=join).read_all().to_batches()
    for told in (True, False):
        checks = WindowChecks(findings, {RecordingKey(1, 1): make_recording().outline}, damaged="repair", join=told)
        checks.update(batch, 125)
        assert checks.result()[1].passed == (told == join)


def test_runs_of_single_channels_damage_nothing(make_recording: MakeRecording, findings_of: FindingsOf) -> None:
    findings = findings_of(("constant_run", 1, 1, 1, 0, 20, "T_xacc T_yacc"), ("saturation", 1, 1, 1, 0, 20, "T"))
    table = segment(recordings_of(DSADS, [make_recording()]), length=125, overlap=0, findings=findings).read_all()
    assert table["damaged"].to_pylist() == [False, False]


def test_dropped_windows_link_nothing(make_recording: MakeRecording, findings_of: FindingsOf) -> None:
    """Between two copies stands only a damaged window: without it they are no longer one group."""
    findings = findings_of(
        ("duplicate_rows", 1, 1, 1, 100, 5, "all", (1, 1, 2, 100)),
        ("duplicate_rows", 1, 1, 2, 110, 5, "all", (1, 1, 3, 100)),
        ("zero_run", 1, 1, 2, 0, 9),
    )
    cut = {"length": 125, "overlap": 0, "findings": findings}
    recordings = recordings_of(DSADS, [make_recording(1, 1, (1, 2, 3))])
    assert segment(recordings, **cut).read_all()["duplicate_group"].to_pylist() == [0, 0, 0]
    assert segment(recordings, **cut, damaged="drop").read_all()["duplicate_group"].to_pylist() == [0, 1]


def test_without_findings_nothing_is_flagged(recordings: Recordings) -> None:
    reader = segment(recordings, length=50, overlap=0.5)
    assert reader.schema.metadata[b"har.damaged"] == b"not audited"
    table = reader.read_all()
    assert set(table["damaged"].to_pylist()) == {False}
    assert set(table["duplicate_group"].to_pylist()) == {-1}


def test_the_metadata_says_how_damage_and_joins_were_treated(recordings: Recordings, findings_of: FindingsOf) -> None:
    reader = segment(recordings, length=50, overlap=0, findings=findings_of(), damaged="repair", join=True)
    told = {name: reader.schema.metadata[f"har.{name}".encode()] for name in ("damaged", "join_segments")}
    assert told == {"damaged": b"repair", "join_segments": b"true"}
    assert tuple(reader.schema.names[:7]) == NAMED_COLUMNS


def test_joining_without_findings_is_refused(recordings: Recordings) -> None:
    with pytest.raises(InputError, match="no findings"):
        segment(recordings, length=50, overlap=0, join=True)


def test_other_segments_than_those_planned_for_are_refused(
    make_recording: MakeRecording, findings_of: FindingsOf
) -> None:
    outlines = {RecordingKey(1, 1): Outline.of_parts((1, 2, 3), PART_LENGTH, 1)}
    recordings = Recordings(spec=DSADS, outlines=outlines, load=lambda key: make_recording(*key), origin="real")
    with pytest.raises(InputError, match="planned"):
        segment(recordings, length=125, overlap=0, findings=findings_of()).read_all()


def test_a_long_stretch_comes_in_pieces(make_recording: MakeRecording, findings_of: FindingsOf) -> None:
    recordings = recordings_of(DSADS, [make_recording(1, 1, tuple(range(1, 41)))])
    cut = {"length": 300, "overlap": 0.95, "join": True, "findings": findings_of()}
    batches = list(segment(recordings, **cut))
    assert len(batches) > 1
    assert max(batch.nbytes for batch in batches) < 2**25
    starts = [start for batch in batches for start in zip(*(batch[k].to_pylist() for k in KEY_COLUMNS), strict=True)]
    rows = [(number - 1) * PART_LENGTH + start for _, _, number, start in starts]
    assert rows == list(range(0, 5000 - 300 + 1, 15))
