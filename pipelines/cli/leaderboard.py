"""``har leaderboard``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from har_core.base.text import printable, to_json

if TYPE_CHECKING:
    from har_core.report.standings import Standings

_CHAMPION = " (champion)"


def leaderboard(
    as_json: Annotated[bool, typer.Option("--json", help="One object instead of lines.")] = False,
) -> None:
    """Models by their scores on people they never saw, as the newest report has them, with what is missing."""
    from assets.resources.store import CHAMPION_ALIAS, COPIED_FROM_TAG, OVERALL, Store
    from pipelines.homes import current_home

    home = current_home()
    path = home.report_folder / "report.json"
    if not path.is_file():
        typer.echo(f"There is no report in {printable(home.root)} yet: `har run` makes one.", err=True)
        raise typer.Exit(1)
    from har_core.report.standings import standings_of
    from har_core.report.stored import read_report_file

    report = read_report_file(path)
    standings = standings_of(report)
    entry = Store(home).by_alias(OVERALL, CHAMPION_ALIAS)
    source = None if entry is None else entry.tags.get(COPIED_FROM_TAG)
    champion = None if source is None else source.partition("/")[0].removeprefix("har-")
    if as_json:
        told = {"report": str(path), "created": report.created, "origin": report.origin, "champion": champion}
        typer.echo(to_json(told | asdict(standings)))
        return
    _print_folds(standings, champion)
    _print_holdout(standings, champion)
    if champion is None:
        typer.echo("Champion: none")
    elif champion not in report.models:
        typer.echo(printable(f"Champion: {champion}, which is not in this report"))
    for line in standings.missing:
        typer.echo(printable(f"Missing: {line}"))
    synthetic = ", on synthetic recordings" if report.origin == "synthetic" else ""
    typer.echo(printable(f"Report of {report.created[:16].replace('T', ' ')}{synthetic}: {path}"))


def _print_folds(standings: Standings, champion: str | None) -> None:
    if not standings.by_folds:
        return
    names = [row.model + (_CHAMPION if row.model == champion else "") for row in standings.by_folds]
    width = max(len("Model"), *map(len, names))
    typer.echo(f"Macro-F1 by subject ({standings.protocol}), mean over subjects with its 95 % interval")
    typer.echo(
        f"{'Rank':>4}  {'Model':<{width}}   Mean  95 %            Worst subject  Over subjects  Over seeds  Folds"
    )
    for rank, (name, row) in enumerate(zip(names, standings.by_folds, strict=True), start=1):
        spread = row.spread
        interval = "–" if spread.interval is None else f"{spread.interval[0]:.3f} to {spread.interval[1]:.3f}"
        place = str(rank) if row.is_complete else "–"  # its mean is of other subjects
        worst = f"{spread.worst:.3f} ({spread.worst_subject})"
        typer.echo(
            printable(
                f"{place:>4}  {name:<{width}}  {spread.mean:.3f}  {interval:<14}  {worst:<13}  "
                f"{_number(spread.over_subjects):>13}  {_number(spread.over_seeds):>10}  "
                f"{row.num_folds} of {row.num_folds_planned}"
            )
        )
    typer.echo("")


def _print_holdout(standings: Standings, champion: str | None) -> None:
    if not standings.by_holdout:
        return
    typer.echo("Macro-F1 of the holdout's test windows, of models without these folds")
    names = [model + (_CHAMPION if model == champion else "") for model, _ in standings.by_holdout]
    width = max(len("Model"), *map(len, names))
    typer.echo(f"      {'Model':<{width}}   Test")
    for name, (_, score) in zip(names, standings.by_holdout, strict=True):
        typer.echo(printable(f"      {name:<{width}}  {_number(score)}"))
    typer.echo("")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
