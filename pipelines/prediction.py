"""Predictions for the files that a user names: which reader an input needs, and which windows a model sees of it.

How windows are classified is in :mod:`har_core.inference.classify`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from har_core.audit.defects import find_defects
from har_core.base.errors import InputError, Problem
from har_core.datasets.dsads.layout import parse_segment_path
from har_core.datasets.dsads.reader import canonical, parse_segments
from har_core.datasets.dsads.recordings import read_recordings
from har_core.inference.classify import Classifier, classify, classify_segments

_FILES_AT_ONCE = 512
"""Of files outside the layout: 12 MB of samples."""


def predict_inputs(model: Classifier, inputs: Sequence[Path], *, length: int, join: bool) -> pa.Table:
    """Name the activity of every window of ``inputs``: segment files under any name, folders, zips.

    ``model`` takes windows of ``length`` samples. ``join`` says whether windows go on into the next segment where the
    audit finds the join continuous.

    Returns:
        A table of ``har_core.inference.classify.PREDICTION_SCHEMA``; ``path`` starts with the input as given.

    Raises:
        InputError: an input cannot be read, with all problems.
    """
    return pa.concat_tables([table for path in inputs for table in _predict(path, model, length, join=join)])


def _predict(path: Path, model: Classifier, length: int, *, join: bool) -> Iterator[pa.Table]:
    if path.is_file() and path.suffix.lower() != ".zip":
        yield from _predict_files([path], model, length)
    elif path.is_dir() and not _has_layout(path):
        files = sorted(path.rglob("*.txt"))
        if not files:
            raise InputError(f"{path}: nothing to predict", [Problem(path=str(path), expected="text files below it")])
        yield from _predict_files(files, model, length)
    else:
        recordings = read_recordings(path)
        findings = find_defects(recordings) if join else None
        table = classify(recordings, model, length=length, findings=findings)
        if not table.num_rows:
            raise InputError(f"{path}: no recording goes on without a break for {length} samples, the model's window")
        names = [f"{path}/{name}" for name in table["path"].to_pylist()]
        yield table.set_column(0, table.schema.field(0), pa.array(names, pa.string()))


def _has_layout(folder: Path) -> bool:
    """Whether the folder holds recordings as DSADS names them, so that names, order and numbers can be relied on."""
    return any(parse_segment_path(path.relative_to(folder).as_posix()) for path in folder.rglob("*.txt"))


def _predict_files(files: Sequence[Path], model: Classifier, length: int) -> Iterator[pa.Table]:
    """Files under any name: nobody knows who did what, nor which file follows which, so windows stay within a file."""
    for first in range(0, len(files), _FILES_AT_ONCE):
        chunk = files[first : first + _FILES_AT_ONCE]
        paths = [str(path) for path in chunk]
        samples = parse_segments([canonical(_read(path)) for path in chunk], paths)
        yield classify_segments(samples, paths, model, length=length)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        problem = Problem(path=str(path), value=error.strerror, expected="a file that can be read")
        raise InputError(f"{path}: cannot be read", [problem]) from error
