"""What the report says of models that were fitted on to people: the same in the page, the Markdown and the JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from narrowing import present
from transferred_models import transfer_entry

from har_core.report.build import Report, build_report
from har_core.report.inputs import ReportInputs, TransferEntry
from har_core.report.new_people import NewPeople, view_new_people

if TYPE_CHECKING:
    from tests.har_core.report.conftest import Page

MANY = range(1, 9)


def table_of(page: Page) -> list[list[str]]:
    return next(table for table in page.tables if "What is changed" in table[0])


@pytest.fixture(scope="module")
def given(inputs: Callable[..., ReportInputs]) -> Callable[..., ReportInputs]:
    def of(*entries: TransferEntry) -> ReportInputs:
        return inputs("cnn", "lstm", transferred=entries)

    return of


def test_each_model_way_and_number_is_in_the_table(given: Callable[..., ReportInputs], read_page: type[Page]) -> None:
    entries = (transfer_entry("cnn"), transfer_entry("lstm", ways=("all",), numbers=(2, 3), skill=0.7))
    report = build_report(given(*entries))
    head, *rows = table_of(read_page(report.html))
    assert head[2:] == ["Numbers trained", "as it is", "1 window", "2 windows", "3 windows", "5 windows", "10 windows"]
    assert [row[:3] for row in rows] == [
        ["CNN", "last layer", "1,235"],
        ["CNN", "adapters", "21,340"],
        ["CNN", "everything", "56,947"],
        ["CNN", "from nothing", "–"],
        ["LSTM", "everything", "56,947"],
    ]
    assert [row[3] for row in rows] == ["0.845", "0.845", "0.845", "–", "0.685"]
    by_number = {own.windows_per_activity: own for own in entries[1].scores}
    assert rows[-1][4:] == ["–", f"{by_number[2].macro_f1:.3f}", f"{by_number[3].macro_f1:.3f}", "–", "–"]
    in_markdown = [line for line in report.markdown.splitlines() if line.startswith("| [CNN]") and "fitted-on" in line]
    assert [[cell.strip() for cell in line.split("|")][2:-1] for line in in_markdown] == [row[1:] for row in rows[:4]]


def test_json_has_every_score_of_every_person(given: Callable[..., ReportInputs]) -> None:
    entry = transfer_entry("cnn", people=MANY)
    [told] = json.loads(build_report(given(entry)).json)["transferred"]
    assert (told["model"], told["subjects"], told["num_windows"]) == ("cnn", list(MANY), 1520)
    assert told["num_moved"] == entry.record.num_moved
    for row, score in zip(told["scores"], entry.scores, strict=True):
        assert (row["way"], row["windows_per_activity"]) == (score.way, score.windows_per_activity)
        assert row["macro_f1"] == pytest.approx(score.macro_f1)
        assert row["interval"] == pytest.approx(present(score.interval))
        assert row["per_subject"] == pytest.approx({str(number): own for number, own in score.per_subject.items()})


def view_of(given: Callable[..., ReportInputs], *entries: TransferEntry) -> NewPeople:
    return present(view_new_people(given(*entries)))


def test_intervals_are_shown_of_three_people_and_no_fewer(
    given: Callable[..., ReportInputs], read_page: type[Page]
) -> None:
    few, many = (transfer_entry("cnn", people=people) for people in ((7, 8), (6, 7, 8)))
    low, high = present(many.scores[0].interval)
    told = f"{low:.3f} to {high:.3f}"
    for entry, has_intervals in ((few, False), (many, True)):
        view, report = view_of(given, entry), build_report(given(entry))
        [(_, chart)] = view.charts
        assert (told in report.markdown, told in read_page(report.html).text) == (has_intervals, has_intervals)
        assert ('class="interval' in chart) == has_intervals
        assert ("needs 3 people, and there are 2" in view.note) != has_intervals
        assert ("95 %" in view.note) == has_intervals


def test_it_says_who_showed_what_and_what_is_tested(given: Callable[..., ReportInputs]) -> None:
    for people, told in ((MANY, "Each of the 8 people who test shows"), ((3,), "The one person who tests shows")):
        words = view_of(given, transfer_entry(people=people)).words
        assert words.startswith(f"{told} the first windows of every activity")
        assert "(1,520 windows, the same for every number)" in words


def test_the_charts_have_one_axis_and_say_their_figures(given: Callable[..., ReportInputs]) -> None:
    view = view_of(given, transfer_entry("cnn"), transfer_entry("lstm", skill=0.3))
    ticks = [[part for part in chart.split("\n") if 'text-anchor="end">0' in part] for _, chart in view.charts]
    assert ticks[0] == ticks[1] != []
    assert "last layer 0.845 from 0, " in view.charts[0][1]


def test_other_recordings_are_named_and_left_out(given: Callable[..., ReportInputs], read_page: type[Page]) -> None:
    report = build_report(given(transfer_entry("cnn"), transfer_entry("lstm", origin="synthetic")))
    page = read_page(report.html)
    assert {row[0] for row in table_of(page)[1:]} == {"CNN"}
    assert "transferred/lstm: of synthetic recordings, so it is left out" in page.text
    assert [own["model"] for own in json.loads(report.json)["transferred"]] == ["cnn"]


def test_it_is_quiet_where_there_is_none(given: Callable[..., ReportInputs], read_page: type[Page]) -> None:
    report: Report = build_report(given())
    assert "people" not in read_page(report.html).ids
    assert "New people" not in report.html
    assert "New people" not in report.markdown


def test_names_lead_to_runs(given: Callable[..., ReportInputs], read_page: type[Page]) -> None:
    entry = transfer_entry("cnn")
    page = read_page(build_report(given(entry)).html)
    assert page.links.count((present(entry.mlflow_run_url), "CNN")) == 1 + 4  # its chart, and its rows
    assert ("#people", "New people") in page.links
