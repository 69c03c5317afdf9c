"""What the report says of units and kinds of sensors: the same in the page, the Markdown and the JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pytest
from measured_sensors import ALONE, sensor_entry
from narrowing import present

from har_core.evaluation.intervals import interval_of_mean
from har_core.evaluation.pairwise import correlated_t, verdict_of
from har_core.report.build import Report, build_report
from har_core.report.formats import signed
from har_core.report.inputs import Champion, ReportInputs, SensorEntry
from har_core.report.sensors import MeasuredModel, view_sensors

if TYPE_CHECKING:
    from tests.har_core.report.conftest import Page

SUBJECTS = range(1, 9)
FOLDS = tuple(f"loso-p{subject}" for subject in SUBJECTS)


def entries_of(architecture: str = "cnn", subjects: Sequence[int] = SUBJECTS, **changes: Any) -> list[SensorEntry]:
    return [sensor_entry(architecture, subject, **changes) for subject in subjects]


@pytest.fixture(scope="module")
def given(inputs: Callable[..., ReportInputs]) -> Callable[..., ReportInputs]:
    def of(*entries: SensorEntry, **changes: Any) -> ReportInputs:
        planned = dict.fromkeys((entry.architecture for entry in entries), FOLDS)
        return inputs("cnn", "lstm", **{"sensors": entries, "planned_sensors": planned} | changes)

    return of


@pytest.fixture(scope="module")
def report(given: Callable[..., ReportInputs]) -> Report:
    return build_report(given(*entries_of("lstm"), *entries_of("cnn", skill=0.8)))


def model_of(inputs: ReportInputs) -> MeasuredModel:
    [model] = present(view_sensors(inputs)).models
    return model


def tables_of(page: Page) -> list[list[list[str]]]:
    return [table for table in page.tables if table[0][0] == "Channels"]


def test_each_row_is_the_mean_over_subjects_and_they_are_sorted(report: Report, read_page: type[Page]) -> None:
    page = read_page(report.html)
    assert len(tables_of(page)) == 2
    _, *rows = tables_of(page)[0]
    assert len(rows) == 22
    shown = {row[0]: row[1:] for row in rows}
    means = [float(row[1]) for row in rows]
    assert means == sorted(means, reverse=True)
    level = 0.01 * fmean(SUBJECTS)
    assert shown["all channels"] == [f"{0.9 - level:.3f}", "0.820(8)", "–", "–", "–"]
    assert shown["right leg alone"][:2] == [f"{ALONE['RL'] - level:.3f}", "0.620(8)"]
    assert shown["left arm missing"][0] == f"{0.9 - level - 0.05 - 0.2 - 0.2 * level:.3f}"
    in_markdown = [line.strip("| ").split(" | ") for line in report.markdown.splitlines() if line.startswith("| ")]
    of_first = [row for row in in_markdown if row[0] in shown][: len(rows)]
    assert [[cell.replace(" (", "(") for cell in row] for row in of_first] == rows


def test_differences_are_paired_by_subject_with_interval_and_verdict(
    given: Callable[..., ReportInputs], report: Report, read_page: type[Page]
) -> None:
    entries = entries_of()
    by_subject = [
        {score.name: score.per_subject[subject] for score in entry.scores if score.way in {"all", "left_out"}}
        for subject, entry in zip(SUBJECTS, entries, strict=True)
    ]
    differences = [own["acc"] - own[""] for own in by_subject]
    row = model_of(given(*entries)).by_key["left_out", "sensor", "acc"]
    assert row.difference == pytest.approx(fmean(differences))
    assert row.interval == pytest.approx(present(interval_of_mean(differences)))
    assert present(row.beside).verdict == verdict_of(correlated_t(differences, test_share=1 / 8)) == "worse"
    [told] = [row for row in tables_of(read_page(report.html))[0] if row[0] == "without acc"]
    low, high = present(row.interval)
    assert told[3:] == [signed(fmean(differences)), f"{signed(low)} to {signed(high)}", "worse"]


def test_json_has_every_score_of_every_subject(report: Report) -> None:
    told = json.loads(report.json)["sensors"]
    assert (told["protocol"], [model["architecture"] for model in told["models"]]) == ("loso", ["lstm", "cnn"])
    for model, skill in zip(told["models"], (0.9, 0.8), strict=True):
        scores = {(row["way"], row["part"], row["name"]): row for row in model["scores"]}
        assert len(scores) == 22
        for entry in entries_of(skill=skill):
            for score in entry.scores:
                [(subject, value)] = score.per_subject.items()
                row = scores[score.way, score.part, score.name]
                assert row["per_subject"][str(subject)] == pytest.approx(value)
        assert model["folds"] == {f"loso-p{s}": f"sensors-{model['architecture']}-{s}" for s in SUBJECTS}


def test_words_name_the_extremes(given: Callable[..., ReportInputs]) -> None:
    words = model_of(given(*entries_of())).words
    assert words.startswith("With all channels 0.855. Of units alone, right leg gives most, 0.655, and left arm least")
    assert "Left out of training, right leg is missed most, −0.079." in words
    assert "Missing when the model predicts, right leg costs most, −0.279, and left arm least, −0.259." in words
    assert "Of kinds of sensor alone, acc gives most, 0.755, and mag least, 0.355." in words


def test_nothing_is_missed_where_everything_is_better_without(given: Callable[..., ReportInputs]) -> None:
    entries = entries_of()
    better = [
        replace(
            entry,
            scores=tuple(
                replace(score, per_subject=dict.fromkeys(score.per_subject, 0.99)) if score.way == "left_out" else score
                for score in entry.scores
            ),
        )
        for entry in entries
    ]
    assert model_of(given(*better)).words.count("Left out of training, none is missed.") == 2


def test_one_chart_for_each_model_with_the_same_figures(given: Callable[..., ReportInputs]) -> None:
    chart = present(model_of(given(*entries_of())).chart)
    assert chart.count('class="ring"') == chart.count('class="disc"') == 8
    assert chart.count('class="lost"') == 5
    assert "all channels 0.855; torso alone 0.555, without 0.786, missing 0.586; right arm alone 0.505" in chart


def test_one_unit_has_kinds_of_sensors_alone(given: Callable[..., ReportInputs], read_page: type[Page]) -> None:
    page = read_page(build_report(given(*entries_of(units=["RA"]))).html)
    [table] = tables_of(page)
    assert {row[0] for row in table[1:]} == {
        "all channels",
        *(f"{name} alone" for name in ("acc", "gyro", "mag")),
        *(f"without {name}" for name in ("acc", "gyro", "mag")),
    }
    assert "holds zeros" not in page.text
    assert "units alone" not in page.text


def test_one_kind_at_one_unit_has_all_channels_and_no_chart(given: Callable[..., ReportInputs]) -> None:
    model = model_of(given(*entries_of(units=["RA"], sensors=["acc"])))
    assert model.chart is None
    assert model.words == "With all channels 0.855."
    build_report(given(*entries_of(units=["RA"], sensors=["acc"])))


def test_missing_folds_and_models_are_named(given: Callable[..., ReportInputs], read_page: type[Page]) -> None:
    some = given(*entries_of(subjects=(1, 2)), planned_sensors={"cnn": FOLDS, "lstm": FOLDS})
    report = build_report(some)
    missing = json.loads(report.json)["missing"]
    assert f"sensors/cnn: {', '.join(FOLDS[2:-1])} and loso-p8 not computed yet" in missing
    assert "sensors/lstm: none of its 8 folds is computed yet" in missing
    assert "2 of 8 folds." in read_page(report.html).text
    assert "2 of 8 folds." in report.markdown
    [table] = tables_of(read_page(report.html))
    assert {row[4] for row in table[1:]} == {"–"}  # two subjects make no interval


def test_other_recordings_are_left_out_and_named(given: Callable[..., ReportInputs]) -> None:
    entries = [*entries_of(subjects=(1, 2, 3)), sensor_entry(subject=4, origin="synthetic")]
    told = json.loads(build_report(given(*entries, planned_sensors={"cnn": FOLDS[:4]})).json)
    assert "sensors/cnn: loso-p4 not of real recordings, so left out" in told["missing"]
    assert list(told["sensors"]["models"][0]["folds"]) == ["loso-p1", "loso-p2", "loso-p3"]


def test_it_says_where_the_champion_is_not_among_them(
    given: Callable[..., ReportInputs], read_page: type[Page]
) -> None:
    def told(architecture: str) -> list[str]:
        champion = Champion(architecture=architecture, version="3", copied_from=f"har-{architecture}", reason="best")
        report = build_report(given(*entries_of(), champion=champion))
        told = [line for line in read_page(report.html).lines if "which was not measured" in line]
        assert bool(told) == ("which was not measured" in report.markdown)
        return told

    assert told("cnn") == []
    [line] = told("lstm")
    assert "har@champion is LSTM, which was not measured" in line


def test_there_is_no_section_where_nothing_was_asked_for(inputs: Callable[..., ReportInputs]) -> None:
    report = build_report(inputs("cnn", "lstm"))
    assert "What each sensor gives" not in report.html + report.markdown
    assert json.loads(report.json)["sensors"] is None


def test_every_fold_leads_to_its_run(report: Report, read_page: type[Page]) -> None:
    links = dict(read_page(report.html).links)
    for architecture in ("cnn", "lstm"):
        for subject in SUBJECTS:
            run = f"http://127.0.0.1:5000/#/experiments/1/runs/sensors-{architecture}-{subject}"
            assert links[run] == f"loso-p{subject}"
    assert links["#sensors"] == "What each sensor gives"


def test_ways_that_not_every_fold_has_are_left_out(given: Callable[..., ReportInputs]) -> None:
    entries = [*entries_of(subjects=(1, 2)), sensor_entry(subject=3, units=["RA", "LA"])]
    keys = set(model_of(given(*entries)).by_key)
    assert ("alone", "unit", "RA") in keys
    assert ("alone", "unit", "T") not in keys
