"""Windows of each role, normalised with statistics of the training windows alone, checked before anyone gets them.

A split is written for the models (:func:`write_splits`, :func:`read_splits`), and cut for each fold of a protocol
without being written (:func:`cut_fold`). Both obey the same rules, which :mod:`har_core.splits.roles` and
:mod:`har_core.splits.role_checks` hold.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from har_core.base.checks import Check, require
from har_core.base.errors import InputError, Problem
from har_core.base.files import atomic_paths
from har_core.base.memory import freed_memory_kept
from har_core.base.progress import Progress, silent
from har_core.settings.splits import SplitSettings
from har_core.spec.dataset import DatasetSpec
from har_core.splits.names import DROPS, FILE_NAMES, STATISTICS_FILE_NAME
from har_core.splits.normalization import Statistics, measure
from har_core.splits.parts import CheckedParts, read_named, training_samples
from har_core.splits.protocols import Fold
from har_core.splits.role_checks import check_named_subjects, check_roles
from har_core.splits.roles import ROLES, UNUSED, Grid, assign_roles, assign_subjects, roles_of_windows, separate
from har_core.windows.dataset import WindowsWriter, open_windows, spec_of
from har_core.windows.schema import INHERITED_METADATA, batch_of, length_of, window_schema
from har_core.windows.store import SampleStore, in_memory
from har_core.windows.tensors import WindowTensors, read_keys, read_tensors, rows_of, tensors_of

_NUM_DROPPED = b"har.num_dropped"
_RAW_AT_ONCE = 512
"""Windows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitsSummary:
    """What was written."""

    num_windows: dict[str, int]
    """By role."""
    num_dropped: dict[str, int]
    """Windows that left a role, by reason and role: :data:`~har_core.splits.names.DROPS`."""
    subjects: dict[str, tuple[int, ...]]
    """By role, ascending."""
    checks: tuple[Check, ...]
    """All passed."""
    content_version: str
    """Hash of the content of the three files and of the statistics."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SplitWindows:
    """A split as tensors, in memory or mapped."""

    spec: DatasetSpec
    """The description of the windows."""
    roles: dict[str, WindowTensors]
    """Windows by :data:`role <har_core.splits.roles.ROLES>`, in the order of their keys; validation may be empty."""
    statistics: Statistics | None
    """What normalised them; None where they are in sensor units."""
    num_dropped: dict[str, int]
    """Windows that left a role, by reason and role: :data:`~har_core.splits.names.DROPS`."""
    checks: tuple[Check, ...] = ()
    """All passed; none where the split was read from files, which were checked before they were written."""

    def raw(self, role: str) -> Iterator[npt.NDArray[np.float32]]:
        """The windows of a role in sensor units, in batches (n, T, C)."""
        for batch in torch.split(self.roles[role].windows, _RAW_AT_ONCE):
            windows = batch.numpy()
            if self.statistics is not None:
                windows = windows * self.statistics.standard_deviation + self.statistics.mean
            yield windows


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
        named, spec, grid, only_in_test = _read_all_but_samples(file)
        present = named["subject"].to_pylist()
        subjects = assign_subjects(settings, present)
        wanted = {
            "training": settings.training_subjects,
            "validation": settings.validation_subjects,
            "test": settings.test_subjects,
        }
        assigned = roles_of_windows(named, subjects)
        split = separate(named, assigned, grid, only_in_test=only_in_test)
        given = {role: _as_given(role, numbers) for role, numbers in wanted.items()}
        role_checks = _require(
            check_named_subjects({_setting(role): numbers or () for role, numbers in wanted.items()}, present),
            *check_roles(
                named,
                split.roles,
                grid,
                assigned=assigned,
                given=given,
                validation_required=bool(settings.validation_subjects),
                only_in_test=only_in_test,
            ),
        )
        statistics = measure(training_samples(file, split.roles, progress), spec.channel_names)
        parts = CheckedParts(file, split.roles, statistics, progress)
        with atomic_paths(*(folder / name for name in FILE_NAMES.values()), folder / STATISTICS_FILE_NAME) as paths:
            schemas = {role: _schema(file, settings, role, subjects[role], split.num_dropped) for role in ROLES}
            with ExitStack() as stack:
                writers = {
                    role: stack.enter_context(WindowsWriter(path, schemas[role]))
                    for role, path in zip(ROLES, paths, strict=False)
                }
                for part in parts:
                    writers[part.role].write(batch_of(part.named, part.samples, schemas[part.role]))
            checks = _require(*role_checks, *parts.checks())
            paths[-1].write_text(statistics.to_json(), encoding="utf-8")
    versions = {role: writer.content_version for role, writer in writers.items()}
    return SplitsSummary(
        num_windows={role: writer.num_windows for role, writer in writers.items()},
        num_dropped=split.num_dropped,
        subjects=subjects,
        checks=checks,
        content_version=hashlib.sha256(json.dumps([versions, statistics.to_json()]).encode()).hexdigest(),
    )


def read_splits(folder: Path, store: SampleStore | None = None, *, raw_from: Path | None = None) -> SplitWindows:
    """Read what :func:`write_splits` wrote: normalised windows, or those of ``raw_from`` in sensor units.

    That is the file of windows that the split was made of. The samples go into ``store``; where it is absent into
    memory, whatever their size.

    Raises:
        InputError: a file is missing, damaged, or something else; ``raw_from`` lacks windows of the split.
        StorageError: the store has no room.
    """
    num_dropped: dict[str, int] = {}
    for name in FILE_NAMES.values():
        with open_windows(folder / name) as file:
            num_dropped |= json.loads((file.metadata.metadata or {}).get(_NUM_DROPPED, b"{}"))
    in_order = {reason: num_dropped[reason] for reason in DROPS if reason in num_dropped}
    if raw_from is None:
        roles = {role: read_tensors(folder / name, store) for role, name in FILE_NAMES.items()}
        spec, statistics = roles[ROLES[0]].spec, _read_statistics(folder)
        return SplitWindows(spec=spec, roles=roles, statistics=statistics, num_dropped=in_order)
    with open_windows(raw_from) as file:
        named = read_named(file)
        of_windows = np.full(named.num_rows, UNUSED, dtype=np.int8)
        for index, role in enumerate(ROLES):
            rows = rows_of(read_keys(folder / FILE_NAMES[role]), named)
            if rows is None:
                problem = Problem(path=str(raw_from), expected=f"the windows that {folder} was made of")
                raise InputError("The split is not of these windows", [problem])
            of_windows[rows] = index
        spec = spec_of(file)
        roles = _gather(CheckedParts(file, of_windows, None), named, spec, store)
        return SplitWindows(spec=spec, roles=roles, statistics=None, num_dropped=in_order)


def cut_fold(
    windows_path: Path,
    fold: Fold,
    *,
    normalise: bool = True,
    store: SampleStore | None = None,
    wanted: Collection[str] = ROLES,
) -> SplitWindows:
    """The windows of one fold of a protocol, ready to train on: as :func:`write_splits` would write them.

    Roles that are not ``wanted`` are empty: the keys of their windows are read, so that what they share with others
    leaves those, and no sample of them is used.

    They are read row group by row group. Where they are to be normalised, the training windows are read twice; else all
    stay in sensor units. The samples go into ``store``; where it is absent into memory, whatever their size.

    Raises:
        InputError: the windows cannot be read, or a check failed; every failed check is named.
        StorageError: the store has no room.
    """
    with open_windows(windows_path) as file:
        named, spec, grid, only_in_test = _read_all_but_samples(file)
        assigned = assign_roles(fold, named, grid)
        split = separate(named, assigned, grid, only_in_test=only_in_test)
        subjects = {fold.name: [*fold.training, *fold.validation, *fold.test]}
        role_checks = _require(
            check_named_subjects(subjects, named["subject"].to_pylist()),
            *check_roles(
                named,
                split.roles,
                grid,
                assigned=assigned,
                subjects_apart=fold.subjects_apart,
                validation_required=fold.has_validation,
                training_may_lack=True,
                only_in_test=only_in_test,
            ),
        )
        unwanted = [index for index, role in enumerate(ROLES) if role not in wanted]
        of_windows = np.where(np.isin(split.roles, unwanted), UNUSED, split.roles).astype(np.int8)
        statistics = measure(training_samples(file, of_windows), spec.channel_names) if normalise else None
        parts = CheckedParts(file, of_windows, statistics)
        roles = _gather(parts, named, spec, store)
        checks = _require(*role_checks, *parts.checks())
    return SplitWindows(spec=spec, roles=roles, statistics=statistics, num_dropped=split.num_dropped, checks=checks)


def _read_statistics(folder: Path) -> Statistics:
    path = folder / STATISTICS_FILE_NAME
    try:
        return Statistics.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        problem = Problem(path=str(path), value=str(error), expected="statistics beside the windows")
        raise InputError("The split cannot be read", [problem]) from error


def _read_all_but_samples(file: pq.ParquetFile) -> tuple[pa.Table, DatasetSpec, Grid, int | None]:
    """Names of all windows, their description and grid, and the number of the activity that stands in test alone."""
    spec = spec_of(file)
    is_alone = (file.metadata.metadata or {}).get(b"har.none") == b"test"
    numbers = (number for number, name in enumerate(spec.activities, start=1) if is_alone and name == spec.none)
    only_in_test = next(numbers, None)
    return read_named(file), spec, Grid(length_of(file.schema_arrow), spec.segment_length), only_in_test


def _gather(
    parts: CheckedParts, named: pa.Table, spec: DatasetSpec, store: SampleStore | None
) -> dict[str, WindowTensors]:
    """The windows of each role as tensors (N, T, C); ``named`` has the names of all windows of the file."""
    chosen = {role: parts.roles == index for index, role in enumerate(ROLES)}
    empty = in_memory if store is None else store.empty
    windows = {role: empty(int(chosen[role].sum()), parts.length, spec.num_channels) for role in ROLES}
    num_done = dict.fromkeys(ROLES, 0)
    with freed_memory_kept():
        for part in parts:
            start = num_done[part.role]
            num_done[part.role] = start + len(part)
            into = windows[part.role][start : num_done[part.role]]
            into.view(-1, spec.num_channels).copy_(torch.from_numpy(part.samples).T)
    return {role: tensors_of(named.filter(chosen[role]), windows[role], spec) for role in ROLES}


def _setting(role: str) -> str:
    """Where the experiment file names the subjects of a role."""
    return f"splits.{role}_subjects"


def _as_given(role: str, subjects: Sequence[int] | None) -> str:
    if subjects is None:
        return f"{_setting(role)} is absent, which means every subject without another role"
    return f"{_setting(role)} = {list(subjects)}"


def _require(*checks: Check) -> tuple[Check, ...]:
    require(checks, summary="The windows cannot be split so; nothing was replaced.")
    return checks


def _schema(
    file: pq.ParquetFile, settings: SplitSettings, role: str, subjects: Sequence[int], num_dropped: Mapping[str, int]
) -> pa.Schema:
    """Columns of the windows, in units of the training windows' deviation, and where they come from."""
    inherited = file.metadata.metadata or {}
    own = {reason: number for reason, number in num_dropped.items() if reason.endswith(f"_{role}")}
    metadata = {key: inherited[key] for key in INHERITED_METADATA if key in inherited} | {
        b"har.protocol": settings.protocol.encode(),
        b"har.role": role.encode(),
        b"har.subjects": json.dumps(list(subjects)).encode(),
        _NUM_DROPPED: json.dumps(own).encode(),
    }
    spec = spec_of(file)
    measures = dict.fromkeys(spec.channel_names, "standard deviations from the mean of the training windows")
    return window_schema(spec, length_of(file.schema_arrow), measures=measures).with_metadata(metadata)
