"""Gets the recordings that an experiment asks for: what ``--data`` names, the downloaded archive, or synthetic ones.

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
from har_core.datasets.dsads.download import download
from har_core.datasets.dsads.listing import Source, listing_version
from har_core.datasets.dsads.source import open_source
from har_core.settings.source import SourceSettings

_GENERATOR = Path(__file__).with_name("synthetic")


def acquire(settings: SourceSettings, data: Path | None, folder: Path, progress: Progress = silent) -> Source:
    """Open the recordings; download or make them first if need be.

    Args:
        settings: what to use if ``data`` is None, and the activities to choose in any case.
        data: directory or zip that takes the place of every kind of source.
        folder: where downloaded and synthetic recordings are kept (``uci.zip``, ``synthetic/``).
        progress: called with bytes downloaded, or files made.

    Raises:
        InputError: there are no recordings, or they do not fit the layout; or the server has none.
        DownloadError: the download failed.
        StorageError: the disk is full.
    """
    source = open_source(data) if data is not None else _acquire(settings, folder, progress)
    return source.choose(settings.activities)


def _acquire(settings: SourceSettings, folder: Path, progress: Progress) -> Source:
    """All that is downloaded or made, whatever activities are chosen of it."""
    request = _request(settings)
    path = folder / ("uci.zip" if settings.kind == "uci" else "synthetic")
    receipt = path.with_name(f"{path.name}.json")
    if settings.kind == "synthetic":  # a changed generator makes other recordings of the same seed
        request["generator"] = _hash_generator()
    kept = _open_kept(path, receipt, request)
    if kept is not None:
        return kept
    if settings.kind == "uci":
        _download(settings, path, progress)
    else:
        from har_core.datasets.dsads.synthetic.writer import write_recordings  # noqa: PLC0415 - real recordings need no generator

        write_recordings(path, settings, progress)
    source = open_source(path)
    write_text(receipt, _as_json({"request": request, "listing": listing_version(source)}))
    return source


def source_version(settings: SourceSettings, data: Path | None) -> str:
    """Version of what :func:`acquire` would open, downloading and making nothing.

    It is the version of the listing of ``data``, else of what the settings ask for; it does not depend on where
    anything lies.

    Raises:
        InputError: there are no recordings at ``data``, or none are asked for.
    """
    if data is None:
        chosen = {} if settings.activities is None else {"activities": sorted(settings.activities)}
        return hashlib.sha256(_as_json({**_request(settings), **chosen}).encode()).hexdigest()
    with open_source(data) as source:
        return listing_version(source.choose(settings.activities))


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


def _open_kept(path: Path, receipt: Path, request: dict[str, str | int]) -> Source | None:
    """What is kept at ``path``, if it was made for the same request and has not changed since."""
    try:
        received = json.loads(receipt.read_text(encoding="utf-8"))
        source = open_source(path)
    except (FileNotFoundError, ValueError, InputError):
        return None
    if received == {"request": request, "listing": listing_version(source)}:
        return source
    source.close()
    return None


def _download(settings: SourceSettings, path: Path, progress: Progress) -> None:
    def validate(downloaded: Path) -> None:
        try:
            open_source(downloaded).close()
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
