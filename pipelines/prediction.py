"""Predictions for the files that a user names: which reader an input needs, and which windows a model sees of it.

How windows are classified is in :mod:`har_core.inference.classify`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from har_core.audit.defects import find_defects
from har_core.base.errors import InputError
from har_core.base.files import read_file
from har_core.base.text import printable
from har_core.datasets.dsads.layout import RecordingKey
from har_core.datasets.dsads.listing import MAX_SEGMENT_BYTES, Source
from har_core.datasets.dsads.reader import SegmentText, canonical, find_problems, parse_segments
from har_core.datasets.dsads.recordings import read_recordings
from har_core.datasets.dsads.source import open_source
from har_core.inference.classify import PREDICTION_SCHEMA, Classifier, classify, classify_segments
from pipelines.left_out import LeftOut
from pipelines.readable import readable

_FILES_AT_ONCE = 512
"""Of files outside the layout: 12 MB of samples."""
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")


def predict_inputs(
    model: Classifier, inputs: Sequence[Path], *, length: int, join: bool, left_out: LeftOut | None = None
) -> pa.Table:
    """Name the activity of every window of ``inputs``: segment files under any name, folders, zips.

    ``model`` takes windows of ``length`` samples. ``join`` says whether windows go on into the next segment where the
    audit finds the join continuous. What is wrong keeps nothing else from being answered for: it goes to ``left_out``.

    Returns:
        A table of ``har_core.inference.classify.PREDICTION_SCHEMA``; ``path`` starts with the input as given.

    Raises:
        InputError: something is wrong, and there is no ``left_out``; with all problems.
    """
    wrong = LeftOut() if left_out is None else left_out
    tables = [PREDICTION_SCHEMA.empty_table()]
    for path in inputs:
        with wrong.keeping_errors():
            tables += _predict(path, model, length, join=join, left_out=wrong)
    if left_out is None:
        wrong.raise_refused()
    return pa.concat_tables(tables)


def _predict(path: Path, model: Classifier, length: int, *, join: bool, left_out: LeftOut) -> Iterator[pa.Table]:
    if path.is_file() and not _is_zip(path):
        yield from _predict_files([str(path)], _read_file, model, length, left_out)
        return
    with open_source(path, any_names=True) as source:
        left_out.unknown += map(source.name_of, source.others)
        if source.files:
            with left_out.keeping_errors():
                yield _predict_recordings(source, model, length, join=join, left_out=left_out)
        paths = {source.name_of(loose): loose for loose in source.loose}
        yield from _predict_files(list(paths), lambda name: source.read_loose(paths[name]), model, length, left_out)


def _read_file(name: str) -> bytes:
    return read_file(Path(name), most_bytes=MAX_SEGMENT_BYTES)


def _is_zip(path: Path) -> bool:
    if path.suffix.lower() == ".zip":
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(_ZIP[0])) in _ZIP
    except OSError:  # reading it whole will say why
        return False


def _predict_recordings(source: Source, model: Classifier, length: int, *, join: bool, left_out: LeftOut) -> pa.Table:
    recordings, wrong = read_recordings(source), dict[RecordingKey, InputError]()
    findings = find_defects(readable(recordings, wrong)) if join else None
    names = {file.key: printable(source.name(file)) for file in source.files}
    table = classify(readable(recordings, wrong), model, length=length, findings=findings, names=names)
    left_out.refused += wrong.values()
    if not table.num_rows and not wrong:
        raise InputError(
            f"{source.location}: no recording goes on without a break for {length} samples, the model's window"
        )
    return table


def _predict_files(
    names: Sequence[str], read: Callable[[str], bytes], model: Classifier, length: int, left_out: LeftOut
) -> Iterator[pa.Table]:
    """Files under any name: nobody knows who did what, nor which file follows which, so windows stay within a file."""
    for first in range(0, len(names), _FILES_AT_ONCE):
        texts: dict[str, SegmentText] = {}
        for name in names[first : first + _FILES_AT_ONCE]:
            with left_out.keeping_errors():
                texts[name] = canonical(read(name))
        try:
            samples = parse_segments(list(texts.values()), list(texts)) if texts else None
        except InputError as error:
            left_out.refused.append(error)
            texts = {name: text for name, text in texts.items() if not find_problems(name, text)}
            samples = parse_segments(list(texts.values()), list(texts)) if texts else None
        if samples is not None:
            yield classify_segments(samples, list(map(printable, texts)), model, length=length)
