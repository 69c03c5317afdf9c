"""Predictions for whatever files a user names: which reader an input needs, and the model that answers.

How windows are classified is in :mod:`har_core.inference.classify`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa

from assets.resources.model_files import ModelFiles
from har_core.base.errors import InputError, Problem
from har_core.datasets.dsads.layout import NUM_CHANNELS, SEGMENT_LENGTH, parse_segment_path
from har_core.datasets.dsads.reader import parse_segments
from har_core.datasets.dsads.recordings import Recording, read_recordings
from har_core.inference.acceleration import Engine, Precision, accelerate
from har_core.inference.classify import classify
from har_core.inference.graph import load_graph

_FILES_AT_ONCE = 512
"""Of files outside the layout: 12 MB of samples."""


def predict_inputs(
    inputs: Sequence[Path], model: ModelFiles, *, engine: Engine = "torch", precision: Precision = "fp32"
) -> pa.Table:
    """Name the activity of every window of ``inputs``: segment files under any name, folders, zips.

    ``engine`` and ``precision`` are those of :func:`har_core.inference.acceleration.accelerate`.

    Returns:
        A table of ``har_core.inference.classify.PREDICTION_SCHEMA``; ``path`` starts with the input as given.

    Raises:
        DamagedModelError: the model does not load.
        InputError: an input cannot be read, with all problems; or the engine cannot take the model.
    """
    length = model.window_length or SEGMENT_LENGTH
    accelerated = accelerate(
        load_graph(model.graph), num_timepoints=length, num_channels=NUM_CHANNELS, engine=engine, precision=precision
    )
    answer = partial(classify, model=accelerated, length=length)
    return pa.concat_tables([table for path in inputs for table in _predict(path, answer)])


def _predict(path: Path, answer: Callable[[Iterable[Recording]], pa.Table]) -> Iterator[pa.Table]:
    if path.is_file() and path.suffix.lower() != ".zip":
        yield from _predict_files([path], answer)
    elif path.is_dir() and not _has_layout(path):
        files = sorted(path.rglob("*.txt"))
        if not files:
            raise InputError(f"{path}: nothing to predict", [Problem(path=str(path), expected="text files below it")])
        yield from _predict_files(files, answer)
    else:
        table = answer(read_recordings(path))
        yield _with_paths(table, [f"{path}/{name}" for name in table["path"].to_pylist()])


def _has_layout(folder: Path) -> bool:
    """Whether the folder holds recordings as DSADS names them, so that names, order and numbers can be relied on."""
    return any(parse_segment_path(path.relative_to(folder).as_posix()) for path in folder.rglob("*.txt"))


def _predict_files(files: Sequence[Path], answer: Callable[[Iterable[Recording]], pa.Table]) -> Iterator[pa.Table]:
    """Files under any name: their labels are unknown, and nothing looks at the ones given here."""
    for first in range(0, len(files), _FILES_AT_ONCE):
        chunk = files[first : first + _FILES_AT_ONCE]
        paths = [str(path) for path in chunk]
        samples = parse_segments([_read(path) for path in chunk], paths)
        table = answer([Recording(subject=1, activity=1, segments=tuple(range(1, len(chunk) + 1)), samples=samples)])
        windows_per_file = table.num_rows // len(chunk)
        yield _with_paths(table, [path for path in paths for _ in range(windows_per_file)])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        problem = Problem(path=str(path), value=error.strerror, expected="a file that can be read")
        raise InputError(f"{path}: cannot be read", [problem]) from error


def _with_paths(table: pa.Table, paths: list[str]) -> pa.Table:
    index = table.schema.get_field_index("path")
    return table.set_column(index, table.schema.field(index), pa.array(paths, pa.string()))
