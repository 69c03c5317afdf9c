"""Gets the recordings that an experiment asks for: what ``--data`` names, the archive's copy, or made ones.

What is downloaded or made is kept, with a receipt beside it, and used again as long as it is what the settings ask for.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from har_core.base.errors import InputError, Problem
from har_core.base.files import write_text
from har_core.base.progress import Progress, silent
from har_core.datasets.dsads.download import RetryPolicy, download
from har_core.datasets.dsads.listing import Source, listing_version
from har_core.datasets.dsads.source import open_source
from har_core.settings.source import SourceSettings

_GENERATOR = Path(__file__).with_name("synthetic")


def acquire(
    settings: SourceSettings,
    data: Path | None,
    folder: Path,
    progress: Progress = silent,
    *,
    retry: RetryPolicy | None = None,
) -> Source:
    """Open the recordings, downloading or making them where that is asked for and not yet done.

    Args:
        settings: what to use where ``data`` is None.
        data: directory or zip that takes the place of every kind of source.
        folder: where downloaded and made recordings are kept (``uci.zip``, ``synthetic/``).
        progress: told of bytes downloaded, or files made.
        retry: how patient a download is.

    Raises:
        InputError: there are no recordings, or they do not fit the layout; or the server has none.
        DownloadError: the download failed.
        StorageError: the disk is full.
    """
    if data is not None:
        return open_source(data)
    if settings.kind == "uci":
        return _acquire_download(settings, folder / "uci.zip", progress, retry)
    if settings.kind == "synthetic":
        return _acquire_synthetic(settings, folder / "synthetic", progress)
    raise _no_data()


def source_version(settings: SourceSettings, data: Path | None) -> str:
    """Version of what :func:`acquire` would open, downloading and making nothing.

    The listing of ``data`` where it is given, else what is asked for; independent of where anything lies.

    Raises:
        InputError: there are no recordings at ``data``, or none are asked for.
    """
    if data is not None:
        with open_source(data) as source:
            return listing_version(source)
    if settings.kind == "files":
        raise _no_data()
    request = _download_request(settings) if settings.kind == "uci" else _synthetic_request(settings)
    return hashlib.sha256(_as_json(request).encode()).hexdigest()


def _acquire_download(settings: SourceSettings, path: Path, progress: Progress, retry: RetryPolicy | None) -> Source:
    request = _download_request(settings)
    kept = _open_kept(path, request)
    if kept is not None:
        return kept

    def validate(downloaded: Path) -> None:
        try:
            open_source(downloaded).close()
        except InputError as error:
            # The user knows the address, and nothing of the temporary file.
            problems = [
                replace(problem, path=problem.path.replace(str(downloaded), settings.url)) for problem in error.problems
            ]
            raise InputError(f"{settings.url}: what it serves is no archive of recordings", problems) from error

    download(
        settings.url, path, max_bytes=settings.max_download_bytes, validate=validate, progress=progress, retry=retry
    )
    return _open_new(path, request)


def _acquire_synthetic(settings: SourceSettings, folder: Path, progress: Progress) -> Source:
    # The generator's own source is part of what fits: a better generator makes other recordings of the same seed.
    request = {**_synthetic_request(settings), "generator": _hash_generator()}
    kept = _open_kept(folder, request)
    if kept is not None:
        return kept
    from har_core.datasets.dsads.synthetic.writer import write_recordings  # noqa: PLC0415 - real recordings need no generator

    write_recordings(folder, settings, progress)
    return _open_new(folder, request)


def _open_kept(path: Path, request: dict[str, str | int]) -> Source | None:
    """What was kept at ``path``, if it answers the same request and nobody has touched it since."""
    try:
        receipt = json.loads(_receipt_path(path).read_text(encoding="utf-8"))
        source = open_source(path)
    except (FileNotFoundError, ValueError, InputError):
        return None
    if receipt == {"request": request, "listing": listing_version(source)}:
        return source
    source.close()
    return None


def _open_new(path: Path, request: dict[str, str | int]) -> Source:
    source = open_source(path)
    write_text(_receipt_path(path), _as_json({"request": request, "listing": listing_version(source)}))
    return source


def _receipt_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _download_request(settings: SourceSettings) -> dict[str, str | int]:
    return {"kind": "uci", "url": settings.url}


def _synthetic_request(settings: SourceSettings) -> dict[str, str | int]:
    return {
        "kind": "synthetic",
        "num_subjects": settings.num_subjects,
        "num_segments": settings.num_segments,
        "seed": settings.seed,
    }


def _hash_generator() -> str:
    digest = hashlib.sha256()
    for module in sorted(_GENERATOR.rglob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()


def _as_json(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True)


def _no_data() -> InputError:
    expected = 'a directory or zip of recordings; `kind = "uci"` downloads one, `kind = "synthetic"` makes one'
    return InputError(
        "no recordings: the experiment's source is `files`, and --data names none",
        [Problem(path="--data", expected=expected)],
    )
