"""From any figure of a model or a fold one gets to its MLflow run, and no address becomes a link that is none."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from narrowing import present
from transferred_models import transfer_entry

from har_core.report.build import Report, build_report
from har_core.report.fold_rows import fold_rows
from har_core.report.honest import view_folds
from har_core.report.inputs import DataRun, FoldEntry, ReportEntry, ReportInputs, TransferEntry

if TYPE_CHECKING:
    from tests.har_core.report.conftest import Page

ARCHITECTURES = ("cnn", "lstm", "extra_trees")
NAMES = {"cnn": "CNN", "lstm": "LSTM", "extra_trees": "Extra trees"}
PROTOCOLS = ("loso", "pairs", "leaky")
SCORE = re.compile(r"[01]\.\d{2,4}")
NO_WEB_LINKS = (None, "javascript:alert(1)", "file:///home/mlruns/1/2", "data:text/html,x")


def with_urls(given: ReportInputs, of_run: str | None, of_version: str | None) -> ReportInputs:
    """``given`` with these addresses everywhere."""
    return replace(
        given,
        entries=tuple(replace(e, mlflow_run_url=of_run, registered_model_url=of_version) for e in given.entries),
        folds=tuple(replace(entry, mlflow_run_url=of_run) for entry in given.folds),
        transferred=tuple(replace(entry, mlflow_run_url=of_run) for entry in given.transferred),
        data_runs={asset: replace(run, mlflow_run_url=of_run) for asset, run in given.data_runs.items()},
    )


@pytest.fixture(scope="module")
def whole(
    inputs: Callable[..., ReportInputs],
    with_folds: Callable[..., dict[str, Any]],
    audited: Callable[[], dict[str, Any]],
) -> ReportInputs:
    changes = {**audited(), **with_folds(*ARCHITECTURES, protocols=PROTOCOLS)}
    changes["folds"] = tuple(
        entry for entry in changes["folds"] if (entry.result.architecture, entry.result.fold) != ("lstm", "loso-p3")
    )
    runs = {
        asset: DataRun(mlflow_run_id=f"id-of-{asset}", mlflow_run_url=f"http://127.0.0.1:5000/#/runs/{asset}")
        for asset in ("recording_audit", "windows")
    }
    given = inputs(*ARCHITECTURES, **changes, data_runs=runs, transferred=(transfer_entry("cnn"),))
    entries = [
        replace(entry, registered_model_url=f"http://127.0.0.1:5000/#/models/{entry.registered_model}/versions/3")
        for entry in given.entries
    ]
    return replace(given, entries=tuple(entries))


@pytest.fixture(scope="module")
def report(whole: ReportInputs) -> Report:
    return build_report(whole)


@pytest.fixture(scope="module")
def page(report: Report, read_page: type[Page]) -> Page:
    return read_page(report.html)


@pytest.fixture(scope="module")
def url_of_model(whole: ReportInputs) -> dict[str, str]:
    return {NAMES[entry.result.architecture]: present(entry.mlflow_run_url) for entry in whole.entries}


def linked_tables(page: Page, *headings: str) -> list[tuple[list[list[str]], list[list[list[str]]]]]:
    """Texts and links, cell by cell, of the tables with these headings."""
    found = [
        (texts, links)
        for texts, links in zip(page.tables, page.cell_links, strict=True)
        if set(headings) <= set(texts[0])
    ]
    assert found
    return found


def test_every_score_has_a_link_in_its_cell_or_row_or_column(page: Page) -> None:
    scores = 0
    for texts, links in zip(page.tables, page.cell_links, strict=True):
        for row, row_links in zip(texts, links, strict=True):
            if row[0] == "published" or row[-1] == "WHAR Arena 2026" or row[-1] == "Published":
                continue
            for place, text in enumerate(row):
                if SCORE.search(text):
                    scores += 1
                    assert row_links[place] or any(row_links) or links[0][place], (texts[0], row)
    assert scores > 200


@pytest.mark.parametrize(
    ("headings", "number"),
    [
        (("Precision", "Recall", "Macro-F1"), 1),
        (("Million MACs",), 0),
        (("Inference, whole test set",), 0),
    ],
    ids=["rankings", "cost", "published"],
)
def test_the_name_of_a_model_leads_to_its_run(
    page: Page, url_of_model: dict[str, str], headings: tuple[str, ...], number: int
) -> None:
    for texts, links in linked_tables(page, *headings):
        found = {
            row[number].removesuffix(", ours"): row_links[number]
            for row, row_links in zip(texts[1:], links[1:], strict=True)
            if row[0] != "published"
        }
        expected = {name: [url] for name, url in url_of_model.items()}
        assert found == {name: expected[name] for name in found}
        assert set(found) >= set(expected) - ({"Extra trees"} if "ours" in str(texts) else set())


def test_columns_and_drawings_of_a_model_lead_to_its_run(page: Page, url_of_model: dict[str, str]) -> None:
    for name, url in url_of_model.items():
        # two rankings, the cost, what trained, and the course or the time of the fit
        assert page.links.count((url, name)) == 5


def test_mistakes_lead_to_the_runs_of_their_folds(whole: ReportInputs, page: Page) -> None:
    (texts, links), *others = linked_tables(page, "sitting1")
    leading = view_folds(whole).protocols[0]
    assert [(row[0], found[0]) for row, found in zip(texts[1:], links[1:], strict=True)] == [
        (row.name, [f"#runs-{row.slug}"]) for row in leading.rows
    ]
    for row, (own, links_of_subjects) in zip(leading.rows, others, strict=True):
        found = {int(cells[0]): cell_links[0] for cells, cell_links in zip(own[1:], links_of_subjects[1:], strict=True)}
        assert found == {subject: [present(row.fold_testing(subject)).mlflow_run_url] for subject in found}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_means_lead_to_the_runs_of_their_folds(page: Page, report: Report, protocol: str) -> None:
    texts, links = linked_tables(page, "Seeds")[PROTOCOLS.index(protocol)]
    rows = json.loads(report.json)["protocols"][protocol]["ranking"]
    for row, row_links, expected in zip(texts[1:], links[1:], rows, strict=True):
        target = f"#runs-{protocol}-{expected['architecture']}"
        assert (row[1], row_links[1]) == (NAMES[expected["architecture"]], [target])
        assert target[1:] in page.ids


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_fold_is_a_figure_that_leads_to_its_run(
    whole: ReportInputs, page: Page, report: Report, protocol: str
) -> None:
    [view] = [view for view in view_folds(whole).every if view.protocol == protocol]
    folds = [name.removeprefix(f"{protocol}-") for name in view.folds]
    [(texts, links)] = linked_tables(page, "Macro-F1", *folds)
    assert texts[0][1:] == folds
    own = {(e.result.architecture, e.result.fold): e for e in whole.folds if e.result.protocol == protocol}
    for row, cells, cell_links in zip(view.rows, texts[1:], links[1:], strict=True):
        assert cells[0] == row.name
        for fold, cell, found in zip(folds, cells[1:], cell_links[1:], strict=True):
            entry = own.pop((row.summary.architecture, f"{protocol}-{fold}"), None)
            if entry is None:
                assert (row.name, fold, cell, found) == ("LSTM", "p3", "–", [])
                continue
            figure = f"{statistics.fmean(seed.scores['test'].macro_f1 for seed in entry.result.seeds):.3f}"
            assert (cell, found) == (figure + present(entry.mlflow_run_id)[:8], [entry.mlflow_run_url])
            assert f"[{figure}](<{entry.mlflow_run_url}>)" in report.markdown
    assert own == {}


@pytest.mark.parametrize("protocol", ["loso", "pairs"])
def test_the_figure_of_a_subject_leads_to_the_fold_that_it_tests_in(
    whole: ReportInputs, page: Page, protocol: str
) -> None:
    texts, links = linked_tables(page, "Subject1")[("loso", "pairs").index(protocol)]
    subjects = [int(heading.removeprefix("Subject")) for heading in texts[0][1:]]
    for row, row_links in zip(texts[1:], links[1:], strict=True):
        [architecture] = [architecture for architecture in ARCHITECTURES if NAMES[architecture] == row[0]]
        assert row_links[0] == [f"#runs-{protocol}-{architecture}"]
        for subject, cell, found in zip(subjects, row[1:], row_links[1:], strict=True):
            expected = [
                entry.mlflow_run_url
                for entry in whole.folds
                if entry.result.architecture == architecture
                and entry.result.protocol == protocol
                and subject in entry.result.subjects["test"]
            ]
            assert found == expected
            assert (cell == "–") is (expected == [])


def test_ours_among_published_scores_leads_to_the_runs_of_its_folds(page: Page) -> None:
    for texts, links in linked_tables(page, "Source"):
        protocol = "loso" if "Macro-F1" in texts[0] else "pairs"
        found = {row[0]: row_links[0] for row, row_links in zip(texts, links, strict=True) if row[2] == "here"}
        assert found["Extra trees"] == [f"#runs-{protocol}-extra_trees"]
        assert all(not row_links[0] for row, row_links in zip(texts, links, strict=True) if row[2] != "here")


def test_the_large_figures_lead_to_their_runs(
    inputs: Callable[..., ReportInputs], page: Page, read_page: type[Page], url_of_model: dict[str, str]
) -> None:
    large = [href for href, text in page.links if re.fullmatch(r"0\.\d{3}( ± 0\.\d{3})?", text)][:4]
    assert large[:2] == ["#runs-loso-cnn"] * 2
    assert large[2].endswith("/runs/cnn-loso-p5")
    assert large[3] == "#runs-leaky-cnn"
    alone = read_page(build_report(inputs("cnn")).html)
    assert [href for href, _ in alone.links if not href.startswith("#")][:4] == [url_of_model["CNN"]] * 4


def test_registered_versions_and_data_lead_to_mlflow(whole: ReportInputs, page: Page, report: Report) -> None:
    for entry in whole.entries:
        assert (entry.registered_model_url, f"{entry.registered_model} version 3") in page.links
        assert f"version 3](<{entry.registered_model_url}>)" in report.markdown
        assert f"](<{entry.mlflow_run_url}>)" in report.markdown
    for asset, run in whole.data_runs.items():
        assert (run.mlflow_run_url, run.mlflow_run_id) in page.links
        assert f"- Run of {asset}: [{run.mlflow_run_id}](<{run.mlflow_run_url}>)" in report.markdown.replace("\\", "")
    assert (whole.data_runs["recording_audit"].mlflow_run_url, "audit") in page.links


def test_json_names_every_run(whole: ReportInputs, report: Report) -> None:
    figures = json.loads(report.json)
    for told, given in (
        (figures["folds"], whole.folds),
        (figures["entries"], whole.entries),
        (figures["transferred"], whole.transferred),
    ):
        assert sorted((row["mlflow_run_id"], row["mlflow_run_url"]) for row in told) == sorted(
            (entry.mlflow_run_id, entry.mlflow_run_url) for entry in given
        )
    assert {row["registered_model_url"] for row in figures["entries"]} == {
        entry.registered_model_url for entry in whole.entries
    }
    assert figures["data_runs"]["windows"]["mlflow_run_id"] == "id-of-windows"


@pytest.mark.parametrize("url", NO_WEB_LINKS)
def test_what_is_no_web_link_is_no_link(whole: ReportInputs, url: str | None, read_page: type[Page]) -> None:
    report = build_report(with_urls(whole, url, url))
    page = read_page(report.html)
    assert [href for href, _ in page.links if not href.startswith("#")] == []
    assert "](" not in report.markdown.partition("```json")[0]
    assert "to the MLflow run" not in page.text
    assert "to their MLflow runs" not in page.text
    shown: list[ReportEntry | FoldEntry | TransferEntry] = [*whole.entries, *whole.folds, *whole.transferred]
    for run_id in [present(entry.mlflow_run_id) for entry in shown]:  # without a link, the whole id
        assert run_id in page.text
        assert run_id in report.markdown.replace("\\", "")


def test_an_address_cannot_leave_its_link(whole: ReportInputs, read_page: type[Page]) -> None:
    evil = 'https://x/"><script>alert(1)</script>|a b'
    report = build_report(with_urls(whole, evil, evil))
    assert "script" not in {tag for tag, _, _ in read_page(report.html).attributes}
    assert report.html.count("<script") == 1
    assert "alert(1)" not in report.html.partition("<script")[2], "the script is ours alone"
    assert "<script" not in report.markdown.partition("```json")[0]
    assert '(<https://x/"%3E%3Cscript%3Ealert(1)%3C/script%3E%7Ca%20b>)' in report.markdown


def test_a_subject_that_tests_in_two_folds_leads_to_neither(whole: ReportInputs) -> None:
    loso, pairs = ([e for e in whole.folds if e.result.fold == name] for name in ("loso-p1", "pairs-p1-p2"))
    again = replace(pairs[0], result=replace(pairs[0].result, protocol="loso"))
    [row] = fold_rows([[loso[0], again]], {})
    assert row.fold_testing(1) is None
    assert row.fold_testing(2) is again
    assert row.fold_testing(3) is None
