"""Makes recordings regular and complete before they are cut: rows at one rate, no value missing, breaks as segments.

Letters: C channels, P rows of a piece.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from har_core.audit.signals import runs
from har_core.datasets.recordings import Outline, Recording, RecordingKey, Recordings, label_runs
from har_core.spec.selection import spec_of_windows
from har_core.windows.audited import Piece, RowMap
from har_core.windows.resampling import resample, up_and_down

REGULAR_WITHIN = 0.1
"""Share of a step of the rate by which steps may differ from it, for rows to count as regular."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Regular:
    """Recordings that can be cut, and what was done to make them so."""

    recordings: Recordings
    row_maps: Mapping[RecordingKey, RowMap] = field(default_factory=dict)
    """Of recordings whose rows are not those that were read."""
    num_gaps: int = 0
    """Places where a recording was broken because rows or values are missing."""
    num_interpolated: int = 0
    """Rows as read of which a missing value was interpolated."""
    num_resampled: int = 0
    """Recordings that were put on another grid of times."""

    @property
    def counts(self) -> dict[str, int]:
        """The numbers, by their names."""
        return {name: getattr(self, name) for name in ("num_gaps", "num_interpolated", "num_resampled")}


class _Limits(NamedTuple):
    rate: float
    """Of the recordings as read, as their description says."""
    new_rate: float
    longest_gap_s: float
    longest_interpolation_s: float


class _Look(NamedTuple):
    """What a recording needs."""

    pieces: tuple[Piece, ...]
    num_gaps: int
    num_interpolated: int


def regular(
    recordings: Recordings,
    *,
    sampling_rate_hz: float | None = None,
    longest_gap_s: float = 0.5,
    longest_interpolation_s: float = 0.2,
) -> Regular:
    """Recordings with rows at one rate and no value missing.

    Each is looked at once, and made regular when it is read; those that are so already are handed on as they are. Parts
    of one length are complete by their nature: at the rate asked for, none is looked at. Recordings of which nothing is
    left are not among the result.

    Args:
        recordings: as ingestion leaves them.
        sampling_rate_hz: of the result; None for that of the recordings. Rows that are regular are resampled by
            :func:`scipy.signal.resample_poly`, others interpolated linearly at their times.
        longest_gap_s: the longest time from a row to the next that does not break a recording.
        longest_interpolation_s: the longest stretch of missing values of a channel that is interpolated linearly. A
            longer one breaks the recording, and so does one at the end of a stretch without a break.

    Raises:
        InputError: parts would not have a whole number of samples at this rate, or reading a recording raises it.
    """
    spec = spec_of_windows(recordings.spec, sampling_rate_hz=sampling_rate_hz)
    limits = _Limits(recordings.spec.sampling_rate_hz, spec.sampling_rate_hz, longest_gap_s, longest_interpolation_s)
    if spec.segment_length is not None and limits.rate == limits.new_rate:
        return Regular(recordings=recordings)
    outlines: dict[RecordingKey, Outline] = {}
    looks: dict[RecordingKey, _Look] = {}
    row_maps: dict[RecordingKey, RowMap] = {}
    num_resampled = 0
    for key, outline in recordings.outlines.items():
        look = _look_at(recordings.load(key), limits)
        ends = zip(outline.starts.tolist(), outline.starts[1:].tolist(), outline.lengths, strict=False)
        is_as_read = [piece[:4] for piece in look.pieces] == [(*own, 1.0) for own in ends]
        is_as_read &= all(piece.grid is None for piece in look.pieces)
        outlines[key] = outline
        if not is_as_read or look.num_interpolated:
            looks[key] = look
        if not look.pieces:
            del outlines[key]
        elif not is_as_read:
            row_maps[key] = RowMap(outline, look.pieces)
            outlines[key] = _outline_of(row_maps[key])
            num_resampled += any(piece.grid is not None or piece.step != 1 for piece in look.pieces)

    def load(key: RecordingKey) -> Recording:
        recording = recordings.load(key)
        return _made_regular(recording, looks[key], outlines[key], limits) if key in looks else recording

    return Regular(
        recordings=Recordings(spec=spec, outlines=outlines, load=load, origin=recordings.origin),
        row_maps=row_maps,
        num_gaps=sum(look.num_gaps for look in looks.values()),
        num_interpolated=sum(look.num_interpolated for look in looks.values()),
        num_resampled=num_resampled,
    )


def _look_at(recording: Recording, limits: _Limits) -> _Look:
    outline = recording.outline
    times, bounds = None if outline.in_parts else recording.times, outline.starts
    if times is not None:
        bounds = np.union1d(bounds, np.flatnonzero(np.diff(times) > limits.longest_gap_s) + 1)
    pieces: list[Piece] = []
    num_gaps, num_interpolated = len(bounds) - len(outline.starts), 0
    for first, stop in zip(bounds.tolist(), bounds[1:].tolist(), strict=False):
        missing = np.isnan(recording.samples[:, first:stop]) & (not outline.in_parts)
        lost = np.zeros(stop - first, dtype=np.bool_)
        for own in missing[missing.any(axis=1)]:
            for start, size in runs(own):
                is_inside = start > 0 and start + size < len(own)
                lost[start : start + size] |= not is_inside or size > limits.longest_interpolation_s * limits.rate
        num_gaps += len(runs(lost))
        num_interpolated += int((missing.any(axis=0) & ~lost).sum())
        pieces += [_piece(first + start, first + start + size, times, limits) for start, size in runs(~lost)]
    return _Look(tuple(pieces), num_gaps, num_interpolated)


def _piece(first: int, stop: int, times: npt.NDArray[np.float64] | None, limits: _Limits) -> Piece:
    if times is not None and (np.abs(np.diff(times[first:stop]) * limits.rate - 1) > REGULAR_WITHIN).any():
        own = times[first:stop]
        new_times = own[0] + np.arange(int((own[-1] - own[0]) * limits.new_rate + 1e-6) + 1) / limits.new_rate
        grid = np.round(first + np.interp(new_times, own, np.arange(len(own))), 6)
        return Piece(first, stop, len(grid), grid=grid)
    up, down = up_and_down(limits.rate, limits.new_rate)
    num_rows = -(-(stop - first) * up // down)  # as many as resample_poly gives
    return Piece(first, stop, num_rows, step=down / up)


def _outline_of(rows: RowMap) -> Outline:
    is_whole = [piece.first for piece in rows.pieces] == rows.outline.starts[:-1].tolist()
    return Outline(
        segments=rows.outline.segments if is_whole else tuple(range(1, len(rows.pieces) + 1)),
        lengths=tuple(piece.num_rows for piece in rows.pieces),
        labels=label_runs(rows.outline.row_labels()[rows.nearest]),
        in_parts=rows.outline.in_parts,
    )


def _made_regular(recording: Recording, look: _Look, outline: Outline, limits: _Limits) -> Recording:
    samples = _without_missing(recording) if look.num_interpolated else recording.samples
    return Recording(
        subject=recording.subject,
        session=recording.session,
        outline=outline,
        # Rows that are chosen by their numbers come out row by row, and stay so when they are put together.
        samples=np.ascontiguousarray(np.concatenate(list(_samples_of(samples, look.pieces, limits)), axis=1)),
    )


def _samples_of(
    samples: npt.NDArray[np.float32], pieces: Sequence[Piece], limits: _Limits
) -> Iterator[npt.NDArray[np.float32]]:
    """(C, P) of each piece."""
    for piece in pieces:
        if piece.grid is not None:
            before = np.floor(piece.grid).astype(np.int64)
            share = (piece.grid - before).astype(np.float32)
            after = np.minimum(before + 1, piece.stop - 1)
            yield samples[:, before] + (samples[:, after] - samples[:, before]) * share
        elif piece.step != 1 and piece.stop - piece.first == 1:  # too few for a filter
            yield np.repeat(samples[:, piece.first : piece.stop], piece.num_rows, axis=1)
        elif piece.step != 1:
            yield resample(samples[:, piece.first : piece.stop], limits.rate, limits.new_rate)
        else:
            yield samples[:, piece.first : piece.stop]


def _without_missing(recording: Recording) -> npt.NDArray[np.float32]:
    """Missing values on the straight line between those around them, by time; a copy."""
    samples = recording.samples.copy()
    times = np.arange(samples.shape[1]) if recording.times is None else recording.times
    for channel in samples:
        missing = np.isnan(channel)
        if missing.any() and not missing.all():
            channel[missing] = np.interp(times[missing], times[~missing], channel[~missing])
    return samples
