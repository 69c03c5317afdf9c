"""Scores over folds, the leaky split beside them, and the audit: the same in the page, the Markdown and the JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from narrowing import present

from har_core.audit.findings import Skipped, tabulate
from har_core.audit.kinds import Kind
from har_core.datasets.dsads.dataset import DSADS
from har_core.evaluation.folds import ProtocolSummary, summarise_folds
from har_core.evaluation.results import FoldResult
from har_core.report.build import Report, build_report
from har_core.report.formats import with_spread
from har_core.report.honest import view_folds
from har_core.report.inputs import ReportEntry, ReportInputs
from har_core.splits.protocols import folds as folds_of

if TYPE_CHECKING:
    from tests.har_core.report.conftest import Page

THREE = ("extra_trees", "random_forest", "cnn")
NAMES = {"extra_trees": "Extra trees", "random_forest": "Random forest", "cnn": "CNN"}
PROTOCOLS = ("loso", "pairs", "leaky")


def without(given: ReportInputs, architecture: str, *names: str) -> ReportInputs:
    gone = {(architecture, name) for name in names}
    kept = tuple(entry for entry in given.folds if (entry.result.architecture, entry.result.fold) not in gone)
    return replace(given, folds=kept)


def table_with(page: Page, *headings: str) -> list[list[str]]:
    return next(table for table in page.tables if set(headings) <= set(table[0]))


def told(row: list[str]) -> list[str]:
    """A row's cells without the white space around spreads."""
    return ["".join(cell.split()) for cell in row]


@pytest.fixture(scope="module")
def whole(
    inputs: Callable[..., ReportInputs],
    with_folds: Callable[..., dict[str, Any]],
    audited: Callable[[], dict[str, Any]],
) -> ReportInputs:
    changes = {**audited(), **with_folds(*THREE, protocols=PROTOCOLS)}
    return inputs(*THREE, **changes, window_length=125)


@pytest.fixture(scope="module")
def report(whole: ReportInputs) -> Report:
    return build_report(whole)


@pytest.fixture(scope="module")
def page(report: Report, read_page: type[Page]) -> Page:
    return read_page(report.html)


@pytest.fixture(scope="module")
def summary(fold: Callable[..., FoldResult]) -> Callable[[str, str], ProtocolSummary]:
    def summarised(architecture: str, protocol: str) -> ProtocolSummary:
        names = [entry.name for entry in folds_of(protocol, range(1, 9))]
        return summarise_folds([fold(architecture, name) for name in names])

    return summarised


def test_the_headline_is_the_score_on_new_people_of_the_first_on_validation(
    whole: ReportInputs, report: Report, page: Page, summary: Callable[[str, str], ProtocolSummary]
) -> None:
    best = max((entry.result for entry in whole.entries), key=lambda result: result.scores["validation"].macro_f1)
    assert best.architecture == "random_forest"
    spread = with_spread(summary("random_forest", "loso").macro_f1)
    assert "Leave one subject out: Random forest, the best on validation" in page.text
    for text in (page.text, report.markdown, json.loads(report.json)["lead"]):
        assert spread in text
    headlines = dict(zip(*[iter(page.lines[page.lines.index("macro-F1 on new people") :][:8])] * 2, strict=True))
    assert headlines["macro-F1 on new people"] == spread
    assert headlines["on undamaged windows"] == with_spread(summary("random_forest", "loso").macro_f1_clean)
    lowest = min(summary("random_forest", "loso").per_subject.values())
    assert headlines["macro-F1 on subject 5, its hardest"] == f"{lowest:.3f}"


def test_a_test_score_never_chooses_the_headline(
    whole: ReportInputs, read_page: type[Page], summary: Callable[[str, str], ProtocolSummary]
) -> None:
    scores = {a: summary(a, "loso").macro_f1.mean for a in THREE}
    assert max(scores, key=scores.__getitem__) == "extra_trees"
    [cnn] = [entry for entry in whole.entries if entry.result.architecture == "cnn"]
    others = []
    for entry in whole.entries:
        low = replace(entry.result.scores["validation"], macro_f1=0.1)
        result = replace(entry.result, scores={**entry.result.scores, "validation": low})
        others.append(entry if entry is cnn else replace(entry, result=result))
    page = read_page(build_report(replace(whole, entries=tuple(others))).html)
    assert "Leave one subject out: CNN, the best on validation" in page.text
    assert (
        f"highest of the 3 models is Extra trees with {with_spread(summary('extra_trees', 'loso').macro_f1)}"
        in page.text
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_each_protocol_shows_mean_and_deviation_on_all_and_clean_windows(
    page: Page, report: Report, summary: Callable[[str, str], ProtocolSummary], protocol: str
) -> None:
    [table] = [t for t in page.tables if "Seeds" in t[0]][PROTOCOLS.index(protocol) :][:1]
    markdown = report.markdown
    ranking = json.loads(report.json)["protocols"][protocol]["ranking"]
    ordered = sorted(THREE, key=lambda name: -summary(name, protocol).macro_f1.mean)
    for place, (architecture, row, entry) in enumerate(zip(ordered, table[1:], ranking, strict=True), 1):
        expected = summary(architecture, protocol)
        cells = told(row)
        assert cells[:2] == [str(place), NAMES[architecture].replace(" ", "")]
        assert cells[2] == with_spread(expected.macro_f1).replace(" ", "")
        assert with_spread(expected.accuracy).replace(" ", "") in cells
        training = {"loso": "6", "pairs": "5", "leaky": "8"}[protocol]
        chosen = "theepoch" if architecture == "cnn" else "nothing"
        assert cells[-5:-1] == [str(len(expected.folds)), "2", training, chosen]
        assert entry["architecture"] == architecture
        assert entry["macro_f1"]["mean"] == expected.macro_f1.mean
        assert entry["macro_f1_clean"]["mean"] == present(expected.macro_f1_clean).mean
        assert with_spread(expected.macro_f1) in markdown
        if protocol != "leaky":
            assert with_spread(expected.macro_f1_clean).replace(" ", "") in cells
            assert with_spread(expected.macro_f1_clean) in markdown
    assert ("Macro-F1, clean windows" in table[0]) is (protocol != "leaky")


def test_every_subject_is_shown_for_every_architecture(
    page: Page, report: Report, summary: Callable[[str, str], ProtocolSummary]
) -> None:
    table = table_with(page, "Subject1")
    assert table[0][1:] == [f"Subject{subject}" for subject in range(1, 9)]
    for row in table[1:]:
        architecture = next(key for key, name in NAMES.items() if name == row[0])
        for subject, cell in enumerate(row[1:], start=1):
            found = summary(architecture, "loso")
            every, clean = found.per_subject[subject], found.per_subject_clean[subject]
            differs = f"{every:.3f}" != f"{clean:.3f}"
            assert cell == f"{every:.3f}" + (f"clean {clean:.3f}" if differs else "")
            assert f"{every:.3f}" in report.markdown
    assert sum("clean" in cell for row in table[1:] for cell in row) == 2 * len(THREE)
    [first] = [r for r in json.loads(report.json)["protocols"]["loso"]["ranking"] if r["architecture"] == "cnn"]
    assert first["per_subject"] == {str(k): value for k, value in summary("cnn", "loso").per_subject.items()}


@pytest.mark.parametrize(
    ("protocol", "words"),
    [("loso", "Each subject"), ("pairs", "Each pair of subjects"), ("group", "Each group of subjects")],
)
def test_each_honest_protocol_says_who_tests(
    inputs: Callable[..., ReportInputs],
    with_folds: Callable[..., dict[str, Any]],
    read_page: type[Page],
    protocol: str,
    words: str,
) -> None:
    report = build_report(inputs("cnn", **with_folds("cnn", protocols=(protocol,))))
    expected = f"{words} in turn is the test set of models that never saw them: "
    assert expected in read_page(report.html).text
    assert f"\n{expected}" in report.markdown


def test_a_dot_is_drawn_for_every_subject(whole: ReportInputs, report: Report) -> None:
    [charts] = [view.charts for view in view_folds(whole).protocols if view.protocol == "loso"]
    numerals = re.findall(r'<text class="numeral"[^>]*>(\d)<', "".join(charts))
    assert numerals == [str(subject) for subject in range(1, 9)] * 3
    assert report.html.count('class="numeral"') == 3 * 8


def test_the_leak_is_told_in_points(page: Page, report: Report, summary: Callable[[str, str], ProtocolSummary]) -> None:
    leak = json.loads(report.json)["leak"]
    assert leak["against"] == "loso"
    for entry in leak["architectures"]:
        architecture = entry["architecture"]
        difference = summary(architecture, "leaky").macro_f1.mean - summary(architecture, "loso").macro_f1.mean
        assert entry["flatters_by"] == difference
        assert f"{100 * difference:.1f} points more" in report.markdown
    assert leak["architectures"][0]["architecture"] == "cnn"
    assert leak["words"] in page.text
    labels = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label")]
    assert any(label.startswith("Macro-F1 from a random split to new people: CNN") for label in labels)


def test_published_scores_of_the_same_protocol_stand_beside_ours(
    page: Page, report: Report, summary: Callable[[str, str], ProtocolSummary]
) -> None:
    table = table_with(page, "Source", "Macro-F1")
    by_name = {row[0]: row[1:] for row in table[1:]}
    assert by_name["DynamicWHAR"] == ["0.878", "WHAR Arena 2026"]
    assert by_name["CNN"] == [with_spread(summary("cnn", "loso").macro_f1), "here"]
    values = [float(row[1][:5]) for row in table[1:]]
    assert values == sorted(values, reverse=True)
    accuracies = {row[0]: row[1] for row in table_with(page, "Source", "Accuracy")[1:]}
    assert accuracies["SDMix"] == "0.933"
    assert accuracies["CNN"] == with_spread(summary("cnn", "pairs").accuracy)
    for text in (page.text, report.markdown):
        assert "WHAR Arena 2026: one seed, windows of 3 s" in text
        assert "here: 8 folds, 2 seeds, windows of 5 s" in text
        assert "0.992 to 0.996" in text


def test_no_published_score_stands_on_synthetic_recordings(
    inputs: Callable[..., ReportInputs], with_folds: Callable[..., dict[str, Any]], read_page: type[Page]
) -> None:
    given = inputs("cnn", origin="synthetic", **with_folds("cnn", origin="synthetic"))
    report = build_report(given)
    for text in (read_page(report.html).text, report.markdown, report.json):
        assert "WHAR Arena" not in text
        assert "0.996" not in text
    assert json.loads(report.json)["protocols"]["loso"]["ranking"]


def test_missing_folds_are_named_and_their_architecture_has_no_place(
    whole: ReportInputs, read_page: type[Page]
) -> None:
    report = build_report(without(whole, "extra_trees", "loso-p3", "loso-p4"))
    page = read_page(report.html)
    line = "folds/extra_trees: loso-p3 and loso-p4 not computed yet"
    assert line in json.loads(report.json)["missing"]
    assert page.text.index(line) < page.text.index("Each subject")
    assert line in report.markdown.replace("\\", "")
    [row] = [row for row in table_with(page, "Seeds")[1:] if row[1] == "Extra trees"]
    assert row[0] == "–"
    assert row[-5] == "6 of 8"
    assert table_with(page, "Seeds")[-1][1] == "Extra trees"
    assert "Extra trees" not in [row[0] for row in table_with(page, "Source", "Macro-F1")]
    row = next(row for row in table_with(page, "Subject3")[1:] if row[0] == "Extra trees")
    assert [place for place, cell in enumerate(row) if cell == "–"] == [3, 4]


def test_an_architecture_without_any_fold_is_named(whole: ReportInputs) -> None:
    given = replace(whole, planned_folds={**whole.planned_folds, "lstm": ("loso-p1", "loso-p2")})
    assert "folds/lstm: none of its 2 folds is computed yet" in json.loads(build_report(given).json)["missing"]


def test_folds_of_other_recordings_are_left_out_and_named(whole: ReportInputs, fold: Callable[..., FoldResult]) -> None:
    other = replace(whole.folds[0], result=fold("lstm", "loso-p1", origin="synthetic"))
    figures = json.loads(build_report(replace(whole, folds=(*whole.folds, other))).json)
    assert "folds/lstm: loso-p1 is of synthetic recordings, so left out" in figures["missing"]
    assert "lstm" not in [row["architecture"] for row in figures["protocols"]["loso"]["ranking"]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seeds": (7,)}, "have no seed in common, so they are left out"),
        ({"seeds": (1, 7)}, "were trained with different seeds"),
        ({"settings": {"epochs": 99}}, "were trained with different settings"),
    ],
)
def test_folds_that_do_not_belong_together_are_named(
    whole: ReportInputs, fold: Callable[..., FoldResult], changes: dict[str, Any], words: str
) -> None:
    result = fold("cnn", "loso-p2", **{name: value for name, value in changes.items() if name == "seeds"})
    result = replace(result, training_settings=changes.get("settings", result.training_settings))
    given = without(whole, "cnn", "loso-p2")
    given = replace(given, folds=(*given.folds, replace(given.folds[0], result=result)))
    figures = json.loads(build_report(given).json)
    assert any(line.startswith("folds/cnn: its loso folds") and words in line for line in figures["missing"])
    ranked = [row["architecture"] for row in figures["protocols"]["loso"]["ranking"]]
    assert ("cnn" in ranked) is ("left out" not in words)


def test_folds_without_a_trained_model_choose_nobody(
    inputs: Callable[..., ReportInputs],
    with_folds: Callable[..., dict[str, Any]],
    read_page: type[Page],
    summary: Callable[[str, str], ProtocolSummary],
) -> None:
    page = read_page(build_report(inputs(**with_folds(*THREE))).html)
    spread = with_spread(summary("extra_trees", "loso").macro_f1)
    assert f"the highest macro‑F1 on people that the model never saw is {spread}, by Extra trees" in page.text
    assert "headlines" not in [value for _, name, value in page.attributes if name == "class"]


def test_a_leaky_split_alone_is_no_headline(
    inputs: Callable[..., ReportInputs], with_folds: Callable[..., dict[str, Any]], read_page: type[Page]
) -> None:
    page = read_page(build_report(inputs("cnn", **with_folds("cnn", protocols=("leaky",)))).html)
    assert "CNN is the only model here" in page.text
    assert "these scores say nothing about new people" in page.text


def test_kinds_of_findings_are_counted(page: Page, report: Report) -> None:
    rows = {row[0].split()[-1]: row[1:] for row in table_with(page, "Kind")[1:]}
    by_code = {
        name: next(row for key, row in rows.items() if key.endswith(name)) for name in ("duplicate_rows", "saturation")
    }
    assert by_code["duplicate_rows"] == ["error", "2", "4,500", "p2 session 5 (3,000), p1 session 5 (1,500)"]
    assert by_code["saturation"][:3] == ["warning", "4", "60"]
    kinds = {row["kind"]: row for row in json.loads(report.json)["audit"]["kinds"]}
    assert kinds["constant_run"] == {**kinds["constant_run"], "severity": "error", "num_findings": 13, "num_rows": 652}
    assert "| kind | worst severity | findings |" in report.markdown
    assert "| error | 2 | 4,500 | p2 session 5 (3,000), p1 session 5 (1,500) |" in report.markdown
    for text in (page.text, report.markdown):
        assert "The audit made 38 findings: 3" in text


def test_findings_by_subject_and_activity_are_drawn_and_told(page: Page, report: Report) -> None:
    assert report.html.count('<rect class="box error"') == 3
    assert report.html.count('<rect class="box warning"') == 1 + 4
    assert report.html.count('<rect class="box info"') == 19
    assert report.html.count('<rect class="box ') == 8 * 19
    labels = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label")]
    assert any("subject 5 13" in label for label in labels)
    assert "subject 5, ascending stairs" not in page.text
    [table] = [t for t in page.tables if t[0][0].startswith("subject")]
    assert table[5][3] == "12 warning".replace(" ", "")
    assert table[5][9] == "1error"
    recordings = json.loads(report.json)["audit"]["recordings"]
    assert {"subject": 5, "activity": 3, "num_findings": 12, "severity": "warning"} in recordings
    assert len(recordings) == 3 + 1 + 4 + 19


def test_what_happened_to_windows_is_told(page: Page, report: Report) -> None:
    words = "Of 9,120 windows, 57 touch a damaged run, and 48 contain rows that another window contains too."
    for text in (page.text, report.markdown):
        assert words in text
    table = table_with(page, "Reason")
    assert table[1] == ["Damaged, left out of training", "40", "6 to 30", "6 to 30", "30"]
    assert len(table) == 3  # a reason that dropped nothing has no row
    assert json.loads(report.json)["audit"]["left_roles"]["duplicate_training"]["Split of the models"] == "24"


def test_a_clean_audit_says_so(inputs: Callable[..., ReportInputs], read_page: type[Page]) -> None:
    report = build_report(inputs("cnn", findings=tabulate([], DSADS), subjects=(1, 2)))
    for text in (read_page(report.html).text, report.markdown):
        assert "The audit looked at every row and found nothing." in text
    assert json.loads(report.json)["audit"]["num_findings"] == 0


def test_what_the_audit_did_not_look_for_is_told(inputs: Callable[..., ReportInputs], read_page: type[Page]) -> None:
    reasons = {
        Kind.WRONG_ORDER: "no parts",
        Kind.OUT_OF_RANGE: "no limit is known: T_xmag",
        Kind.MISSING_SEGMENT: "no parts",
    }
    findings = tabulate([], DSADS, [Skipped(kind, reason) for kind, reason in reasons.items()])
    report = build_report(inputs("cnn", findings=findings, subjects=(1, 2)))
    told = "out_of_range (no limit is known: T_xmag), wrong_order, missing_segment (no parts)."
    assert f"Not looked for: {told}" in read_page(report.html).text.replace(" ,", ",")
    assert f"Not looked for: {told}" in report.markdown.replace("`", "")
    assert json.loads(report.json)["audit"]["skipped"] == [
        {"kind": kind, "reason": reason} for kind, reason in reasons.items()
    ]


def test_without_folds_and_audit_neither_is_spoken_of(
    inputs: Callable[..., ReportInputs], read_page: type[Page]
) -> None:
    report = build_report(inputs("cnn"))
    for text in (read_page(report.html).text.lower(), report.markdown.lower()):
        for word in ("audit", "random split", "leave one subject out", "clean"):
            assert word not in text
    figures = json.loads(report.json)
    assert (figures["protocols"], figures["leak"], figures["audit"], figures["folds"]) == ({}, None, None, [])


def test_anchors_ids_and_labels_hold(report: Report, page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    targets = {value[1:] for _, name, value in page.attributes if name == "href" and value.startswith("#")}
    targets |= {value for _, name, value in page.attributes if name == "aria-labelledby"}
    assert targets <= set(page.ids)
    assert len(report.json) < 1_000_000


def test_a_classical_model_has_no_course_and_no_epoch(
    inputs: Callable[..., ReportInputs], entry: Callable[..., ReportEntry], read_page: type[Page]
) -> None:
    fitted = entry("extra_trees", training_seconds=12.0)
    given = inputs("cnn")
    report = build_report(replace(given, entries=(*given.entries, fitted)))
    page = read_page(report.html)
    assert "Fitted without epochs: Extra trees (12 s)." in page.text
    [row] = [row for row in table_with(page, "Million MACs")[1:] if row[0] == "Extra trees"]
    assert row[2] == "–"
    assert f"| [Extra trees](<{fitted.mlflow_run_url}>) | – | nothing: no epochs | 12 s |" in report.markdown
    alone = read_page(build_report(replace(given, entries=(fitted,))).html)
    assert "The epoch whose weights are kept" not in alone.text
    assert "Fitted without epochs" in alone.text
