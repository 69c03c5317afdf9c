from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from har_core.base.errors import InputError
from har_core.base.progress import silent
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.dsads.layout import SEGMENT_LENGTH, segment_path
from har_core.datasets.dsads.synthetic.activities import TABLE
from har_core.datasets.dsads.synthetic.motion import MovingBody
from har_core.datasets.dsads.synthetic.smoothness import BLOCK_LENGTH, Array, evaluate, num_knots
from har_core.datasets.dsads.synthetic.subjects import COURSE_STREAM, generator, make_person
from har_core.datasets.dsads.synthetic.writer import make_recording, write_recordings
from har_core.datasets.origin import SYNTHETIC_MARKER
from har_core.dsads import read_recordings
from har_core.settings.source import SourceSettings

ACTIVITY = {name: number for number, name in enumerate(DSADS.activities, start=1)}
STILL = ("sitting", "standing", "lying on back", "lying on right side")
SMALL = SourceSettings(num_subjects=2, num_segments=2, seed=3)


@cache
def record(name: str, *, subject: int = 1, seed: int = 0, num_segments: int = 8) -> Array:
    """(samples, 45)"""
    return make_recording(seed=seed, subject=subject, activity=ACTIVITY[name], num_segments=num_segments)


def channels(samples: Array, *names: str) -> Array:
    return samples[:, [DSADS.channel_names.index(name) for name in names]]


def vectors(samples: Array, sensor: str) -> Array:
    """(samples, units, 3)"""
    names = [name for name in DSADS.channel_names if name.endswith(sensor)]
    return channels(samples, *names).reshape(len(samples), -1, 3)


def dominant_hz(signal: Array) -> float:
    power = np.abs(np.fft.rfft((signal - signal.mean()) * np.hanning(len(signal)))) ** 2
    return float(np.fft.rfftfreq(len(signal), 1 / DSADS.sampling_rate_hz)[power.argmax()])


def step_hz(name: str, subject: int = 1) -> float:
    """The strongest rhythm of the thighs' turning: a cycle, half of it a step."""
    return dominant_hz(channels(record(name, subject=subject), "RL_zgyro")[:, 0])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.txt")}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "synthetic"
    write_recordings(folder, SMALL, silent)
    return folder


def test_every_activity_is_in_the_table() -> None:
    assert sorted(TABLE) == list(range(1, len(DSADS.activities) + 1))


def test_files_have_the_format_of_the_real_ones(written: Path) -> None:
    files = contents(written)
    del files[SYNTHETIC_MARKER]
    numbers = product((1, 2), range(1, 20), (1, 2))
    assert sorted(files) == sorted(segment_path(subject=s, activity=a, segment=n) for s, a, n in numbers)
    for content in files.values():
        lines = content.decode("ascii").split("\n")
        assert len(lines) == SEGMENT_LENGTH + 1
        assert lines[-1] == ""
        assert {line.count(",") for line in lines[:-1]} == {len(DSADS.channel_names) - 1}
        assert b"-0.00000," not in content


def test_the_reader_accepts_the_files_and_gives_back_the_samples(written: Path) -> None:
    recordings = read_recordings(written)
    assert recordings.origin == "synthetic"
    assert len(recordings) == 2 * 19
    for recording in recordings:
        made = make_recording(seed=3, subject=recording.subject, activity=recording.session, num_segments=2)
        np.testing.assert_allclose(recording.samples, made.T, atol=1e-5, rtol=1e-6)


def test_the_same_seed_gives_the_same_bytes(written: Path, tmp_path: Path) -> None:
    write_recordings(tmp_path / "again", SMALL, silent)
    assert contents(tmp_path / "again") == contents(written)


def test_more_subjects_and_segments_leave_the_files_that_were_there_unchanged(written: Path, tmp_path: Path) -> None:
    write_recordings(tmp_path / "more", SourceSettings(num_subjects=3, num_segments=5, seed=3), silent)
    more = contents(tmp_path / "more")
    assert len(more) == 3 * 19 * 5 + 1
    assert contents(written).items() <= more.items()


@pytest.mark.parametrize("name", ["walking in a parking lot", "moving around in an elevator", "playing basketball"])
def test_a_long_recording_begins_with_a_short_one(name: str) -> None:
    long = record(name, num_segments=60)
    for num_segments in (1, 4, 7):
        assert np.array_equal(long[: num_segments * SEGMENT_LENGTH], record(name, num_segments=num_segments))


def test_recordings_do_not_depend_on_what_was_made_before() -> None:
    def make(activities: Iterable[int]) -> dict[int, Array]:
        return {number: make_recording(seed=0, subject=1, activity=number, num_segments=1) for number in activities}

    first, last = make([1, 8, 19]), make([19, 8, 1])
    assert all(np.array_equal(first[number], last[number]) for number in first)


def test_segments_subjects_activities_and_seeds_all_differ() -> None:
    segments = record("standing", num_segments=9).reshape(9, SEGMENT_LENGTH, -1)
    others = [
        record("standing", subject=2, num_segments=1)[None],
        record("standing", seed=1, num_segments=1)[None],
        record("standing in an elevator still", num_segments=1)[None],
    ]
    firsts = np.concatenate([segments, *others])[:, 0, :]
    assert len(np.unique(firsts, axis=0)) == 12


def test_the_marker_says_that_the_recordings_are_made(written: Path) -> None:
    marker = (written / SYNTHETIC_MARKER).read_text(encoding="utf-8")
    assert "synthetic" in marker
    assert "seed 3" in marker
    assert "har_core.datasets.dsads.synthetic" in marker


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_leaves_nothing_and_what_was_there_stays(
    interruption: type[BaseException], tmp_path: Path
) -> None:
    def interrupt(what: str, num_done: int, num_total: int) -> None:
        if num_done > num_total // 2:
            raise interruption

    settings = SourceSettings(num_subjects=1, num_segments=1)
    folder = tmp_path / "synthetic"
    with pytest.raises(interruption):
        write_recordings(folder, settings, interrupt)
    assert list(tmp_path.iterdir()) == []

    write_recordings(folder, settings, silent)
    before = contents(folder)
    with pytest.raises(interruption):
        write_recordings(folder, settings.model_copy(update={"seed": 5}), interrupt)
    assert list(tmp_path.iterdir()) == [folder]
    assert contents(folder) == before


def test_an_earlier_folder_is_replaced_whole(tmp_path: Path) -> None:
    folder = tmp_path / "synthetic"
    write_recordings(folder, SourceSettings(num_subjects=2, num_segments=1), silent)
    write_recordings(folder, SourceSettings(num_subjects=1, num_segments=1), silent)
    assert len(contents(folder)) == 19 + 1
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a01").mkdir()
    with pytest.raises(InputError, match="not made here"):
        write_recordings(tmp_path, SMALL, silent)
    assert [path.name for path in tmp_path.iterdir()] == ["a01"]


def test_progress_counts_files(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    write_recordings(
        tmp_path / "synthetic", SourceSettings(num_subjects=1, num_segments=2), lambda _, *count: calls.append(count)
    )
    assert calls[0] == (0, 38)
    assert calls[-1] == (38, 38)
    assert calls == sorted(calls)


def test_sensors_tell_no_more_than_they_measure() -> None:
    """This recording would turn its left arm faster than 1200°/s once."""
    samples = record("playing basketball", subject=7, seed=1, num_segments=30)
    assert np.abs(vectors(samples, "gyro")).max() == pytest.approx(np.deg2rad(1200.0))
    assert np.abs(vectors(samples, "acc")).max() <= 18 * 9.81


@pytest.mark.parametrize("name", STILL)
@pytest.mark.parametrize("subject", range(1, 9))
def test_a_body_at_rest_feels_gravity_alone(name: str, subject: int) -> None:
    samples = record(name, subject=subject)
    assert np.linalg.norm(vectors(samples, "acc"), axis=2).mean(axis=0) == pytest.approx(np.full(5, 9.81), abs=0.25)
    assert np.abs(vectors(samples, "gyro")).mean() < 0.15


@pytest.mark.parametrize("name", DSADS.activities)
def test_the_magnetic_field_has_about_unit_length_and_gravity_is_left_on_average(name: str) -> None:
    samples = np.concatenate([record(name, subject=subject) for subject in range(1, 9)])
    assert np.linalg.norm(vectors(samples, "mag"), axis=2).mean(axis=0) == pytest.approx(np.ones(5), abs=0.15)
    assert np.linalg.norm(vectors(samples, "acc"), axis=2).mean() > 9.6
    assert np.abs(samples).max() < 120


@pytest.mark.parametrize(
    ("name", "channel", "expected"),
    [
        ("standing", "T_xacc", 9.8),
        ("sitting", "T_xacc", 9.8),
        ("lying on back", "T_zacc", 9.8),  # out of the chest
        ("lying on right side", "T_yacc", -9.8),  # to the right
        ("standing", "RL_xacc", -9.8),  # down the thigh
        ("sitting", "RL_xacc", 0.0),
    ],
)
def test_gravity_tells_the_posture(name: str, channel: str, expected: float) -> None:
    means = [channels(record(name, subject=subject), channel).mean() for subject in range(1, 9)]
    assert np.mean(means) == pytest.approx(expected, abs=1.6)


@pytest.mark.parametrize(
    ("name", "hz"),
    [
        ("walking in a parking lot", 0.95),
        ("walking on a treadmill flat at 4 km/h", 0.89),
        ("running on a treadmill at 8 km/h", 1.34),
        ("cycling on an exercise bike horizontal", 1.15),
        ("rowing", 0.5),
        ("jumping", 1.95),
    ],
)
def test_legs_keep_the_rhythm_of_the_activity(name: str, hz: float) -> None:
    measured = [step_hz(name, subject) for subject in range(1, 9)]
    assert np.mean(measured) == pytest.approx(hz, rel=0.08)
    assert np.std(measured) > 0.01  # everyone has a tempo


def test_the_torso_bounces_at_every_step() -> None:
    for name in ("walking in a parking lot", "running on a treadmill at 8 km/h"):
        assert dominant_hz(channels(record(name), "T_xacc")[:, 0]) == pytest.approx(2 * step_hz(name), rel=0.05)


def test_rhythms_are_ordered_as_in_life() -> None:
    rhythms = [step_hz(name) for name in ("rowing", "walking on a treadmill flat at 4 km/h", "jumping")]
    assert rhythms == sorted(rhythms)
    assert step_hz("walking in a parking lot") < step_hz("running on a treadmill at 8 km/h")


def test_legs_move_in_antiphase_in_gait_and_together_in_rowing() -> None:
    # The z axes of the thighs' units point outward, to opposite sides.
    gait = channels(record("walking in a parking lot"), "RL_zgyro", "LL_zgyro")
    rowing = channels(record("rowing"), "RL_zgyro", "LL_zgyro")
    assert np.asarray(np.corrcoef(gait.T))[0, 1] > 0.5  # the second harmonic is the same in both
    assert np.asarray(np.corrcoef(rowing.T))[0, 1] < -0.7


@pytest.mark.parametrize("activity", [1, 9, 12, 17])
def test_angular_velocity_is_the_derivative_of_the_angle(activity: int) -> None:
    person = make_person(0, 1, activity)
    movement = MovingBody(
        person, TABLE[activity], num_blocks=1, generator=generator(0, 1, activity, COURSE_STREAM)
    ).next_block()
    numeric = np.gradient(np.unwrap(movement.angle, axis=0), 1 / DSADS.sampling_rate_hz, axis=0)
    # Central differences lose some of the fast harmonics, and slow changes have no part in the rates.
    for unit in range(5):
        assert np.corrcoef(numeric[:, unit, 1], movement.rate[:, unit, 1])[0, 1] > 0.9


@pytest.mark.parametrize("name", ["walking in a parking lot", "running on a treadmill at 8 km/h", "rowing"])
def test_gyroscope_and_magnetometer_tell_the_same_turning(name: str) -> None:
    samples = record(name)
    field, turning = vectors(samples, "mag"), vectors(samples, "gyro")
    seen = np.gradient(field, 1 / DSADS.sampling_rate_hz, axis=0)
    expected = -np.cross(turning, field)  # a fixed vector, seen from a turning frame
    for unit in range(5):
        if np.abs(turning[:, unit]).mean() > 0.3:  # enough to stand out from the noise
            assert np.corrcoef(seen[:, unit].ravel(), expected[:, unit].ravel())[0, 1] > 0.75


@pytest.mark.parametrize("activity", [8, 9, 18, 19])
def test_blocks_follow_one_another_without_a_jump(activity: int) -> None:
    recording = MovingBody(
        make_person(0, 1, activity),
        TABLE[activity],
        num_blocks=4,
        generator=generator(0, 1, activity, COURSE_STREAM),
    )
    blocks = [recording.next_block() for _ in range(4)]
    for course in ("angle", "force"):
        steps = np.abs(np.diff(np.concatenate([getattr(block, course) for block in blocks]), axis=0))
        at_seam = np.arange(1, len(steps) + 1) % BLOCK_LENGTH == 0
        assert (steps[at_seam] <= 1.3 * steps[~at_seam].max(axis=0)).all()


def test_an_elevator_adds_its_starts_and_stops_to_standing() -> None:
    def slow_part(name: str, subject: int) -> float:
        samples = vectors(record(name, subject=subject, num_segments=24), "acc")
        seconds = np.linalg.norm(samples, axis=2).reshape(-1, 25, 5).mean(axis=(1, 2))
        return float(np.ptp(seconds))

    for subject in (1, 2, 3):
        assert slow_part("standing", subject) < 0.3
        assert 0.5 < slow_part("standing in an elevator still", subject) < 5


def test_basketball_is_a_mixture_of_bouts() -> None:
    def spread_of_effort(name: str) -> float:
        segments = record(name, num_segments=60).reshape(60, SEGMENT_LENGTH, -1)[
            :, :, DSADS.channel_names.index("RL_xacc")
        ]
        efforts = segments.std(axis=1)
        return float(efforts.std() / efforts.mean())

    assert spread_of_effort("playing basketball") > 2 * spread_of_effort("running on a treadmill at 8 km/h")


def test_smooth_courses_agree_with_their_derivatives() -> None:
    knots = np.random.default_rng(0).standard_normal((num_knots(2, 10), 3))
    first, second = (evaluate(knots, spacing=10, block=block) for block in (0, 1))
    value, rate, curvature = (np.concatenate(parts) for parts in zip(first, second, strict=True))
    assert value.shape == (2 * BLOCK_LENGTH, 3)
    inner = slice(1, -1)
    np.testing.assert_allclose(np.gradient(value, 1 / DSADS.sampling_rate_hz, axis=0)[inner], rate[inner], atol=0.35)
    np.testing.assert_allclose(np.gradient(rate, 1 / DSADS.sampling_rate_hz, axis=0)[inner], curvature[inner], atol=7)
    assert value.std() == pytest.approx(1, abs=0.15)
