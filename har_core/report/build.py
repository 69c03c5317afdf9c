"""From inputs to the three files of the report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape

from har_core.audit.words import KIND_WORDS
from har_core.base.files import write_text
from har_core.base.text import printable_lines
from har_core.evaluation.records import dump_json
from har_core.report import choices, formats, published
from har_core.report.defects import DROP_WORDS
from har_core.report.figures import figures_of
from har_core.report.inputs import ReportInputs
from har_core.report.page import compose


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report in three forms."""

    html: str
    """One page that needs nothing beside it and no network."""
    markdown: str
    json: str


def build_report(inputs: ReportInputs) -> Report:
    """Make the page, the Markdown and the JSON of ``inputs``. Writes nothing."""
    page = compose(inputs)
    environment = make_environment()
    return Report(
        html=environment.get_template("report.html.j2").render(page=page, inputs=inputs),
        markdown=environment.get_template("report.md.j2").render(page=page, inputs=inputs),
        json=dump_json(figures_of(page)),
    )


def write_report(report: Report, folder: Path) -> tuple[Path, Path, Path]:
    """Write ``report.html``, ``report.md`` and ``report.json`` into ``folder``, each whole or not at all."""
    paths = (folder / "report.html", folder / "report.md", folder / "report.json")
    for path, content in zip(paths, (report.html, report.markdown, report.json), strict=True):
        write_text(path, content)
    return paths


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


def _printable(value: object) -> object:
    """Text from outside must neither hide nor reorder what stands beside it; markup that was made here stays."""
    return printable_lines(value) if type(value) is str else value


def shade(share: float) -> int:
    """The shade of a cell, 0 to 10; a share that is no number has none."""
    return round(10 * share) if formats.is_number(share) else 0
