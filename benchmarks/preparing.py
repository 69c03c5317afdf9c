"""From text files to windows, and from windows to normalised tensors, beside the plain way: pandas."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import plain
from measure import Case, Once, Options, Way

from har_core.audit.defects import find_defects
from har_core.base.progress import silent
from har_core.datasets.dsads.format import Dsads
from har_core.datasets.ingested import read_ingested
from har_core.datasets.manifest import ingest
from har_core.settings.audit import AuditSettings
from har_core.settings.splits import SplitSettings
from har_core.splits.build import cut_fold, read_splits, write_splits
from har_core.splits.protocols import folds
from har_core.windows import segment
from har_core.windows.dataset import write_windows
from har_core.windows.tensors import read_keys

LENGTH = 125


def cases(options: Options) -> list[Case]:
    """Files in the page cache; what is written goes there too. The plain way checks, hashes and writes nothing."""
    archive = options.scratch / "recordings.zip"
    return [
        _case(
            "unpacked text to windows",
            plain=lambda: lambda: _done(plain.read_folder(options.data)),
            limit=lambda: lambda: _done([file.read_bytes() for file in sorted(options.data.glob("a*/p*/s*.txt"))]),
            ours=partial(_to_windows, options.data, options.scratch / "unpacked"),
        ),
        _case(
            "zip to windows",
            plain=partial(_after, partial(_zip, options.data, archive), lambda: _done(plain.read_zip(archive))),
            ours=partial(_after, partial(_zip, options.data, archive), _to_windows(archive, options.scratch / "zip")),
        ),
        Case(name="audit", unit="s", ways=(Way(name="ours", prepare=partial(_audit, options)),)),
        _case(
            "windows to normalised tensors",
            plain=partial(_load_plainly, options),
            fold=partial(_cut_fold, options),
            split=partial(_read_split, options),
        ),
    ]


def _case(name: str, **ways: Callable[[], Once]) -> Case:
    return Case(
        name=name,
        unit="s",
        ways=tuple(Way(name=way, prepare=prepare, process=way) for way, prepare in ways.items()),
        reference="plain",
    )


def _done(_result: object) -> float:
    return 1.0


def _after(first: Callable[[], object], then: Once) -> Once:
    first()
    return then


def _zip(folder: Path, path: Path) -> None:
    """Pack a folder as the archive of the real recordings is packed, once."""
    if path.exists():
        return
    partial_path = path.with_suffix(".part")
    with zipfile.ZipFile(partial_path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.glob("a*/p*/s*.txt")):
            archive.write(file, Path("data") / file.relative_to(folder))
    partial_path.rename(path)


def _to_windows(source: Path, folder: Path) -> Once:
    """Read, check, hash and parse every file; write manifest, recordings and windows."""

    def once() -> float:
        folder.mkdir(exist_ok=True)
        recordings = folder / "recordings.arrow"
        dataset = Dsads()
        with dataset.open(source) as opened:
            manifest = folder / "manifest.parquet"
            ingest(dataset, opened, manifest_path=manifest, recordings_path=recordings, progress=silent)
        write_windows(segment(read_ingested(recordings), length=LENGTH, overlap=0.0), folder / "windows.parquet")
        return 1.0

    return once


def _prepared(options: Options) -> Path:
    """Windows of all recordings; made once."""
    folder = options.scratch / "prepared"
    if not (folder / "windows.parquet").exists():
        _to_windows(options.data, folder)()
    return folder


def _audit(options: Options) -> Once:
    recordings = read_ingested(_prepared(options) / "recordings.arrow")
    return lambda: _done(find_defects(recordings, recordings.spec, AuditSettings(), silent))


def _subjects(options: Options) -> list[int]:
    return sorted(set(read_keys(_prepared(options) / "windows.parquet")["subject"].to_pylist()))


def _load_plainly(options: Options) -> Once:
    path = _prepared(options) / "windows.parquet"
    return lambda: _done(plain.load_windows(path, tuple(_subjects(options)[:-2])))


def _cut_fold(options: Options) -> Once:
    """As the folds of a protocol do it: windows in sensor units, normalised on the way."""
    path, fold = _prepared(options) / "windows.parquet", folds("loso", _subjects(options))[0]
    return lambda: _done(cut_fold(path, fold))


def _read_split(options: Options) -> Once:
    """As the models do it: a split that was normalised when it was written."""
    folder, subjects = options.scratch / "split", _subjects(options)
    settings = SplitSettings(validation_subjects=(subjects[-2],), test_subjects=(subjects[-1],))
    write_splits(_prepared(options) / "windows.parquet", settings, folder)
    return lambda: _done(read_splits(folder))
