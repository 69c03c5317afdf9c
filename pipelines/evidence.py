"""What can still be shown of a materialisation: that both records agree, and that its files are the ones it wrote."""

from __future__ import annotations

import os.path
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dagster import DagsterInstance

from assets.machinery.lineage import Remembered, history
from assets.resources.home import Home
from assets.resources.memory import recall
from assets.resources.store import RUN_TAG, RecordedRun
from har_core.base.errors import InputError, counted
from har_core.base.files import sha256_of_file
from har_core.datasets.catalogue import find_dataset
from har_core.datasets.changes import compare
from har_core.datasets.manifest import Manifest, read_manifest
from har_core.datasets.source import SourceFile
from pipelines.links import LinkCheck, Verdict, differs, same, unverifiable, verified

GONE = "not there any more"


def record_checks(made: Remembered, run: RecordedRun | None) -> list[LinkCheck]:
    """Whether MLflow and Dagster say the same of one materialisation."""
    if run is None:
        return [unverifiable("MLflow run", "MLflow has no run of this id", GONE)]
    tags, names = run.tags, ", ".join(made.inputs) or "nothing"
    told, noted = (", ".join(map(" ".join, sorted(inputs.items()))) for inputs in (run.upstream, made.inputs))
    return [
        same("Dagster run", tags.get(RUN_TAG, ""), made.run_id),
        same("data version", tags.get("har.data_version", ""), made.entry.data_version),
        same("code version", tags.get("har.code_version", ""), made.code_version),
        verified("made from", f"{names}: both agree") if told == noted else same("made from", told, noted),
    ]


def records_check(made: Remembered, run: RecordedRun | None) -> LinkCheck:
    """:func:`record_checks` as one."""
    checks = record_checks(made, run)
    for check in checks:
        if check.verdict != Verdict.VERIFIED:
            return LinkCheck("records", f"{check.what}: {check.detail}", check.verdict, check.reason)
    return verified("records", "MLflow and Dagster say the same")


def files_check(instance: DagsterInstance, home: Home, made: Remembered) -> LinkCheck:
    """Whether the files that a materialisation wrote lie there as it wrote them."""
    outputs, key = made.entry.outputs, made.entry.key
    replaced = {path for later in history(instance, key, after=made.number) for path in later.entry.outputs}
    missing = [path for path in outputs if not (home.root / path).is_file()]
    others = [path for path in outputs if path not in missing and sha256_of_file(home.root / path) != outputs[path]]
    altered = [path for path in others if path not in replaced]
    if altered:
        return differs("files", _told(altered, outputs, " altered"))
    if others:
        return unverifiable("files", _told(others, outputs, " written anew"), "replaced since")
    if missing:
        return unverifiable("files", _told(missing, outputs), "missing")
    folder = os.path.commonpath([os.path.dirname(path) for path in outputs])  # noqa: PTH120 - no path on disk
    return verified("files", f"{counted(len(outputs), 'file')} in {folder or 'the home'}")


def content_check(home: Home, made: Remembered) -> LinkCheck:
    """Whether the manifest's rows come to the data version of ``raw_recordings``."""
    if not _has_manifest_of(home, made):
        return unverifiable("content", "its manifest is not on disk any more", "no manifest")
    try:
        version = read_manifest(home.manifest).content_version
    except InputError:
        return unverifiable("content", "its manifest was written by another version of har", "no manifest")
    if version == made.entry.data_version:
        return verified("content", f"{version}, hashed from the manifest")
    return differs("content", f"the manifest comes to {version}")


def source_check(home: Home, made: Remembered, told: str) -> LinkCheck:
    """Whether the source's files are those of the manifest of ``raw_recordings``, which ``made`` is.

    ``told`` is where the source was then: a path, or the kind of what was downloaded or made.
    """
    if not _has_manifest_of(home, made):
        return unverifiable("files", "its manifest is not on disk any more", "no manifest")
    location = recall(home).data_location or {"uci": home.raw / "uci.zip", "synthetic": home.raw / "synthetic"}.get(
        told, Path(told)
    )
    place = location.relative_to(home.root) if location.is_relative_to(home.root) else location
    try:
        manifest = read_manifest(home.manifest)
    except InputError:
        return unverifiable("files", str(place), "cannot be read")
    return compared(manifest, location, str(place))


def compared(
    manifest: Manifest, location: Path, place: str, *, chosen: Callable[[SourceFile], bool] = lambda _: True
) -> LinkCheck:
    """Whether the files at ``location`` are those of a manifest; ``place`` is how that is told.

    ``chosen`` says which of the files there count.
    """
    try:
        # By content alone: markers of change are for who wants a quick answer.
        unmarked = replace(manifest, rows=tuple(replace(row, marker="") for row in manifest.rows))
        dataset = find_dataset(manifest.reference, relative_to=Path()).asking_for(manifest.asked_for)
        with dataset.open(location) as source:
            changes = compare(dataset, source.choose(chosen), unmarked)
    except InputError:
        return unverifiable("files", place, GONE if not location.exists() else "cannot be read")
    if changes.is_empty:
        return verified("files", f"{counted(len(manifest.rows), 'file')} in {place}")
    return differs("files", f"{changes}, in {place}")


def _has_manifest_of(home: Home, made: Remembered) -> bool:
    recorded = made.entry.outputs.get(home.manifest.relative_to(home.root).as_posix())
    return home.manifest.is_file() and sha256_of_file(home.manifest) == recorded


def _told(some: Sequence[str], outputs: Mapping[str, str], what: str = "") -> str:
    """``2 of 3 files altered: data/a.parquet …``."""
    share = "1 file" if len(outputs) == 1 else f"{len(some)} of {len(outputs)} files"
    return f"{share}{what}: {some[0]}{' …' if len(some) > 1 else ''}"
