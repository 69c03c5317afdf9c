"""The tables for a paper: whole, escaped, with the figures of the report."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_reports import made

from har_core.base.text import as_latex
from har_core.report.build import build_report
from har_core.report.inputs import ReportInputs
from har_core.report.page import compose

EVIL = "a_b & 50% of #1 {x} $y$ \\input{z} ~^ [*]\n\\end{longtable}"
COMPILER = next(filter(shutil.which, ("pdflatex", "xelatex", "lualatex")), None)


@pytest.fixture(scope="module")
def many() -> ReportInputs:
    """Forty models, one of them with a name that LaTeX would obey."""
    inputs = made().inputs
    [model] = [entry for entry in inputs.entries if entry.result.architecture == "cnn"]
    names = [EVIL, *(f"cnn_{number}" for number in range(39))]
    entries = tuple(replace(model, result=replace(model.result, architecture=name)) for name in names)
    own = [fold for fold in inputs.folds if fold.result.architecture == "cnn" and fold.result.protocol == "loso"]
    folds = tuple(replace(fold, result=replace(fold.result, architecture=name)) for name in names for fold in own)
    planned = tuple(fold.result.fold for fold in own)
    return replace(inputs, title=EVIL, entries=entries, folds=folds, planned_folds=dict.fromkeys(names, planned))


def rows_of(latex: str, label: str) -> list[list[str]]:
    """The cells of a table, without its heads."""
    body = latex.partition(f"\\label{{{label}}}")[2].partition("\\endfoot\n")[2].partition("\\end{longtable}")[0]
    return [line.removesuffix(" \\\\").split(" & ") for line in body.splitlines()]


def test_both_tables_have_the_figures_of_the_report() -> None:
    inputs = made().inputs
    latex, page = build_report(inputs).latex, compose(inputs)
    assert page.sureness is not None
    scores = rows_of(latex, "tab:scores")
    assert [row[:2] for row in scores] == [[sure.row.name, f"{sure.spread.mean:.3f}"] for sure in page.sureness.rows]
    for row, sure in zip(scores, page.sureness.rows, strict=True):
        assert row[2] == f"{sure.spread.over_subjects:.3f}"
        assert row[3] == ("--" if sure.spread.over_seeds is None else f"{sure.spread.over_seeds:.3f}")
        assert row[4] == f"{sure.spread.worst:.3f} ({sure.spread.worst_subject})"
        assert row[5] == "--".join(f"{end:.3f}" for end in sure.spread.interval or ())
        assert row[6] == ("--" if sure.holm_p is None else f"{sure.holm_p:.3f}")
        assert row[7] == (sure.beside.verdict if sure.beside else "in front")
    costs = rows_of(latex, "tab:costs")
    assert [row[:2] for row in costs] == [
        [model.name, f"{model.result.complexity.num_parameters:,}"] for model in page.models
    ]


def test_the_caption_names_protocol_data_subjects_and_seeds() -> None:
    caption = re.search(r"\\caption\{(.*)\}\n", build_report(made().inputs).latex)
    assert caption is not None
    for words in (
        "leave one subject out",
        "A phone and a watch, made for tests (synthetic recordings)",
        "6 subjects, 1 to 3 seeds",
        "beside Extra trees",
        "Not compared, because folds are missing: LSTM.",
    ):
        assert words in caption[1]


def test_many_models_have_a_row_each_and_names_are_text(many: ReportInputs) -> None:
    latex = build_report(many).latex
    scores, costs = rows_of(latex, "tab:scores"), rows_of(latex, "tab:costs")
    assert len(scores) == len(costs) == 40
    assert latex.count(r"\end{longtable}") == 2
    assert r"\input" not in latex.replace(r"\textbackslash{}input", "")
    assert latex.splitlines()[0].startswith(r"% a\_b \& 50\% of \#1 \{x\} \$y\$ \textbackslash{}input\{z\}")
    for line in latex.splitlines():
        text = re.sub(r"\\[{}]", "", line)
        assert text.count("{") == text.count("}"), line


@pytest.mark.parametrize("changes", [{"folds": ()}, {"entries": ()}, {"entries": (), "folds": ()}])
def test_a_table_that_cannot_be_made_is_told(changes: dict[str, Any]) -> None:
    latex = build_report(replace(made().inputs, **changes)).latex
    assert ("% No two models have all folds" in latex) == ("folds" in changes)
    assert ("% No model is trained yet" in latex) == ("entries" in changes)
    assert latex.count(r"\begin{longtable}") == 2 - len(changes)


@pytest.mark.skipif(COMPILER is None, reason="no pdflatex, xelatex or lualatex on the path: nothing is compiled")
@pytest.mark.parametrize("name", ["made", "many"])
def test_latex_compiles_them(name: str, many: ReportInputs, tmp_path: Path) -> None:
    (tmp_path / "tables.tex").write_text(build_report({"made": made().inputs, "many": many}[name]).latex)
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs,longtable}\\begin{document}\\input{tables}\\end{document}\n"
    )
    command = [str(COMPILER), "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-3000:]


@pytest.mark.parametrize("character", [chr(code) for code in range(33, 127)])
def test_every_sign_is_alone_in_what_latex_reads(character: str) -> None:
    found = as_latex(character)
    assert found == character or found.startswith(("\\", "{"))
    assert (found == character) == (character not in "\\{}$&#%_~^<>|[]*`")
