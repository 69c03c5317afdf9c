"""Cuts recordings into a table of windows, one recording at a time; ``dataset`` stores it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from har_core.base.errors import InputError, Problem, counted
from har_core.datasets.recordings import Outline, Recording, RecordingKey, Recordings
from har_core.settings.windows import stride_of
from har_core.spec.dataset import DatasetSpec
from har_core.spec.selection import Activities, NoneRule, label_map, spec_of_windows
from har_core.windows.audited import Audited
from har_core.windows.labels import MIXED, OTHER
from har_core.windows.plan import Cut, Damaged, RecordingPlan, plan_windows
from har_core.windows.regular import Regular
from har_core.windows.repair import apply_repairs
from har_core.windows.schema import batch_of, window_schema
from har_core.windows.stretches import cut

_VALUES_PER_BATCH = 2**22  # 16 MiB of float32: a recording of many segments is handed over in pieces


def segment(
    recordings: Recordings,
    *,
    length: int,
    overlap: float = 0.0,
    step: int | None = None,
    findings: pa.Table | None = None,
    regular: Regular | None = None,
    damaged: Damaged = "flag",
    join: bool = False,
    longest_repair: int = 5,
    activities: Activities | None = None,
    none: NoneRule = "drop",
    label_rule: Literal["pure", "majority"] = "pure",
    label_share: float = 0.5,
) -> pa.RecordBatchReader:
    """Cut recordings into windows, label them, and flag what the audit found in them.

    Memory does not grow with the number of recordings: each is read when its windows are asked for. A few bytes are
    kept for each window from the beginning, because windows that are copies of later ones must be known as such.

    Args:
        recordings: what is cut, at the rate that windows shall have.
        length: samples in a window, at most those of a part in sets that have parts; any number with ``join``.
        overlap: share of a window that the next one repeats, 0 to below 1.
        step: samples from the start of one window to the next, in place of ``overlap``.
        findings: of :func:`har_core.audit.defects.find_defects` on these recordings; without them nothing is flagged.
        regular: what these recordings come from, if they are not as they were read, and audited.
        damaged: what becomes of windows that touch a damaged run (all channels or a place, zero or standing still):
            ``flag`` them; ``keep`` them like any other; ``repair`` runs of at most ``longest_repair`` rows by straight
            lines between the rows around them, and flag what is left; ``fill`` zeros of a place from the rest of its
            window (:func:`har_core.windows.gaps.fill_gaps`), and flag what is left, also where ``regular`` put rows on
            another grid, which leaves no exact zeros; ``drop`` them.
        join: whether windows may go on into the next part where the audit found the join continuous; they never cross
            another join.
        longest_repair: rows.
        activities: see :func:`har_core.spec.selection.spec_of_windows`.
        none: the same; ``test`` is told to whoever splits the windows.
        label_rule: whether all rows of a window must have its label (``pure``), or more than ``label_share`` of them.
            Windows without a label, or with one that is left out, are not cut.
        label_share: at least 0.5.

    Returns:
        Rows in :func:`~har_core.windows.schema.window_schema`, in the order of recordings, segments and starts. Rows
        after the last whole window of a stretch without a break are dropped. The schema's metadata has the description
        of the windows, length, overlap, step, rate, origin, what became of damage and of rows without an activity, and
        how many windows were not cut or hold interpolated samples.

    Raises:
        InputError: ``length``, ``overlap`` or the selection is impossible, ``join`` comes without findings, or no
            stretch of the recordings is as long as a window; while reading, a recording is not the one that was planned
            for.
    """
    spec = recordings.spec
    of_windows = spec_of_windows(spec, activities=activities, none=none)
    _check(length, overlap, spec, join=join, is_audited=findings is not None)
    how = Cut(
        length=length,
        stride=stride_of(length, overlap) if step is None else step,
        numbers=label_map(spec, activities=activities, none=none),
        label_share=None if label_rule == "pure" else label_share,
        damaged=damaged,
        join=join,
        longest_repair=longest_repair,
        places=spec.places,
    )
    made = regular or Regular(recordings=recordings)
    audited = None
    if findings is not None:
        audited = Audited(findings=findings, outlines=recordings.outlines, row_maps=made.row_maps)
    plans = plan_windows(recordings.outlines, how, audited)
    _require_room(plans, length)
    metadata = {
        **of_windows.to_metadata(),
        "har.none": none,
        "har.sampling_rate_hz": f"{spec.sampling_rate_hz:g}",
        "har.window_length": str(length),
        "har.overlap": str(float(overlap if step is None else max(0.0, 1 - step / length))),
        "har.step": str(how.stride),
        "har.origin": recordings.origin,
        "har.damaged": damaged if findings is not None else "not audited",
        "har.join_segments": "true" if join else "false",
        **{f"har.{name}": str(number) for name, number in made.counts.items()},
        "har.num_dropped": _total((plan.labels > OTHER) & ~plan.kept for plan in plans.values()),
        "har.num_repaired": _total(plan.is_repaired & plan.kept for plan in plans.values()),
        "har.num_mixed": _total(plan.labels == MIXED for plan in plans.values()),
        "har.num_other": _total(plan.labels == OTHER for plan in plans.values()),
    }
    schema = window_schema(of_windows, length).with_metadata(metadata)
    return pa.RecordBatchReader.from_batches(schema, _batches(recordings, plans, how, schema))


def _total(masks: Iterator[npt.NDArray[np.bool_]]) -> str:
    return str(sum(int(mask.sum()) for mask in masks))


def _check(length: int, overlap: float, spec: DatasetSpec, *, join: bool, is_audited: bool) -> None:
    problems = []
    longest = None if join else spec.segment_length
    if length < 1 or (longest is not None and length > longest):
        most = "at least 1 sample"
        if longest is not None:
            most = f"1 to {longest} samples: a window stays within its segment unless segments are joined"
        problems.append(Problem(path="window length", value=str(length), expected=most))
    if not 0 <= overlap < 1:
        problems.append(Problem(path="overlap", value=str(overlap), expected="a share of the window, 0 to below 1"))
    if join and not is_audited:
        expected = "findings of the audit, which say where a segment goes on in the next one"
        problems.append(Problem(path="join", value="no findings", expected=expected))
    if problems:
        raise InputError("Recordings cannot be cut into such windows", problems)


def _require_room(plans: Mapping[RecordingKey, RecordingPlan], length: int) -> None:
    longest = max((len(stretch) for plan in plans.values() for stretch in plan.stretches), default=length)
    if longest < length:
        expected = f"at most {longest} samples, the longest continuous stretch of the recordings"
        problem = Problem(path="windows.length", value=str(length), expected=expected)
        raise InputError("No recording is as long as a window without a break", [problem])


def _require_planned(outline: Outline, recording: Recording) -> None:
    if outline != recording.outline:
        value, expected = (_in_words(one) for one in (recording.outline, outline))
        problem = Problem(path=str(recording.key), value=value, expected=expected)
        raise InputError("A recording is not the one that was planned for", [problem])


def _in_words(outline: Outline) -> str:
    return f"{counted(outline.num_rows, 'row')} in segments {outline.segments}, labels {outline.labels}"


def _batches(
    recordings: Recordings, plans: Mapping[RecordingKey, RecordingPlan], how: Cut, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    num_channels, groups = recordings.spec.num_channels, recordings.spec.channels_of_place
    at_most = max(1, _VALUES_PER_BATCH // (how.length * num_channels))
    for key, plan in plans.items():
        if not plan.kept.any():
            continue
        recording = recordings.load(key)
        _require_planned(plan.outline, recording)
        samples = recording.samples
        if plan.repairs:
            samples = apply_repairs(samples, plan.repairs, groups)
        segments, starts = np.array(plan.outline.segments), plan.outline.starts
        num_done = 0
        for all_begins, windows in cut(samples, plan.stretches, how.length, how.stride, at_most=at_most):
            here = slice(num_done, num_done + len(all_begins))
            num_done = here.stop
            kept = plan.kept[here]
            begins = all_begins[kept]
            index = plan.outline.index_of(begins)
            named = {
                "subject": np.full(len(begins), key.subject),
                "session": np.full(len(begins), key.session),
                "segment": segments[index],
                "start": begins - starts[index],
                "activity": plan.labels[here][kept],
                "damaged": plan.damaged[here][kept],
                "duplicate_group": plan.duplicate_group[here][kept],
            }
            windows_kept = windows if kept.all() else windows[:, kept]
            if how.damaged == "fill":
                windows_kept = _filled(windows_kept, groups)
            yield batch_of(named, windows_kept.reshape(num_channels, -1), schema)


def _filled(windows: npt.NDArray[np.float32], groups: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
    """Windows (C, N, T) with their gaps filled, as registered models do, who know no audit; a copy if any has one."""
    has_gap = np.logical_or.reduce([(windows[_at(group)] == 0).all(axis=0).any(axis=1) for group in groups])
    if not has_gap.any():
        return windows
    import torch  # noqa: PLC0415 - heavy, and only needed here

    from har_core.windows.gaps import fill_gaps  # noqa: PLC0415

    filled = windows.copy()
    gaps_NTC = torch.from_numpy(filled[:, has_gap].transpose(1, 2, 0))
    filled[:, has_gap] = fill_gaps(gaps_NTC, groups).numpy().transpose(2, 0, 1)
    return filled


def _at(group: Sequence[int]) -> slice | list[int]:
    """Channels of a group as an index: without a copy where they lie one after another."""
    return slice(group[0], group[-1] + 1) if group[-1] - group[0] == len(group) - 1 else list(group)
