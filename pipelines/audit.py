"""The content audit of the recordings that a user names; what it looks for is in :mod:`har_core.audit`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa

from har_core.audit.defects import find_defects
from har_core.base.errors import InputError, Problem, counted
from har_core.datasets.dataset import Dataset, read_recordings
from har_core.datasets.recordings import Recording, RecordingKey, Recordings
from har_core.datasets.source import Source
from har_core.inference.channels import require_fit
from har_core.inference.likeness import TrainingWindows
from pipelines.left_out import LeftOut, outside_the_layout
from pipelines.readable import made_regular, readable
from pipelines.unlike import find_unlike


def audit_inputs(inputs: Sequence[Path], dataset: Dataset, left_out: LeftOut | None = None) -> pa.Table:
    """Findings of folders and zips of recordings of one data set, which together are one set.

    ``left_out`` keeps what is beside the recordings: nobody knows who did what there.

    Returns:
        A table of ``har_core.audit.findings.FINDINGS_SCHEMA``, without rows if nothing was found.

    Raises:
        InputError: an input or a recording cannot be read, or two inputs hold the same recording; with all problems.
    """
    with ExitStack() as stack:
        sources, wrong = [], LeftOut()
        for path in inputs:
            with wrong.keeping_errors():
                sources.append(stack.enter_context(dataset.open(path)))
        wrong.raise_refused()
        _refuse_repeated(sources)
        findings = find_defects(_read_all([read_recordings(dataset, source) for source in sources]), dataset.spec)
        if left_out is not None:
            left_out.unknown += [source.name_of(path) for source in sources for path in source.others]
            loose = [source.name_of(path) for source in sources for path in source.loose]
            left_out.refused += [outside_the_layout(loose, dataset)] if loose else []
        return findings


def compare_inputs(
    findings: pa.Table, inputs: Sequence[Path], dataset: Dataset, training: TrainingWindows, *, length: int
) -> pa.Table:
    """``findings``, and after them the windows of ``inputs`` that are unlike those of a training.

    Raises:
        InputError: an input cannot be read, or the model takes other channels than the data set has.
    """
    require_fit(training.spec, dataset.spec, where=dataset.reference)
    with ExitStack() as stack:
        sources = [stack.enter_context(dataset.open(path)) for path in inputs]
        recordings = _read_all([read_recordings(dataset, source) for source in sources])
        made = made_regular(recordings, dataset.spec, training.spec.sampling_rate_hz)
        unlike = find_unlike(made, training, length=length)
    return pa.concat_tables([findings, unlike])


def _read_all(parts: Sequence[Recordings]) -> Iterator[Recording]:
    """Every recording; what is wrong with some is raised after all were tried."""
    wrong: list[InputError] = []
    for recordings in parts:
        own = dict[RecordingKey, InputError]()
        yield from readable(recordings, own)
        wrong += own.values()
    if wrong:
        problems = [problem for error in wrong for problem in error.problems]
        raise InputError(f"The recordings cannot be read: {counted(len(problems), 'problem')}", problems)


def _refuse_repeated(sources: Sequence[Source]) -> None:
    holders = [(key, source) for source in sources for key in source.by_recording()]
    times = Counter(key for key, _ in holders)
    problems = [
        Problem(
            path=str(source.location),
            value=f"{key}, which {times[key]} inputs hold",
            expected="each recording in one input",
        )
        for key, source in holders
        if times[key] > 1
    ]
    if problems:
        raise InputError("The inputs are not one set of recordings", problems)
