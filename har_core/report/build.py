"""From inputs to the files of the report."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape

from har_core.audit.words import KIND_WORDS
from har_core.base.files import atomic_path, write_text
from har_core.base.text import as_latex, printable_lines
from har_core.evaluation.records import dump_json
from har_core.report import FILES, choices, formats, published
from har_core.report.defects import DROP_WORDS
from har_core.report.figures import figures_of
from har_core.report.inputs import ReportInputs
from har_core.report.page import compose
from har_core.report.score_tables import ScoreTables, tabulate_scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report in all its forms."""

    html: str
    """One page that needs nothing beside it and no network."""
    markdown: str
    json: str
    latex: str
    """Tables for a paper."""
    scores: ScoreTables
    """Of every training, for statistics of one's own."""


def build_report(inputs: ReportInputs) -> Report:
    """Make everything of ``inputs``. Writes nothing."""
    page = compose(inputs)
    environment = make_environment()
    return Report(
        html=environment.get_template("report.html.j2").render(page=page, inputs=inputs),
        markdown=environment.get_template("report.md.j2").render(page=page, inputs=inputs),
        json=dump_json(figures_of(page)),
        latex=_latex_environment().get_template("tables.tex.j2").render(page=page, inputs=inputs),
        scores=tabulate_scores(inputs),
    )


def write_report(report: Report, folder: Path) -> tuple[Path, ...]:
    """Write :data:`~har_core.report.FILES` into ``folder``, each whole or not at all."""
    texts = (report.html, report.markdown, report.json, report.latex)
    paths = tuple(folder / name for name in FILES)
    for path, content in zip(paths, (*texts, report.scores.subjects, report.scores.activities), strict=True):
        _write(path, content)
    return paths


def _write(path: Path, content: str | pa.Table) -> None:
    if isinstance(content, str):
        write_text(path, content)
    else:
        with atomic_path(path) as temporary:
            pq.write_table(content, temporary, compression="zstd")


@cache
def make_environment(*packages: str) -> Environment:
    """Templates that escape everything in HTML, and stop at a name they do not know; those of ``packages`` too."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in (*packages, "har_core.report")]),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (
        *(
            formats.fixed,
            formats.grouped,
            formats.mean_of,
            formats.points,
            formats.shown,
            formats.signed,
            formats.significant,
            formats.time_taken,
        ),
        *(formats.with_spread, formats.md, formats.md_link, shade, dump_json),
        *(choices.trained_on, choices.chosen_of),
    )
    environment.filters |= {function.__name__: function for function in filters}
    environment.globals |= {
        "kind_words": KIND_WORDS,
        "drop_words": DROP_WORDS,
        "is_web_link": formats.is_web_link,
        "published": published,
    }
    return environment


@cache
def _latex_environment() -> Environment:
    """The same for LaTeX."""
    return make_environment().overlay(finalize=_as_latex)


def _printable(value: object) -> object:
    """Text from outside must neither hide nor reorder what stands beside it; markup that was made here stays."""
    return printable_lines(value) if type(value) is str else value


def _as_latex(value: object) -> object:
    """As :func:`_printable`, for LaTeX: whatever a template inserts is text."""
    return as_latex(value) if isinstance(value, str) else value


def shade(share: float) -> int:
    """The shade of a cell, 0 to 10; a share that is no number has none."""
    return round(10 * share) if formats.is_number(share) else 0
