"""The files of the report: whole, safe, self-contained, and true to their inputs."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from data_sets import POCKET_AND_WRIST
from narrowing import present

from har_core.datasets.dsads.dataset import DSADS
from har_core.evaluation.results import BY_WINDOW
from har_core.evaluation.scores import score
from har_core.evaluation.separation import Separation
from har_core.report import FILES
from har_core.report.build import Report, build_report, write_report
from har_core.report.inputs import ReportEntry, ReportInputs
from har_core.report.page import SYNTHETIC_NOTE
from har_core.report.published import PARAMETERS_FOOTNOTE

if TYPE_CHECKING:
    from tests.har_core.report.conftest import Page

FOUR = ("cnn", "resnet", "lstm", "shufflenet")


def column(table: list[list[str]], number: int) -> list[str]:
    return [row[number] for row in table[1:]]


@pytest.fixture(scope="module")
def four(inputs: Callable[..., ReportInputs]) -> ReportInputs:
    return inputs(*FOUR)


@pytest.fixture(scope="module")
def report(four: ReportInputs) -> Report:
    return build_report(four)


@pytest.fixture(scope="module")
def page(report: Report, read_page: type[Page]) -> Page:
    return read_page(report.html)


def test_the_page_is_whole_html(report: Report, page: Page) -> None:
    assert report.html.lstrip().startswith("<!doctype html>")
    assert len(page.ids) == len(set(page.ids))
    assert len(report.html) < 1_500_000


def test_every_anchor_and_label_has_its_target(page: Page) -> None:
    targets = {value[1:] for _, name, value in page.attributes if name == "href" and value.startswith("#")}
    targets |= {value for _, name, value in page.attributes if name == "aria-labelledby"}
    assert targets
    assert targets <= set(page.ids)


def test_nothing_is_fetched(report: Report, page: Page) -> None:
    assert not {tag for tag, _, _ in page.attributes} & {"script", "link", "img", "iframe", "object", "image", "use"}
    assert not [
        name for _, name, _ in page.attributes if name in {"src", "srcset", "xlink:href"} or name.startswith("on")
    ]
    assert not re.search(r"url\(|@import", report.html)
    links = [(tag, value) for tag, name, value in page.attributes if name == "href" and not value.startswith("#")]
    assert links
    assert all(tag == "a" and value.startswith("http://127.0.0.1:5000/#/") for tag, value in links)


def test_rankings_on_validation_and_test_are_apart(four: ReportInputs, page: Page) -> None:
    validation, test = page.tables[:2]
    results = [entry.result for entry in four.entries]
    names = {"cnn": "CNN", "resnet": "ResNet", "lstm": "LSTM", "shufflenet": "ShuffleNet"}
    for table, role in ((validation, "validation"), (test, "test")):
        ranked = sorted(results, key=lambda result: -result.scores[role].macro_f1)
        assert column(table, 0) == ["1", "2", "3", "4"]
        assert column(table, 1) == [names[result.architecture] for result in ranked]
        assert column(table, 2) == [f"{result.scores[role].macro_f1:.3f}" for result in ranked]
        assert column(table, 5) == [f"{result.scores[role].accuracy:.3f}" for result in ranked]
    assert column(validation, 1) != column(test, 1)
    text = page.text
    assert text.index("Validation used to choose") < text.index("Test never used to choose")
    assert "Subject 6, 1,140 windows" in text
    assert "Subjects 7 and 8, 2,280 windows" in text


def test_weighted_means_are_shown_where_they_differ(
    inputs: Callable[..., ReportInputs], four: ReportInputs, page: Page, read_page: type[Page]
) -> None:
    assert "Weighted F1" not in page.text
    entry = four.entries[0]
    test = replace(entry.result.scores["test"], weighted_f1=0.1234)
    changed = replace(entry, result=replace(entry.result, scores={**entry.result.scores, "test": test}))
    shown = read_page(build_report(replace(four, entries=(changed,))).html)
    assert "0.123" in column(shown.tables[1], 5)


def test_the_best_on_validation_leads(four: ReportInputs, page: Page) -> None:
    best = max((entry.result for entry in four.entries), key=lambda result: result.scores["validation"].macro_f1)
    assert best.architecture == "resnet"
    assert (
        f"ResNet ranks first of 4 models, with a macro‑F1 of {best.scores['validation'].macro_f1:.3f} on validation"
        in page.text
    )


def test_the_heat_map_holds_every_test_f1(four: ReportInputs, page: Page) -> None:
    [table] = [table for table in page.tables if table[0][:2] == ["Model", "sitting1"]]
    assert table[0][1:] == [f"{activity}{number}" for number, activity in enumerate(DSADS.activities, start=1)]
    by_name = {row[0]: row[1:] for row in table[1:]}
    for entry, name in zip(four.entries, ("CNN", "ResNet", "LSTM", "ShuffleNet"), strict=True):
        assert by_name[name] == [f"{scores.f1:.2f}" for scores in entry.result.scores["test"].per_class]


def test_every_confusion_matrix_is_there_whole(four: ReportInputs, page: Page) -> None:
    matrices = [table for table in page.tables if table[0][0].startswith("true")]
    shown = [[[int(cell or 0) for cell in row[1:]] for row in table[1:]] for table in matrices]
    expected = [[list(row) for row in entry.result.scores["test"].confusion] for entry in four.entries]
    assert sorted(shown) == sorted(expected)
    assert all(table[11][0] == "walking on a treadmill inclined 15° at 4 km/h11" for table in matrices)


def test_drawings_say_what_they_show(page: Page) -> None:
    labels = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label")]
    roles = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "role")]
    assert len(labels) == len(roles) == 1 + 4 * (1 + 3) + 2  # falls; of each its course, and how it decides; costs
    assert sum("weights of epoch 24" in label for label in labels) == 4
    for name in ("CNN", "ResNet", "LSTM", "ShuffleNet"):
        assert any(label.startswith(f"{name}: macro-F1") for label in labels)


@pytest.mark.parametrize("name", FOUR)
def test_costs_and_provenance_of_each_are_named(four: ReportInputs, report: Report, page: Page, name: str) -> None:
    [entry] = [entry for entry in four.entries if entry.result.architecture == name]
    for text in (page.text, report.markdown.replace("\\", "")):
        assert f"{entry.result.complexity.num_parameters:,}" in text
        assert f"{entry.result.complexity.macs / 1e6:.1f}" in text
        assert present(entry.mlflow_run_id) in text
        assert f"har-{name} version 3" in text
        assert f"models/{name}" in text
        assert present(four.git_commit) in text
        assert present(four.command) in text
        assert "AMD EPYC" in text
    assert '"test_subjects"' in page.text


def test_the_mean_cost_stands_beside_the_full_one(inputs: Callable[..., ReportInputs], read_page: type[Page]) -> None:
    made = inputs("cnn", "lstm")
    [cnn, lstm] = made.entries
    early = replace(cnn, result=replace(cnn.result, complexity=replace(cnn.result.complexity, mean_macs=1_234_000.0)))
    report = build_report(replace(made, entries=(early, lstm)))
    full = f"{cnn.result.complexity.macs / 1e6:.1f}"
    for text in (read_page(report.html).text, report.markdown):
        assert text.count(f"{full}, mean 1.2") == 1
        assert len(re.findall(r"\d, mean \d", text)) == 1


def test_published_figures_stand_beside_ours_on_real_recordings(report: Report, page: Page) -> None:
    for text in (page.text, report.markdown):
        assert "0.8793" in text
        assert PARAMETERS_FOOTNOTE in text
        assert "chosen by its test score" in text
    [table] = [table for table in page.tables if "Inference, whole test set" in table[0]]
    parameters = {row[0]: row[5] for row in table[1:]}
    assert parameters["CNN, ours"] == "956,947"
    assert [row[5] for row in table if row[0] == "published"] == ["1,502,737*", "956,947", "1,160,341*", "3,394,065*"]


def test_no_published_figure_stands_on_synthetic_recordings(
    inputs: Callable[..., ReportInputs], read_page: type[Page]
) -> None:
    report = build_report(inputs(*FOUR, origin="synthetic"))
    page = read_page(report.html)
    assert page.lines[0] == SYNTHETIC_NOTE
    assert report.markdown.splitlines()[0] == f"**{SYNTHETIC_NOTE}**"
    assert json.loads(report.json)["note"] == SYNTHETIC_NOTE
    for text in (page.text, report.markdown):
        assert "0.8793" not in text
        assert PARAMETERS_FOOTNOTE not in text
    assert json.loads(report.json)["published"] is None


def test_real_recordings_need_no_note(report: Report, page: Page) -> None:
    assert "real recordings" in page.lines[0]
    assert "Synthetic" not in page.text
    assert report.markdown.splitlines()[0] == "# Human-activity recognition: a comparison"


def test_json_holds_every_result(four: ReportInputs, report: Report) -> None:
    figures = json.loads(report.json)
    results = {entry["result"]["architecture"]: entry["result"] for entry in figures["entries"]}
    for own in four.entries:
        kept = {name: value for name, value in asdict(own.result).items() if name not in BY_WINDOW}  # in "mistakes"
        assert results[own.result.architecture] == json.loads(json.dumps(kept))
    assert [*results] == [row["architecture"] for row in figures["ranking"]["validation"]]
    assert figures["experiment"] == four.experiment
    assert [row["architecture"] for row in figures["ranking"]["test"]] == ["resnet", "shufflenet", "cnn", "lstm"]
    assert set(figures["published"]["figures"]) == set(FOUR)


def test_what_is_missing_is_named_first(inputs: Callable[..., ReportInputs], read_page: type[Page]) -> None:
    report = build_report(inputs("cnn", missing=("models/lstm: not trained yet", "models/resnet: failed")))
    page = read_page(report.html)
    assert page.text.index("models/lstm: not trained yet") < page.text.index("Ranking")
    for text in (page.text, report.markdown.replace("\\", "")):
        assert "models/resnet: failed" in text
    assert json.loads(report.json)["missing"] == ["models/lstm: not trained yet", "models/resnet: failed"]


def test_a_model_of_other_recordings_is_left_out_and_named(
    inputs: Callable[..., ReportInputs], entry: Callable[..., ReportEntry], read_page: type[Page]
) -> None:
    given = inputs("cnn")
    report = build_report(replace(given, entries=(*given.entries, entry("lstm", origin="synthetic"))))
    assert "models/lstm: its latest model is of synthetic recordings, so it is left out" in read_page(report.html).text
    assert [row["architecture"] for row in json.loads(report.json)["ranking"]["test"]] == ["cnn"]


def test_one_model_makes_a_report(inputs: Callable[..., ReportInputs], read_page: type[Page]) -> None:
    page = read_page(build_report(inputs("lstm")).html)
    assert "LSTM is the only model here" in page.text
    assert column(page.tables[0], 1) == ["LSTM"]


def test_no_model_makes_a_clear_page(inputs: Callable[..., ReportInputs], read_page: type[Page]) -> None:
    report = build_report(inputs(missing=("models/cnn: not trained yet",)))
    for text in (read_page(report.html).text, report.markdown.replace("\\", "")):
        assert "There is no trained model to compare yet." in text
        assert "models/cnn: not trained yet" in text
    assert json.loads(report.json)["entries"] == []


def test_an_architecture_without_published_figures_is_shown(
    inputs: Callable[..., ReportInputs], entry: Callable[..., ReportEntry], read_page: type[Page]
) -> None:
    given = inputs("cnn")
    page = read_page(build_report(replace(given, entries=(*given.entries, entry("tiny_har")))).html)
    assert "Tiny har" in column(page.tables[0], 1)
    assert "models/tiny_har" in page.text
    assert "Tiny har, ours" not in page.text


def test_text_from_outside_is_escaped(
    inputs: Callable[..., ReportInputs], entry: Callable[..., ReportEntry], read_page: type[Page]
) -> None:
    evil = "<script>alert(1)</script>|`*\n# x"
    given = inputs("cnn", title=evil, missing=(evil,), dataset={evil: evil}, git_commit=evil, command=evil)
    link = replace(given.entries[0], mlflow_run_url="javascript:alert(1)", registered_model=evil)
    report = build_report(replace(given, entries=(link, entry(evil))))
    page = read_page(report.html)
    assert report.html.count("<script") == 1
    assert "alert(1)" not in report.html.partition("<script")[2], "the script is ours alone"
    assert not any(value.startswith("javascript:") for _, _, value in page.attributes)
    assert "](<javascript:" not in report.markdown
    prose = report.markdown.partition("```json")[0]
    assert "<script>" not in prose.replace("\\<script\\>", "")
    assert prose.splitlines()[0].startswith("# \\<script\\>")


def test_scores_and_losses_that_are_no_numbers_are_dashes(
    inputs: Callable[..., ReportInputs], entry: Callable[..., ReportEntry], read_page: type[Page]
) -> None:
    given = inputs("cnn")
    broken = entry("lstm")
    scores = {role: replace(scores, macro_f1=math.nan) for role, scores in broken.result.scores.items()}
    history = tuple({**record, "training_loss": math.nan, "validation_loss": None} for record in broken.result.history)
    broken = replace(broken, result=replace(broken.result, scores=scores, history=history))
    report = build_report(replace(given, entries=(broken, *given.entries)))
    page = read_page(report.html)
    assert page.tables[0][-1][:3] == ["–", "LSTM", "–"]
    assert not re.search(r"\bnan\b", page.text.lower() + " ".join(value for _, _, value in page.attributes).lower())
    json.loads(report.json, parse_constant=pytest.fail)


def test_times_of_two_machines_are_not_compared(
    inputs: Callable[..., ReportInputs], entry: Callable[..., ReportEntry], read_page: type[Page]
) -> None:
    given = inputs("cnn")
    other = entry("lstm")
    latency = replace(other.result.latency, num_threads=1)
    other = replace(other, result=replace(other.result, latency=latency))
    for entries, warned in (((*given.entries, other), True), (given.entries, False)):
        text = read_page(build_report(replace(given, entries=entries)).html).text
        assert ("cannot be compared" in text) is warned


def test_the_same_inputs_make_the_same_report(four: ReportInputs, report: Report) -> None:
    assert build_report(four) == report


def test_every_file_is_written(tmp_path: Path, report: Report) -> None:
    paths = write_report(report, tmp_path / "reports" / "latest")
    assert tuple(path.name for path in paths) == FILES
    texts = [path.read_text(encoding="utf-8") for path in paths if path.suffix != ".parquet"]
    assert texts == [report.html, report.markdown, report.json, report.latex]
    tables = [pq.read_table(path) for path in paths if path.suffix == ".parquet"]
    for table, own in zip(tables, (report.scores.subjects, report.scores.activities), strict=True):
        assert table.equals(own, check_metadata=True)


def without_validation(entry: ReportEntry, **settings: str) -> ReportEntry:
    result = entry.result
    history = tuple(
        {name: None if name.startswith("validation") else value for name, value in record.items()}
        for record in result.history
    )
    return replace(
        entry,
        result=replace(
            result,
            scores={"test": result.scores["test"]},
            scores_clean={"test": result.scores["test"]},
            subjects={"training": (1, 2, 6), "validation": (), "test": (7, 8)},
            training_settings={**result.training_settings, **settings},
            history=history,
            best_epoch=len(history),
        ),
    )


def test_without_validation_no_model_is_preferred_and_what_trained_is_told(
    inputs: Callable[..., ReportInputs], entry: Callable[..., ReportEntry], read_page: type[Page]
) -> None:
    given = inputs("lstm", "cnn")
    network = without_validation(given.entries[0], keep="last")
    forest = without_validation(entry("extra_trees"))
    report = build_report(replace(given, entries=(network, forest)))
    page, best = read_page(report.html), forest.result.scores["test"].macro_f1
    lead = f"The highest macro-F1 is {best:.3f} on the test subjects, by Extra trees; without validation subjects no"
    assert lead in page.text.replace("‑", "-")
    assert [model["result"]["architecture"] for model in json.loads(report.json)["entries"]] == ["lstm", "extra_trees"]
    assert column(page.tables[0], 1) == ["Extra trees", "LSTM"], "the ranking on test, and none on validation"
    assert "used to choose" not in page.text.replace("never used to choose", "")
    assert "From validation to test" not in page.text
    [table] = [table for table in page.tables if "Trained on" in table[0]]
    assert table[1:] == [
        ["LSTM", "subjects 1, 2 and 6", "nothing: last of 30 epochs"],
        ["Extra trees", "subjects 1, 2 and 6", "nothing: no epochs"],
    ]
    assert "| subjects 1, 2 and 6 | nothing: last of 30 epochs |" in report.markdown
    alone = read_page(build_report(replace(given, entries=(network,))).html).text.replace("‑", "-")
    assert "LSTM is the only model here, and reaches a macro-F1 of" in alone


def test_a_model_with_validation_goes_before_one_without(inputs: Callable[..., ReportInputs]) -> None:
    given = inputs("lstm", "cnn")
    report = build_report(replace(given, entries=(without_validation(given.entries[0]), given.entries[1])))
    content = json.loads(report.json)
    assert [model["result"]["architecture"] for model in content["entries"]] == ["cnn", "lstm"]
    assert [model["architecture"] for model in content["ranking"]["validation"]] == ["cnn"]


def test_scores_of_some_activities_do_not_stand_beside_published_ones_of_all(
    inputs: Callable[..., ReportInputs], four: ReportInputs, page: Page, read_page: type[Page]
) -> None:
    chosen = {**four.experiment, "windows": {"activities": ["sitting", "rowing"]}}
    text = read_page(build_report(inputs("cnn", experiment=chosen)).html).text
    assert "Compared with published figures" in page.text
    assert "Compared with published figures" not in text
    other = read_page(build_report(inputs("cnn", spec=DSADS.replaced(name="own"))).html).text
    assert "Compared with published figures" not in other


@pytest.mark.parametrize("num_activities", [2, 40])
def test_reports_name_any_number_of_activities(
    inputs: Callable[..., ReportInputs], read_page: type[Page], num_activities: int
) -> None:
    names = [f"activity <{number}>" for number in range(1, num_activities + 1)]
    spec = POCKET_AND_WRIST.replaced(activities=names)
    given = inputs("cnn", spec=spec)
    labels = np.repeat(np.arange(num_activities), 5)
    scores = score(labels, np.eye(num_activities)[np.where(labels == 1, 0, labels)], names=names)
    tested = {"validation": scores, "test": scores}
    separation = Separation.of(labels, np.eye(num_activities)[labels])
    own: dict[str, Any] = {"scores": tested, "per_subject": {7: 0.5}, "confusions": {7: scores.confusion}}
    result = replace(given.entries[0].result, separation=separation, **own)
    report = build_report(replace(given, entries=(replace(given.entries[0], result=result),)))
    page = read_page(report.html)
    [matrix] = [table for table in page.tables if table[0][0].startswith("true")]
    assert [row[0] for row in matrix[1:]] == [f"{name}{number}" for number, name in enumerate(names, 1)]
    assert f"means over the {num_activities} activities." in page.text
    assert "activity <2> → activity <1>" in page.text
    assert "Data set A phone and a watch" in page.text
    assert page.lines[0].startswith(f"{spec.title} · real recordings")
    assert f"\n{spec.title}, real recordings, " in report.markdown
    for other in ("ublished", "Daily and Sports", "DSADS"):
        assert other not in page.text + report.markdown


def test_the_data_set_is_named_with_how_to_cite_it(page: Page) -> None:
    assert "Data set Daily and Sports Activities Cite K. Altun, B. Barshan" in page.text
    assert "Licence CC BY 4.0" in page.text
