"""A look at the source: what is told to Dagster, what becomes stale, and what is read for it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import dagster as dg
import pytest
from narrowing import present

from assets.data.source_files import LISTING, SUMMARY, report_source_version
from assets.graph import build_assets, build_resources
from assets.machinery.keys import RAW_RECORDINGS, SOURCE_FILES
from assets.machinery.lineage import DATA_VERSION_TAG, INPUT_VERSION_TAG, OUTPUTS, history, latest
from har_core.base.errors import InputError
from har_core.base.files import sha256_of_file
from har_core.datasets.dsads.format import Dsads
from har_core.datasets.folders import FolderSource
from har_core.datasets.source import SourceFile
from har_core.settings.experiment import Experiment
from pipelines.staleness import ask

if TYPE_CHECKING:
    from tests.assets.conftest import Graph

NUM_FILES = 3 * 19 * 2
FIRST = "a01/p1/s01.txt"
NO_MANIFEST = "new files, and no manifest to compare them with"
NOTHING_CHANGED = "nothing changed since the last look"


class SourceReport(NamedTuple):
    """What a look at the source left behind."""

    version: str
    is_news: bool
    """Whether the version is another than before, so that ``raw_recordings`` may have become stale."""
    summary: str


def look(graph: Graph, experiment: Experiment | None = None) -> SourceReport:
    before = latest(graph.instance, SOURCE_FILES)
    summary = report_source_version(graph.instance, experiment or graph.experiment, graph.home)
    version = present(latest(graph.instance, SOURCE_FILES)).data_version
    return SourceReport(version=version, is_news=before is None or version != before.data_version, summary=summary)


def num_reports(graph: Graph) -> int:
    return len(list(history(graph.instance, SOURCE_FILES)))


def not_fresh(graph: Graph) -> set[str]:
    statuses = ask(graph.definitions().resolve_asset_graph(), graph.instance, graph.home.root)
    return {str(item) for item, status in statuses.items() if status.state != "fresh"}


def give(graph: Graph, data: Path | None) -> None:
    """As ``--data`` would."""
    graph.home.memory.parent.mkdir(exist_ok=True)
    graph.home.memory.write_text(json.dumps({"data": str(data) if data else None}), encoding="utf-8")


def change_a_digit(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))


@pytest.fixture
def data(graph: Graph) -> Path:
    """The recordings that everything was made from, elsewhere and with other times; given, and not yet looked at."""
    folder = graph.home.root / "recordings"
    shutil.copytree(graph.home.raw / "synthetic", folder, copy_function=shutil.copyfile)
    for path in folder.rglob("*.txt"):
        os.utime(path, ns=(10**18, 10**18))
    give(graph, folder)
    return folder


@pytest.fixture
def were_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every file that was read, in order."""
    read, paths = FolderSource.read, []

    def counted(source: FolderSource, file: SourceFile) -> bytes:
        paths.append(file.path)
        return read(source, file)

    monkeypatch.setattr(FolderSource, "read", counted)
    return paths


@pytest.fixture
def at_home(graph: Graph, data: Path) -> Path:
    """The same where ``raw_recordings`` was made from them, so that the manifest has their times."""
    assert graph.materialise("raw_recordings").success
    assert not_fresh(graph) == set()
    return data


def test_another_copy_is_read_once_and_makes_nothing_stale(graph: Graph, data: Path, were_read: list[str]) -> None:
    (before,) = history(graph.instance, SOURCE_FILES)
    report = look(graph)
    assert report == SourceReport(
        version=before.entry.data_version, is_news=False, summary=f"same content; {NUM_FILES} files read again"
    )
    assert len(were_read) == NUM_FILES
    assert not_fresh(graph) == set()
    assert look(graph) == SourceReport(version=report.version, is_news=False, summary=NOTHING_CHANGED)
    assert (num_reports(graph), len(were_read)) == (2, NUM_FILES)


def test_touched_file_is_the_only_one_read_and_makes_nothing_stale(
    graph: Graph, at_home: Path, were_read: list[str]
) -> None:
    before = num_reports(graph)
    (at_home / FIRST).touch()
    report = look(graph)
    assert (report.is_news, report.summary) == (False, "same content; 1 file read again")
    assert were_read == [FIRST]
    assert not_fresh(graph) == set()
    assert look(graph).summary == NOTHING_CHANGED
    assert (num_reports(graph), were_read) == (before + 1, [FIRST])


def test_other_content_is_news_until_it_is_as_before(graph: Graph, at_home: Path) -> None:
    original = (at_home / FIRST).read_bytes()
    version = look(graph).version
    change_a_digit(at_home / FIRST)
    shutil.copy(at_home / FIRST, at_home / "a01/p1/s03.txt")
    report = look(graph)
    assert report.is_news
    assert report.summary == f"1 file changed, 1 added: {FIRST}, a01/p1/s03.txt"
    assert report.version != version
    told = graph.latest("source_files")
    assert present(told.tags)[DATA_VERSION_TAG] == report.version
    listing = Dsads().source_version(graph.experiment.source, at_home)
    assert {name: told.metadata[name].value for name in (SUMMARY, LISTING, "location")} == {
        SUMMARY: report.summary,
        LISTING: listing,
        "location": str(at_home),
    }
    assert "raw_recordings" in not_fresh(graph)
    assert look(graph) == SourceReport(version=report.version, is_news=False, summary=NOTHING_CHANGED)

    (at_home / "a01/p1/s03.txt").unlink()
    assert look(graph).summary == f"1 file changed: {FIRST}"
    (at_home / FIRST).write_bytes(original)
    assert look(graph) == SourceReport(version=version, is_news=True, summary="same content; 1 file read again")
    assert not_fresh(graph) == set()


def ingest_unseen(graph: Graph) -> None:
    """Run ``raw_recordings`` without a look at the source."""
    assert dg.materialize(
        build_assets(graph.experiment),
        instance=graph.instance,
        resources=build_resources(graph.home),
        selection=[RAW_RECORDINGS],
    ).success


def test_what_changed_between_the_look_and_the_ingestion_is_no_news_afterwards(graph: Graph, data: Path) -> None:
    change_a_digit(data / FIRST)
    seen = look(graph)
    kept = shutil.copy2(data / FIRST, graph.home.root)
    change_a_digit(data / FIRST)
    ingest_unseen(graph)
    assert look(graph) == SourceReport(version=seen.version, is_news=False, summary="same content")
    assert "raw_recordings" not in not_fresh(graph)

    shutil.copy2(kept, data / FIRST)  # the listing is the one of the version that the other content was ingested as
    report = look(graph)
    assert (report.is_news, report.summary) == (True, f"1 file changed: {FIRST}")
    assert "raw_recordings" in not_fresh(graph)


def _lose(graph: Graph) -> None:
    graph.home.manifest.unlink()


def _garble(graph: Graph) -> None:
    graph.home.manifest.write_bytes(b"PAR1 and no more")


def _record_garbled(graph: Graph) -> None:
    _garble(graph)
    _record_manifest(graph)


def _forget_what_it_was_made_from(graph: Graph) -> None:
    _record_manifest(graph, inputs={})


def _record_manifest(graph: Graph, inputs: dict[str, str] | None = None) -> None:
    """As if ``raw_recordings`` had written the manifest as it lies there."""
    (made, *_) = history(graph.instance, RAW_RECORDINGS)
    outputs = made.entry.outputs | {"data/raw/manifest.parquet": sha256_of_file(graph.home.manifest)}
    tags = {
        f"{INPUT_VERSION_TAG}{name}": version for name, version in (made.inputs if inputs is None else inputs).items()
    }
    graph.instance.report_runless_asset_event(
        dg.AssetMaterialization(
            RAW_RECORDINGS,
            tags={DATA_VERSION_TAG: made.entry.data_version, **tags},
            metadata={OUTPUTS: dg.MetadataValue.json(outputs)},
        )
    )


@pytest.mark.parametrize("spoil", [_lose, _garble, _record_garbled, _forget_what_it_was_made_from])
def test_without_the_manifest_every_file_counts_as_new(
    graph: Graph, data: Path, were_read: list[str], spoil: Callable[[Graph], None]
) -> None:
    spoil(graph)
    listing = Dsads().source_version(graph.experiment.source, data)
    assert look(graph) == SourceReport(version=listing, is_news=True, summary=NO_MANIFEST)
    assert were_read == []
    assert num_reports(graph) == 2


def test_source_that_is_gone_is_refused_and_nothing_is_told(graph: Graph, data: Path) -> None:
    shutil.rmtree(data)
    with pytest.raises(InputError, match="no recordings here"):
        look(graph)
    assert num_reports(graph) == 1


def test_what_is_asked_for_counts_where_nothing_is_given(empty_graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dsads, "open", None)
    report = look(empty_graph)
    assert (report.is_news, report.summary) == (True, "the experiment file asks for synthetic recordings")
    assert look(empty_graph) == SourceReport(version=report.version, is_news=False, summary=NOTHING_CHANGED)
    assert num_reports(empty_graph) == 1
    more = empty_graph.experiment.source.model_copy(update={"seed": 7})
    other = empty_graph.experiment.model_copy(update={"source": more})
    assert look(empty_graph, other).is_news


def test_what_is_asked_for_counts_again_once_nothing_is_given(graph: Graph, at_home: Path) -> None:
    version = look(graph).version
    change_a_digit(at_home / FIRST)
    assert look(graph).is_news
    assert graph.materialise("raw_recordings").success
    give(graph, None)
    assert (look(graph).version, look(graph).is_news) == (version, False)
    assert "raw_recordings" in not_fresh(graph)
