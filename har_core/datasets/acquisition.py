"""Gets recordings that no ``--data`` names: the downloaded archive, or synthetic ones.

Downloaded and synthetic recordings are kept, each with a receipt beside it, and used again as long as they are what the
settings ask for.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from har_core.base.errors import InputError, Problem
from har_core.base.files import write_text
from har_core.base.progress import Progress, silent
from har_core.datasets.download import download
from har_core.datasets.opening import open_source
from har_core.datasets.source import Naming, Source, listing_version
from har_core.settings.source import SourceSettings
from har_core.spec.dataset import DatasetSpec


class Obtainable(Protocol):
    """What of a data set (:class:`har_core.datasets.dataset.Dataset`) says how to get its recordings."""

    spec: DatasetSpec
    naming: Naming
    generator: Path | None
    is_at_uci: bool

    def make(self, folder: Path, settings: SourceSettings, progress: Progress) -> None:
        """Write synthetic recordings."""


def acquire(dataset: Obtainable, settings: SourceSettings, folder: Path, progress: Progress = silent) -> Source:
    """Open the recordings, all activities of them; download or make them first if need be.

    Args:
        dataset: whose recordings.
        settings: what to download or make.
        folder: where downloaded and synthetic recordings are kept (``uci.zip``, ``synthetic/``).
        progress: called with bytes downloaded, or files made.

    Raises:
        InputError: only ``--data`` may name recordings, nobody can make or download these, the server has none, or they
            do not fit the layout.
        DownloadError: the download failed.
        StorageError: the disk is full.
    """
    request, naming = _request(dataset, settings), dataset.naming
    path = folder / ("uci.zip" if settings.kind == "uci" else "synthetic")
    receipt = path.with_name(f"{path.name}.json")
    if settings.kind == "synthetic":  # a changed generator makes other recordings of the same seed
        request["generator"] = _hash_sources(dataset.generator)
    kept = _open_kept(path, naming, receipt, request)
    if kept is not None:
        return kept
    if settings.kind == "uci":
        _download(settings, naming, path, progress)
    else:
        dataset.make(path, settings, progress)
    source = open_source(path, naming)
    write_text(receipt, _as_json({"request": request, "listing": listing_version(source)}))
    return source


def request_version(dataset: Obtainable, settings: SourceSettings) -> str:
    """Version of what :func:`acquire` would open, downloading and making nothing.

    Raises:
        InputError: nothing is asked for.
    """
    return hashlib.sha256(_as_json(_request(dataset, settings)).encode()).hexdigest()


def _request(dataset: Obtainable, settings: SourceSettings) -> dict[str, str | int]:
    """What the settings ask for; an error if it is only what ``--data`` names, or what nobody can get."""
    if settings.kind == "uci" and dataset.is_at_uci:
        return {"kind": "uci", "url": settings.url}
    if settings.kind == "synthetic" and dataset.generator is not None:
        made_from = settings.model_dump(include={"num_subjects", "num_segments", "seed"})
        return {"kind": "synthetic", "dataset": dataset.spec.name, **made_from}
    ways = ['`kind = "uci"` downloads one'] if dataset.is_at_uci else []
    ways += ['`kind = "synthetic"` makes one'] if dataset.generator is not None else []
    expected = "; ".join([f"a directory or zip of {dataset.naming.expectation}", ", ".join(ways)]).removesuffix("; ")
    raise InputError(
        f"no recordings of {dataset.spec.name}: the experiment's source is `{settings.kind}`, and --data names none",
        [Problem(path="--data", expected=expected)],
    )


def _open_kept(path: Path, naming: Naming, receipt: Path, request: dict[str, str | int]) -> Source | None:
    """What is kept at ``path``, if it was made for the same request and has not changed since."""
    try:
        received = json.loads(receipt.read_text(encoding="utf-8"))
        source = open_source(path, naming)
    except (FileNotFoundError, ValueError, InputError):
        return None
    if received == {"request": request, "listing": listing_version(source)}:
        return source
    source.close()
    return None


def _download(settings: SourceSettings, naming: Naming, path: Path, progress: Progress) -> None:
    def validate(downloaded: Path) -> None:
        try:
            open_source(downloaded, naming).close()
        except InputError as error:  # the user knows the address, and nothing of the temporary file
            problems = [
                replace(problem, path=problem.path.replace(str(downloaded), settings.url)) for problem in error.problems
            ]
            raise InputError(f"{settings.url}: this is no archive of recordings", problems) from error

    download(settings.url, path, max_bytes=settings.max_download_bytes, validate=validate, progress=progress)


def _hash_sources(folder: Path | None) -> str:
    sources = () if folder is None else (module.read_bytes() for module in sorted(folder.rglob("*.py")))
    return hashlib.sha256(b"".join(sources)).hexdigest()


def _as_json(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True)
