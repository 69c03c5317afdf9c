"""From inputs to the three files of the report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from har_core.base.files import write_text
from har_core.evaluation.records import dump_json
from har_core.report import formats
from har_core.report.figures import figures_of
from har_core.report.inputs import ReportInputs
from har_core.report.page import compose
from har_core.report.published import (
    F1_NOTE,
    PARAMETERS_FOOTNOTE,
    PUBLISHED_RANDOM_SPLIT,
    SELECTION_NOTE,
    f1_of_means,
)

NUM_HEAT_LEVELS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report in three forms."""

    html: str
    """One page that needs nothing beside it and no network."""
    markdown: str
    json: str


def build_report(inputs: ReportInputs) -> Report:
    """Make the page, the Markdown and the JSON of ``inputs``. Writes nothing, and needs no network."""
    page = compose(inputs)
    environment = _environment()
    return Report(
        html=environment.get_template("report.html.j2").render(page=page),
        markdown=environment.get_template("report.md.j2").render(page=page),
        json=dump_json(figures_of(page)),
    )


def write_report(report: Report, folder: Path) -> tuple[Path, Path, Path]:
    """Write ``report.html``, ``report.md`` and ``report.json`` into ``folder``, each whole or not at all."""
    paths = (folder / "report.html", folder / "report.md", folder / "report.json")
    for path, content in zip(paths, (report.html, report.markdown, report.json), strict=True):
        write_text(path, content)
    return paths


def _environment() -> Environment:
    """Templates that escape everything in HTML, and stop at a name they do not know."""
    environment = Environment(
        loader=PackageLoader("har_core.report"),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "fixed": formats.fixed,
        "with_spread": formats.with_spread,
        "points": formats.points,
        "grouped": formats.grouped,
        "significant": formats.significant,
        "duration": formats.duration,
        "shown": formats.shown,
        "md": formats.markdown_escaped,
        "md_link": formats.markdown_link,
        "level": _heat_level,
    }
    environment.globals |= {
        "is_web_link": formats.is_web_link,
        "f1_of_means": f1_of_means,
        "parameters_footnote": PARAMETERS_FOOTNOTE,
        "selection_note": SELECTION_NOTE,
        "f1_note": F1_NOTE,
        "published_random_split": PUBLISHED_RANDOM_SPLIT,
    }
    return environment


def _heat_level(share: float) -> int:
    """The shade of a cell, 0 to 10; a share that is no number has none."""
    return round(min(max(share, 0), 1) * NUM_HEAT_LEVELS) if formats.is_number(share) else 0
