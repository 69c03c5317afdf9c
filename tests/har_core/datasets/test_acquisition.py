from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from har_core.base.errors import InputError
from har_core.base.progress import Progress
from har_core.datasets.dsads.format import Dsads
from har_core.datasets.dsads.synthetic import writer
from har_core.datasets.origin import SYNTHETIC_MARKER
from har_core.settings.source import SourceSettings

if TYPE_CHECKING:
    from tests.har_core.datasets.conftest import WriteFiles

SYNTHETIC = SourceSettings(kind="synthetic", num_subjects=1, num_segments=1)


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A folder on disk and its address."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"data/{name}", content)
    return buffer.getvalue()


@pytest.fixture
def count_made(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How often recordings were made."""
    calls, write_recordings = [], writer.write_recordings

    def counted(folder: Path, settings: SourceSettings, progress: Progress) -> None:
        calls.append(folder)
        write_recordings(folder, settings, progress)

    monkeypatch.setattr(writer, "write_recordings", counted)
    return lambda: len(calls)


# --- What --data names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["files", "uci", "synthetic"])
def test_data_takes_the_place_of_every_kind(
    tmp_path: Path, whole_set: dict[str, bytes], write_files: WriteFiles, kind: Literal["files", "uci", "synthetic"]
) -> None:
    write_files(tmp_path / "data", whole_set)
    settings = SourceSettings(kind=kind)
    with Dsads().acquire(settings, tmp_path / "data", tmp_path / "raw") as source:
        assert source.location == tmp_path / "data"
        assert len(source.files) == len(whole_set)
    assert not (tmp_path / "raw").exists()
    versions = {Dsads().source_version(each, tmp_path / "data") for each in (settings, SourceSettings())}
    assert len(versions) == 1


def test_without_data_files_are_nowhere(tmp_path: Path) -> None:
    settings = SourceSettings(kind="files")
    with pytest.raises(InputError, match="--data"):
        Dsads().acquire(settings, None, tmp_path)
    with pytest.raises(InputError, match="--data"):
        Dsads().source_version(settings, None)


# --- The archive ------------------------------------------------------------------------------------------------------


def test_the_archive_is_downloaded_once(tmp_path: Path, served: tuple[Path, str], whole_set: dict[str, bytes]) -> None:
    folder, address = served
    (folder / "a.zip").write_bytes(zipped(whole_set))
    settings = SourceSettings(kind="uci", url=f"{address}/a.zip")
    told = []
    with Dsads().acquire(settings, None, tmp_path / "raw", lambda *step: told.append(step)) as source:
        assert {file.path.removeprefix("data/"): source.read(file) for file in source.files} == whole_set
    assert told[-1][0] == "bytes downloaded"
    (folder / "a.zip").unlink()
    with Dsads().acquire(settings, None, tmp_path / "raw") as again:
        assert again.files == source.files
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == ["uci.zip", "uci.zip.json"]


@pytest.mark.parametrize("cause", ["another address", "altered", "removed", "no receipt"])
def test_an_archive_that_does_not_fit_is_downloaded_again(
    tmp_path: Path, served: tuple[Path, str], whole_set: dict[str, bytes], cause: str
) -> None:
    folder, address = served
    (folder / "a.zip").write_bytes(zipped(whole_set))
    (folder / "b.zip").write_bytes(zipped({path: whole_set[path] for path in list(whole_set)[:3]}))
    Dsads().acquire(SourceSettings(kind="uci", url=f"{address}/a.zip"), None, tmp_path / "raw").close()
    name = "a.zip"
    if cause == "another address":
        name = "b.zip"
    elif cause == "altered":
        (tmp_path / "raw/uci.zip").write_bytes((folder / "b.zip").read_bytes())
    elif cause == "removed":
        (tmp_path / "raw/uci.zip").unlink()
    else:
        (tmp_path / "raw/uci.zip.json").unlink()
    Dsads().acquire(SourceSettings(kind="uci", url=f"{address}/{name}"), None, tmp_path / "raw").close()
    assert (tmp_path / "raw/uci.zip").read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize("content", [b"<html>Sorry</html>", zipped({"readme": b""}), zipped({"a20/p1/s01.txt": b""})])
def test_what_is_no_archive_of_recordings_is_refused(
    tmp_path: Path, served: tuple[Path, str], whole_set: dict[str, bytes], content: bytes
) -> None:
    folder, address = served
    settings = SourceSettings(kind="uci", url=f"{address}/a.zip")
    right = zipped(whole_set)
    (folder / "a.zip").write_bytes(right)
    Dsads().acquire(settings, None, tmp_path / "raw").close()
    (tmp_path / "raw/uci.zip.json").unlink()
    (folder / "a.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.zip: this is no archive of recordings") as caught:
        Dsads().acquire(settings, None, tmp_path / "raw")
    assert all(problem.path.startswith(settings.url) for problem in caught.value.problems)
    assert (tmp_path / "raw/uci.zip").read_bytes() == right


def test_an_archive_that_is_too_large_is_refused(
    tmp_path: Path, served: tuple[Path, str], whole_set: dict[str, bytes]
) -> None:
    folder, address = served
    (folder / "a.zip").write_bytes(zipped(whole_set))
    settings = SourceSettings(kind="uci", url=f"{address}/a.zip", max_download_bytes=1000)
    with pytest.raises(InputError, match="max_download_bytes"):
        Dsads().acquire(settings, None, tmp_path / "raw")


# --- Made recordings --------------------------------------------------------------------------------------------------


def test_recordings_are_made_once(tmp_path: Path, count_made: Callable[[], int]) -> None:
    with Dsads().acquire(SYNTHETIC, None, tmp_path) as source:
        assert (len(source.files), source.origin) == (19, "synthetic")
    with Dsads().acquire(SYNTHETIC, None, tmp_path) as again:
        assert again.files == source.files
    assert count_made() == 1


@pytest.mark.parametrize("cause", ["settings", "altered", "removed", "no receipt", "generator"])
def test_recordings_that_do_not_fit_are_made_again(
    tmp_path: Path, count_made: Callable[[], int], monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    settings = SYNTHETIC
    with Dsads().acquire(settings, None, tmp_path) as source:
        first = source.read(source.files[0])
    if cause == "settings":
        settings = SYNTHETIC.model_copy(update={"seed": 7})
    elif cause == "altered":
        (tmp_path / "synthetic/a05/p1/s01.txt").write_bytes(b"1\n")
    elif cause == "removed":
        (tmp_path / "synthetic/a05/p1/s01.txt").unlink()
    elif cause == "no receipt":
        (tmp_path / "synthetic.json").write_text("{")
    else:
        (tmp_path / "generator").mkdir()
        monkeypatch.setattr(Dsads, "generator", tmp_path / "generator")
    with Dsads().acquire(settings, None, tmp_path) as again:
        assert len(again.files) == 19
        assert (again.read(again.files[0]) == first) == (cause != "settings")
    assert count_made() == 2


def test_a_generator_that_fails_leaves_what_was_made_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Dsads().acquire(SYNTHETIC, None, tmp_path).close()

    def fail(what: str, num_done: int, num_total: int) -> None:
        if num_done:
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        Dsads().acquire(SYNTHETIC.model_copy(update={"seed": 1}), None, tmp_path, fail)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["synthetic", "synthetic.json"]
    monkeypatch.setattr(writer, "write_recordings", fail)
    assert len(Dsads().acquire(SYNTHETIC, None, tmp_path).files) == 19
    assert (tmp_path / "synthetic" / SYNTHETIC_MARKER).exists()


# --- Versions ---------------------------------------------------------------------------------------------------------


def test_the_version_of_what_is_not_there_yet_is_what_is_asked_for(tmp_path: Path) -> None:
    settings = [
        SYNTHETIC,
        SYNTHETIC.model_copy(update={"seed": 1}),
        SYNTHETIC.model_copy(update={"num_subjects": 2}),
        SYNTHETIC.model_copy(update={"num_segments": 2}),
        SourceSettings(kind="uci"),
        SourceSettings(kind="uci", url="http://elsewhere/a.zip"),
    ]
    versions = [Dsads().source_version(each, None) for each in settings]
    assert len(set(versions)) == len(settings)
    Dsads().acquire(SYNTHETIC, None, tmp_path).close()
    assert Dsads().source_version(SYNTHETIC.model_copy(update={"url": "http://elsewhere"}), None) == versions[0]


def test_the_version_of_data_is_its_listing(
    tmp_path: Path, whole_set: dict[str, bytes], write_files: WriteFiles
) -> None:
    write_files(tmp_path, whole_set)
    before = Dsads().source_version(SYNTHETIC, tmp_path)
    write_files(tmp_path, {"a01/p1/s02.txt": b""})
    assert Dsads().source_version(SYNTHETIC, tmp_path) != before


def test_activities_are_chosen_of_whatever_source(tmp_path: Path) -> None:
    """All are made once, and serve every choice."""
    chosen = Dsads(["jumping", "sitting"])
    with chosen.acquire(SYNTHETIC, None, tmp_path / "kept") as made:
        assert [file.name.session for file in made.files] == [1, 18]
        assert len(made.not_chosen) == 17
    with Dsads().acquire(SYNTHETIC, None, tmp_path / "kept") as kept:
        given = chosen.acquire(SYNTHETIC, kept.location, tmp_path)
        assert len(kept.files) == 19
        assert given.files == made.files


def test_the_choice_of_activities_counts_and_what_is_left_out_does_not(tmp_path: Path) -> None:
    whole, chosen, other_order = Dsads(), Dsads(["sitting", "jumping"]), Dsads(["jumping", "sitting"])
    Dsads().acquire(SYNTHETIC, None, tmp_path).close()
    made = tmp_path / "synthetic"
    for data in (None, made):
        versions = [dataset.source_version(SYNTHETIC, data) for dataset in (whole, chosen, other_order)]
        assert versions[0] != versions[1] == versions[2]
    before = chosen.source_version(SYNTHETIC, made)
    (made / "a02/p1/s01.txt").unlink()
    assert chosen.source_version(SYNTHETIC, made) == before
