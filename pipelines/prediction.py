"""Predictions for the files that a user names: which reader an input needs, and which windows a model sees of it.

How windows are classified is in :mod:`har_core.inference.classify`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa

from har_core.audit.defects import find_defects
from har_core.audit.findings import tabulate
from har_core.base.errors import InputError
from har_core.base.files import read_file
from har_core.base.text import printable
from har_core.datasets.dataset import Dataset, read_recordings
from har_core.datasets.recordings import Recording, RecordingKey
from har_core.datasets.source import Source
from har_core.inference.classify import PREDICTION_SCHEMA, Classifier, classify, classify_segments
from har_core.spec.dataset import DatasetSpec
from pipelines.left_out import LeftOut, outside_the_layout
from pipelines.readable import made_regular, readable

_FILES_AT_ONCE = 512
"""Of files outside the layout: 12 MB of samples."""
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What answers, and of what."""

    answer: Classifier
    spec: DatasetSpec
    """Of the windows that it takes."""
    length: int
    """Samples in a window."""
    join: bool
    """Whether windows go on into the next segment where the audit finds the join continuous."""


def predict_inputs(model: Model, inputs: Sequence[Path], dataset: Dataset, left_out: LeftOut | None = None) -> pa.Table:
    """Name the activity of every window of ``inputs``: folders and zips of ``dataset``, or its files under any name.

    The data set has the channels of the model (:func:`har_core.inference.channels.require_fit`). What is wrong keeps
    nothing else from being answered for: it goes to ``left_out``.

    Returns:
        A table of ``har_core.inference.classify.PREDICTION_SCHEMA``; ``path`` starts with the input as given.

    Raises:
        InputError: something is wrong, and there is no ``left_out``; with all problems.
    """
    wrong = LeftOut() if left_out is None else left_out
    tables = [PREDICTION_SCHEMA.empty_table()]
    for path in inputs:
        with wrong.keeping_errors():
            tables += _predict(path, model, dataset, wrong)
    if left_out is None:
        wrong.raise_refused()
    return pa.concat_tables(tables).replace_schema_metadata(model.spec.to_metadata())


def _predict(path: Path, model: Model, dataset: Dataset, left_out: LeftOut) -> Iterator[pa.Table]:
    takes_loose = dataset.reads_loose and dataset.spec.sampling_rate_hz == model.spec.sampling_rate_hz
    if takes_loose and path.is_file() and not _is_zip(path):
        yield from _predict_files({str(path): str(path)}, partial(_read_file, dataset), model, dataset, left_out)
        return
    with dataset.open(path, any_names=takes_loose) as source:
        left_out.unknown += map(source.name_of, source.others)
        if source.files:
            with left_out.keeping_errors():
                yield _predict_recordings(source, model, dataset, left_out)
        loose = {source.name_of(path): path for path in source.loose}
        if loose and not takes_loose:
            left_out.refused.append(outside_the_layout(list(loose), dataset))
            return
        yield from _predict_files(loose, source.read_loose, model, dataset, left_out)


def _read_file(dataset: Dataset, name: str) -> bytes:
    return read_file(Path(name), most_bytes=dataset.naming.max_bytes)


def _is_zip(path: Path) -> bool:
    if path.suffix.lower() == ".zip":
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(_ZIP[0])) in _ZIP
    except OSError:  # reading it whole will say why
        return False


def _predict_recordings(source: Source, model: Model, dataset: Dataset, left_out: LeftOut) -> pa.Table:
    recordings, wrong = read_recordings(dataset, source), dict[RecordingKey, InputError]()
    spec = dataset.spec
    # Of several files side by side the first one gives its name.
    names = {file.name[:3]: printable(source.name(file)) for file in reversed(source.files)}
    firsts = {key: printable(source.name(files[0])) for key, files in source.by_recording().items()}

    def seen() -> Iterator[Recording]:
        for recording, _, _ in made_regular(readable(recordings, wrong), spec, model.spec.sampling_rate_hz):
            if not recording.outline.in_parts:
                names.update(
                    {(*recording.key, segment): firsts[recording.key] for segment in recording.outline.segments}
                )
            yield recording

    findings = None
    if model.join and spec.segment_length is not None:
        findings = find_defects(readable(recordings, wrong), spec)
    elif spec.segment_length is None:  # each join is a break, and some segments may be shorter than a window
        findings = tabulate((), spec)
    table = classify(seen(), model.answer, spec=model.spec, length=model.length, findings=findings, names=names)
    left_out.refused += wrong.values()
    if not table.num_rows and not wrong:
        raise InputError(
            f"{source.location}: no recording goes on without a break for {model.length} samples, the model's window"
        )
    return table


def _predict_files(
    paths: Mapping[str, str], read: Callable[[str], bytes], model: Model, dataset: Dataset, left_out: LeftOut
) -> Iterator[pa.Table]:
    """Files under any name: nobody knows who did what, nor which file follows which, so windows stay within a file.

    ``paths`` are what ``read`` reads, by what the user calls them.
    """
    names = list(paths)
    for first in range(0, len(names), _FILES_AT_ONCE):
        contents: dict[str, bytes] = {}
        for name in names[first : first + _FILES_AT_ONCE]:
            with left_out.keeping_errors():
                contents[name] = read(paths[name])
        segments = dataset.read_loose(contents)
        left_out.refused += [] if segments.refused is None else [segments.refused]
        if segments.names:
            yield classify_segments(
                segments.samples,
                list(map(printable, segments.names)),
                segments.starts,
                model.answer,
                spec=model.spec,
                length=model.length,
            )
