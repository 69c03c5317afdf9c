"""``har report``."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from har_core.base.text import printable, to_json

if TYPE_CHECKING:
    from har_core.report.changes import Changed, ModelChange, ReportChanges

_LONGEST_VALUE = 60
_NO_PAIR = "no scores by subject to compare"


def report(
    compare: Annotated[
        tuple[str, str],
        typer.Option(
            help="Two reports, the earlier first: each a report.json, a folder with one, a home, or the id of an "
            "MLflow run of a comparison report in this home.",
            metavar="A B",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One object instead of lines.")] = False,
) -> None:
    """Say what changed between two reports, and for each model in both whether that is more than chance."""
    from pipelines.homes import current_home
    from pipelines.report_places import find_reports

    before, after = find_reports(compare, current_home())
    from har_core.report.changes import compare_reports

    changes = compare_reports(before, after)
    if as_json:
        typer.echo(to_json(asdict(changes)))
        return
    for name, stored in zip(compare, (before, after), strict=True):
        commit = (stored.git_commit or "unknown commit")[:12]
        typer.echo(printable(f"{name}: {stored.created[:16].replace('T', ' ')}, {stored.origin}, {commit}"))
    for line in _lines(changes):
        typer.echo(printable(line))


def _lines(changes: ReportChanges) -> list[str]:
    lines = [f"Added: {name}" for name in changes.added] + [f"Gone: {name}" for name in changes.gone]
    lines += [f"Data: {_told(entry)}" for entry in changes.data]
    lines += [f"Setting: {_told(entry)}" for entry in changes.settings]
    if changes.commits[0] != changes.commits[1]:
        lines.append("Commit: {} -> {}".format(*(str(commit or "unknown")[:12] for commit in changes.commits)))
    lines += [f"Missing now: {name}" for name in changes.missing[1] if name not in changes.missing[0]]
    lines += [f"No longer missing: {name}" for name in changes.missing[0] if name not in changes.missing[1]]
    if not lines:
        lines.append("Models, data, settings and commit are the same.")
    if not changes.same_people:
        lines.append("The recordings are of other people: no score is paired.")
    lines += [_scores(change) for change in changes.models]
    lines += [f"{name}: scores of no protocol are in both" for name in changes.unpaired]
    verdicts = Counter(change.pair.verdict for change in changes.models if change.pair is not None)
    if verdicts:
        lines.append(", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common()))
    return lines


def _scores(change: ModelChange) -> str:
    before, after = ("–" if value is None else f"{value:.3f}" for value in (change.before, change.after))
    told = f"{change.model} ({change.protocol}): macro-F1 {before} -> {after}"
    pair = change.pair
    if pair is None:
        return f"{told}, {_NO_PAIR}"
    told += f", {pair.verdict}"
    if pair.probabilities is not None:
        found = pair.probabilities
        told += f" (better {found.better:.2f}, equivalent {found.equivalent:.2f}, worse {found.worse:.2f}; "
        told += f"Wilcoxon with Holm p = {pair.holm_p:.3f}; {len(pair.differences)} subjects)"
    return told


def _told(entry: Changed) -> str:
    return f"{entry.name} {_value(entry.before)} -> {_value(entry.after)}"


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    return f"a section of {len(value)}" if isinstance(value, dict) else str(value)[:_LONGEST_VALUE]
