"""Gets recordings that no ``--data`` names: the downloaded archive, or synthetic ones.

Downloaded and synthetic recordings are kept, each with a receipt beside it, and used again as long as they are what the
settings ask for.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from har_core.base.errors import InputError, Problem
from har_core.base.files import write_text
from har_core.base.progress import Progress, silent
from har_core.datasets.download import download
from har_core.datasets.opening import open_source
from har_core.datasets.source import Naming, Source, listing_version
from har_core.settings.source import SourceSettings

_GENERATOR = Path(__file__).with_name("synthetic")


def acquire(settings: SourceSettings, naming: Naming, folder: Path, progress: Progress = silent) -> Source:
    """Open the recordings, all activities of them; download or make them first if need be.

    Args:
        settings: what to download or make.
        naming: of the files.
        folder: where downloaded and synthetic recordings are kept (``uci.zip``, ``synthetic/``).
        progress: called with bytes downloaded, or files made.

    Raises:
        InputError: only ``--data`` may name recordings, the server has none, or they do not fit the layout.
        DownloadError: the download failed.
        StorageError: the disk is full.
    """
    request = _request(settings)
    path = folder / ("uci.zip" if settings.kind == "uci" else "synthetic")
    receipt = path.with_name(f"{path.name}.json")
    if settings.kind == "synthetic":  # a changed generator makes other recordings of the same seed
        request["generator"] = _hash_generator()
    kept = _open_kept(path, naming, receipt, request)
    if kept is not None:
        return kept
    if settings.kind == "uci":
        _download(settings, naming, path, progress)
    else:
        from har_core.datasets.dsads.synthetic.writer import write_recordings  # noqa: PLC0415 - real recordings need no generator

        write_recordings(path, settings, progress)
    source = open_source(path, naming)
    write_text(receipt, _as_json({"request": request, "listing": listing_version(source)}))
    return source


def request_version(settings: SourceSettings) -> str:
    """Version of what :func:`acquire` would open, downloading and making nothing.

    Raises:
        InputError: nothing is asked for.
    """
    return hashlib.sha256(_as_json(_request(settings)).encode()).hexdigest()


def _request(settings: SourceSettings) -> dict[str, str | int]:
    """What the settings ask for; an error if it is only what ``--data`` names."""
    if settings.kind == "uci":
        return {"kind": "uci", "url": settings.url}
    if settings.kind == "synthetic":
        return {"kind": "synthetic", **settings.model_dump(include={"num_subjects", "num_segments", "seed"})}
    expected = 'a directory or zip of recordings; `kind = "uci"` downloads one, `kind = "synthetic"` makes one'
    raise InputError(
        "no recordings: the experiment's source is `files`, and --data names none",
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


def _hash_generator() -> str:
    sources = (module.read_bytes() for module in sorted(_GENERATOR.rglob("*.py")))
    return hashlib.sha256(b"".join(sources)).hexdigest()


def _as_json(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True)
