"""Cuts recordings into a table of windows, one recording at a time; ``dataset`` stores it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from har_core.base.errors import InputError, Problem
from har_core.datasets.dsads.layout import NUM_CHANNELS, SAMPLING_RATE_HZ, SEGMENT_LENGTH, UNITS, RecordingKey
from har_core.datasets.dsads.recordings import Recording, Recordings
from har_core.windows.plan import Cut, Damaged, Layout, RecordingPlan, plan_blindly, plan_windows
from har_core.windows.repair import apply_repairs
from har_core.windows.schema import batch_of, window_schema
from har_core.windows.stretches import cut

_VALUES_PER_BATCH = 2**22  # 16 MiB of float32: a recording of many segments is handed over in pieces


def segment(
    recordings: Iterable[Recording],
    *,
    length: int,
    overlap: float,
    findings: pa.Table | None = None,
    damaged: Damaged = "flag",
    join: bool = False,
    longest_repair: int = 5,
) -> pa.RecordBatchReader:
    """Cut recordings into windows, and flag what the audit found in them.

    Memory does not grow with the number of recordings: each is read when its windows are asked for. With findings, a
    few bytes are kept for each window from the beginning.

    Args:
        recordings: with findings, Recordings or a sequence, because windows that are copies of later ones must be known
            as such.
        length: samples in a window, 1 to 125; any number with ``join``.
        overlap: share of a window that the next one repeats, 0 to below 1; see :func:`stride_of`.
        findings: of :func:`har_core.audit.defects.find_defects` on these recordings; without them nothing is flagged.
        damaged: what becomes of windows that touch a damaged run (all channels or a unit, zero or standing still):
            ``flag`` them; ``keep`` them like any other; ``repair`` runs of at most ``longest_repair`` rows by straight
            lines between the rows around them, and flag what is left; ``fill`` zeros of a unit from the rest of its
            window (:func:`har_core.windows.gaps.fill_gaps`), and flag what is left; ``drop`` them.
        join: whether windows may go on into the next segment where the audit found the join continuous; they never
            cross another join.
        longest_repair: rows.

    Returns:
        Rows in :func:`~har_core.windows.schema.window_schema`, in the order of recordings, segments and starts. Rows
        after the last whole window of a segment, or with ``join`` of a continuous stretch, are dropped. The schema's
        metadata says length, overlap, rate, origin, what became of damage, and how many windows were not cut or hold
        interpolated samples.

    Raises:
        InputError: ``length`` or ``overlap`` is impossible, ``join`` comes without findings, or no stretch of the
            recordings is as long as a window; while reading, a recording is not the one that was planned for.
    """
    _check(length, overlap, join=join, is_audited=findings is not None)
    how = Cut(
        length=length, stride=stride_of(length, overlap), damaged=damaged, join=join, longest_repair=longest_repair
    )
    plans = None if findings is None else plan_windows(findings, _layout_of(recordings), how)
    known = [] if plans is None else list(plans.values())
    longest = max((len(stretch) for plan in known for stretch in plan.stretches), default=length)
    if longest < length:
        expected = f"at most {longest} samples, the longest continuous stretch of the recordings"
        problem = Problem(path="windows.length", value=str(length), expected=expected)
        raise InputError("No recording is as long as a window without a break", [problem])
    metadata = {
        "har.sampling_rate_hz": str(SAMPLING_RATE_HZ),
        "har.window_length": str(length),
        "har.overlap": str(float(overlap)),
        "har.origin": recordings.origin if isinstance(recordings, Recordings) else "unknown",
        "har.damaged": damaged if findings is not None else "not audited",
        "har.join_segments": "true" if join else "false",
        "har.num_dropped": str(sum(int((~plan.kept).sum()) for plan in known)),
        "har.num_repaired": str(sum(int(plan.is_repaired.sum()) for plan in known)),
    }
    schema = window_schema(length).with_metadata(metadata)
    return pa.RecordBatchReader.from_batches(schema, _batches(recordings, plans, how, schema))


def stride_of(length: int, overlap: float) -> int:
    """Samples from the start of one window to the next: what the overlap leaves, in whole samples, at least 1.

    >>> stride_of(125, 0.0), stride_of(50, 0.5), stride_of(50, 0.999)
    (125, 25, 1)
    """
    return max(1, length - round(length * overlap))


def _check(length: int, overlap: float, *, join: bool, is_audited: bool) -> None:
    problems = []
    if length < 1 or (length > SEGMENT_LENGTH and not join):
        expected = f"1 to {SEGMENT_LENGTH} samples: a window stays within its segment unless segments are joined"
        problems.append(Problem(path="window length", value=str(length), expected=expected))
    if not 0 <= overlap < 1:
        problems.append(Problem(path="overlap", value=str(overlap), expected="a share of the window, 0 to below 1"))
    if join and not is_audited:
        expected = "findings of the audit, which say where a segment goes on in the next one"
        problems.append(Problem(path="join", value="no findings", expected=expected))
    if problems:
        raise InputError("Recordings cannot be cut into such windows", problems)


def _layout_of(recordings: Iterable[Recording]) -> Layout:
    if isinstance(recordings, Recordings):
        return recordings.segments
    if not isinstance(recordings, Sequence):
        raise TypeError(f"{type(recordings).__name__}: with findings, Recordings or a sequence of them is needed")
    return {recording.key: recording.segments for recording in recordings}


def _planned(plan: RecordingPlan | None, recording: Recording) -> RecordingPlan:
    if plan is None or plan.segments != recording.segments:
        planned = "none" if plan is None else f"segments {plan.segments}"
        problem = Problem(path=str(recording.key), value=f"segments {recording.segments}", expected=planned)
        raise InputError("A recording is not the one that was planned for", [problem])
    return plan


def _batches(
    recordings: Iterable[Recording], plans: Mapping[RecordingKey, RecordingPlan] | None, how: Cut, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    at_most = max(1, _VALUES_PER_BATCH // (how.length * NUM_CHANNELS))
    for recording in recordings:
        key, segments = recording.key, np.array(recording.segments)
        plan = plan_blindly(recording.segments, how) if plans is None else _planned(plans.get(key), recording)
        samples = apply_repairs(recording.samples, plan.repairs) if plan.repairs else recording.samples
        num_done = 0
        for all_begins, windows in cut(samples, plan.stretches, how.length, how.stride, at_most=at_most):
            here = slice(num_done, num_done + len(all_begins))
            num_done = here.stop
            kept = plan.kept[here]
            begins = all_begins[kept]
            named = {
                "subject": np.full(len(begins), key.subject),
                "activity": np.full(len(begins), key.activity),
                "segment": segments[begins // SEGMENT_LENGTH],
                "start": begins % SEGMENT_LENGTH,
                "damaged": plan.damaged[here][kept],
                "duplicate_group": plan.duplicate_group[here][kept],
            }
            windows_kept = windows if kept.all() else windows[:, kept]
            if how.damaged == "fill":
                windows_kept = _filled(windows_kept)
            yield batch_of(named, windows_kept.reshape(NUM_CHANNELS, -1), schema)


def _filled(windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Windows (C, N, T) with their gaps filled, as registered models do, who know no audit; a copy if any has one."""
    of_units = windows.reshape(len(UNITS), -1, *windows.shape[1:])
    has_gap = (of_units == 0).all(axis=1).any(axis=(0, 2))
    if not has_gap.any():
        return windows
    import torch  # noqa: PLC0415 - heavy, and only needed here

    from har_core.windows.gaps import fill_gaps  # noqa: PLC0415

    filled = windows.copy()
    gaps_NTC = torch.from_numpy(filled[:, has_gap].transpose(1, 2, 0))
    filled[:, has_gap] = fill_gaps(gaps_NTC).numpy().transpose(2, 0, 1)
    return filled
