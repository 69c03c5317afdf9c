"""Windows of each role, normalised with statistics of the training windows alone, checked before they are published."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from har_core.dsads.layout import CHANNELS, NUM_CHANNELS
from har_core.files import atomic_paths
from har_core.normalization import Moments, Statistics, apply, fit
from har_core.progress import Progress, silent
from har_core.roles import (
    ROLES,
    UNUSED,
    Check,
    assign_subjects,
    check_named_subjects,
    check_roles,
    require,
    roles_of_windows,
)
from har_core.settings.splits import SplitSettings
from har_core.windows.dataset import WindowsWriter, open_windows
from har_core.windows.schema import (
    FLAG_COLUMNS,
    INHERITED_METADATA,
    KEY_COLUMNS,
    batch_of,
    channels_of,
    length_of,
    window_schema,
)

FILE_NAMES = {"training": "train.parquet", "validation": "validation.parquet", "test": "test.parquet"}
STATISTICS_FILE_NAME = "statistics.json"
CHECK_NAMES = (
    "named_subjects_are_in_the_data",
    "no_role_is_empty",
    "roles_share_no_subject",
    "roles_share_no_window",
    "every_role_has_every_activity",
    "training_means_are_0",
    "training_deviations_are_1",
    "every_value_is_finite",
)
"""The checks in the order of :attr:`SplitsSummary.checks`."""
TOLERANCE = 1e-3
"""How far mean and deviation of a normalised training channel may be from 0 and 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitsSummary:
    """What was written."""

    num_windows: dict[str, int]
    """By role."""
    subjects: dict[str, tuple[int, ...]]
    """By role, ascending."""
    checks: tuple[Check, ...]
    """All passed."""
    content_version: str
    """Hash of the content of the three files and of the statistics."""


def write_splits(
    windows_path: Path, settings: SplitSettings, folder: Path, progress: Progress = silent
) -> SplitsSummary:
    """Write ``train.parquet``, ``validation.parquet``, ``test.parquet`` and ``statistics.json`` into ``folder``.

    The windows are read twice, row group by row group, so that memory does not grow with their number. All four files
    are complete and checked before the first takes its place.

    Raises:
        InputError: the windows cannot be read, or a check failed; every failed check is named, nothing is replaced.
        StorageError: the disk is full.
    """
    with open_windows(windows_path) as file:
        keys = file.read(columns=list(KEY_COLUMNS))
        present = np.unique(keys["subject"].to_numpy()).tolist()
        subjects = assign_subjects(settings, present)
        roles = roles_of_windows(keys, subjects)
        length = length_of(file.schema_arrow)
        structure = (check_named_subjects(settings, present), *check_roles(keys, roles, length=length))
        require(structure)
        statistics = fit(_training_samples(file, roles, progress), CHANNELS)
        with atomic_paths(*(folder / name for name in FILE_NAMES.values()), folder / STATISTICS_FILE_NAME) as paths:
            schemas = {role: _schema(file, settings, role, subjects[role]) for role in ROLES}
            written = _write_roles(
                file,
                roles,
                statistics,
                paths=dict(zip(ROLES, paths[:-1], strict=True)),
                schemas=schemas,
                progress=progress,
            )
            checks = (*structure, *_check_values(written, statistics))
            require(checks)
            paths[-1].write_text(statistics.to_json(), encoding="utf-8")
    versions = json.dumps([written.content_versions, statistics.to_json()])
    return SplitsSummary(
        num_windows=written.num_windows,
        subjects=subjects,
        checks=checks,
        content_version=hashlib.sha256(versions.encode()).hexdigest(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The windows of one role in one row group."""

    role: str
    named: dict[str, npt.NDArray[np.generic]]
    """(N,) for each of KEY_COLUMNS and FLAG_COLUMNS."""
    samples: npt.NDArray[np.float32]
    """(C, M) in sensor units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """What is known of the normalised windows once they are on disk."""

    num_windows: dict[str, int]
    content_versions: dict[str, str]
    training: Moments
    num_not_finite: int
    first_not_finite: str
    """Channel and key of the first value that is NaN or infinite; empty where there is none."""


def _parts(file: pq.ParquetFile, roles: npt.NDArray[np.int8], wanted: Iterable[str] = ROLES) -> Iterator[_Part]:
    """The windows of the ``wanted`` roles, row group by row group; groups without any are not read."""
    length = length_of(file.schema_arrow)
    first = 0
    for index in range(file.num_row_groups):
        num_rows = file.metadata.row_group(index).num_rows
        roles_here = roles[first : first + num_rows]
        first += num_rows
        chosen = [role for role in wanted if (roles_here == ROLES.index(role)).any()]
        if not chosen:
            continue
        rows = file.read_row_group(index)
        samples = channels_of(rows).reshape(NUM_CHANNELS, num_rows, length)
        for role in chosen:
            mask = roles_here == ROLES.index(role)
            named = {name: rows[name].to_numpy()[mask] for name in (*KEY_COLUMNS, *FLAG_COLUMNS)}
            # Most row groups hold windows of one role alone: no copy for those.
            own = samples if mask.all() else samples[:, mask]
            yield _Part(role=role, named=named, samples=own.reshape(NUM_CHANNELS, -1))


def _training_samples(
    file: pq.ParquetFile, roles: npt.NDArray[np.int8], progress: Progress
) -> Iterator[npt.NDArray[np.float32]]:
    num_done, num_total = 0, int((roles == ROLES.index("training")).sum())
    for part in _parts(file, roles, wanted=["training"]):
        yield part.samples
        num_done += len(part.named["subject"])
        progress("training windows measured", num_done, num_total)


def _schema(file: pq.ParquetFile, settings: SplitSettings, role: str, subjects: Sequence[int]) -> pa.Schema:
    """Columns of the windows, in units of the training windows' deviation, and where they come from."""
    inherited = file.metadata.metadata or {}
    metadata = {key: inherited[key] for key in INHERITED_METADATA if key in inherited} | {
        b"har.protocol": settings.protocol.encode(),
        b"har.role": role.encode(),
        b"har.subjects": json.dumps(list(subjects)).encode(),
    }
    measures = dict.fromkeys(CHANNELS, "standard deviations from the mean of the training windows")
    return window_schema(length_of(file.schema_arrow), measures=measures).with_metadata(metadata)


def _write_roles(
    file: pq.ParquetFile,
    roles: npt.NDArray[np.int8],
    statistics: Statistics,
    *,
    paths: Mapping[str, Path],
    schemas: Mapping[str, pa.Schema],
    progress: Progress,
) -> _Written:
    """Write the normalised windows of each role, and gather what the checks ask."""
    training, num_done, num_total = Moments(NUM_CHANNELS), 0, int((roles != UNUSED).sum())
    num_not_finite, first_not_finite = 0, ""
    with ExitStack() as stack:
        writers = {role: stack.enter_context(WindowsWriter(paths[role], schemas[role])) for role in ROLES}
        for part in _parts(file, roles):
            normalised = apply(statistics, part.samples, channel_axis=0)
            not_finite = ~np.isfinite(normalised)
            if not_finite.any():
                num_not_finite += int(not_finite.sum())
                first_not_finite = first_not_finite or _first_place(part, not_finite)
            if part.role == "training":
                training.update(normalised)
            writers[part.role].write(batch_of(part.named, normalised, schemas[part.role]))
            num_done += len(part.named["subject"])
            progress("windows normalised", num_done, num_total)
    return _Written(
        num_windows={role: writer.num_windows for role, writer in writers.items()},
        content_versions={role: writer.content_version for role, writer in writers.items()},
        training=training,
        num_not_finite=num_not_finite,
        first_not_finite=first_not_finite,
    )


def _first_place(part: _Part, wrong: npt.NDArray[np.bool_]) -> str:
    num_windows = len(part.named["subject"])
    channel, window, _ = np.argwhere(wrong.reshape(NUM_CHANNELS, num_windows, -1))[0]
    key = ", ".join(f"{name} {part.named[name][window]}" for name in KEY_COLUMNS)
    return f", first in {CHANNELS[channel]} of {key}"


def _check_values(written: _Written, statistics: Statistics) -> tuple[Check, Check, Check]:
    varies = ~np.isin(CHANNELS, statistics.constant)
    means = np.abs(written.training.mean)
    deviations = np.abs(written.training.standard_deviation - 1) * varies
    constant = f"; constant: {', '.join(statistics.constant)}" if statistics.constant else ""
    # "not any above", rather than "all below", would let NaN pass
    return (
        Check(
            name="training_means_are_0",
            passed=bool((means <= TOLERANCE).all()),
            detail=_worst("mean", means),
            expected=f"means of the normalised training channels within {TOLERANCE:g} of 0",
        ),
        Check(
            name="training_deviations_are_1",
            passed=bool((deviations <= TOLERANCE).all()),
            detail=_worst("deviation", deviations) + constant,
            expected=f"deviations of the normalised training channels within {TOLERANCE:g} of 1, but of constant ones",
        ),
        Check(
            name="every_value_is_finite",
            passed=written.num_not_finite == 0,
            detail=f"{written.num_not_finite} values that are NaN or infinite{written.first_not_finite}",
            expected="finite values alone",
        ),
    )


def _worst(what: str, errors: npt.NDArray[np.float64]) -> str:
    worst = int(np.argmax(errors))  # NaN counts as the largest
    return f"the {what} of {CHANNELS[worst]} is off by {errors[worst]:.2g}, the others by less"
