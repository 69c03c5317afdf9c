"""What ``har run`` says at its end: failures, what was skipped and why, the ranking, and where to look."""

from __future__ import annotations

import json
import logging
import math
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from dagster import AssetKey

from assets.resources.addresses import dagster_url, mlflow_start_url
from assets.resources.home import Home
from har_core.base.errors import InputError, Problem, counted
from har_core.base.text import printable
from har_core.settings.report import TESTING_IN_TURN
from pipelines import failures
from pipelines.runner import Outcome
from pipelines.staleness import Item, State

_LOGGER = logging.getLogger("har")
_MOST_NAMED = 12
"""Assets of one folder; more of them are counted."""


def print_summary(outcome: Outcome, home: Home, champion: str | None = None) -> int:
    """Print it, failures on stderr; gives the exit code.

    ``champion`` is the model to use, as the latest materialisation of that asset names it: ``har/3 (har-cnn/2)``.
    """
    _print_skipped(outcome)
    _print_ranking(home, champion, is_whole=not outcome.failures)
    here = "" if home.root == Path.cwd() else f"HAR_HOME={shlex.quote(str(home.root))} "
    typer.echo(f"Dagster: {dagster_url()}")
    typer.echo(f"MLflow:  {mlflow_start_url()}")
    typer.echo(f"Both are served by: {here}{_program()} ui")
    print_failures(outcome, home)
    if outcome.failures:
        return failures.exit_code(outcome.failures.values())
    if outcome.held:
        return InputError.exit_code  # nothing failed: the selection leaves out what it needs
    return 1 if outcome.unsettled else 0


def _program() -> str:
    """How to call this program again: by its name where the shell finds it, else as it was called."""
    return "har" if shutil.which("har") else shlex.quote(sys.argv[0])


def _print_skipped(outcome: Outcome) -> None:
    done = {*outcome.ran, *outcome.failures}
    fresh = [s.item for s in outcome.statuses.values() if s.item not in done and s.state is State.FRESH]
    if fresh:
        typer.echo(f"Skipped, fresh: {named(fresh)}")
    skipped: dict[tuple[State, str], list[Item]] = {}
    for status in outcome.statuses.values():
        if status.item not in done and status.state is not State.FRESH:
            cause = outcome.held.get(status.item) or f"not selected: {'; '.join(status.causes)}"
            skipped.setdefault((status.state, cause), []).append(status.item)
    for (state, cause), items in skipped.items():
        typer.echo(f"Skipped, {state}: {named(items)} ({printable(cause)})")
    if outcome.restored:
        typer.echo(f"Put back in MLflow: {named(dict.fromkeys(outcome.restored))}")
    typer.echo(f"Ran: {named(outcome.ran) or 'nothing'}")
    failed: dict[tuple[Item, ...], list[str]] = {}
    for name, items in outcome.failed_checks.items():
        failed.setdefault(tuple(items), []).append(name)
    for of, names in failed.items():
        typer.echo(f"Warnings: {named(of)} ({', '.join(names)})")


def named(items: Iterable[Item]) -> str:
    """The items in their order, the partitions of one asset together: ``windows, folds/cnn[loso-p1 loso-p2]``.

    Many assets of one folder are counted: ``42 of models/*``.
    """
    folders: dict[str, dict[AssetKey, list[str]]] = {}
    for item in items:
        name = item.key.to_user_string()
        partitions = folders.setdefault(name.rpartition("/")[0] or name, {}).setdefault(item.key, [])
        partitions += [item.partition] if item.partition is not None else []
    return ", ".join(text for folder, assets in folders.items() for text in _assets_of(folder, assets))


def _assets_of(folder: str, assets: Mapping[AssetKey, Sequence[str]]) -> Iterator[str]:
    if len(assets) > _MOST_NAMED:
        num_partitions = sum(map(len, assets.values()))
        told = f" ({counted(num_partitions, 'partition')})" if num_partitions else ""
        yield f"{len(assets)} of {folder}/*{told}"
        return
    for key, names in assets.items():
        yield key.to_user_string() + (f"[{' '.join(names)}]" if names else "")


def _print_ranking(home: Home, champion: str | None, *, is_whole: bool) -> None:
    report = home.report_folder / "report.html"
    if not report.is_file():
        return
    try:
        content = json.loads((home.report_folder / "report.json").read_text(encoding="utf-8"))
        results = [entry["result"] for entry in content["entries"]]  # the best by validation first
    except (OSError, ValueError, TypeError, KeyError):
        typer.echo(f"{report}: the report is damaged; `har run --select comparison_report` makes it again", err=True)
        return
    if results and not is_whole:
        typer.echo("\nThe ranking below is of what stood before: work failed, and is not in it.")
    if results:
        typer.echo("\nRank  Architecture      Validation macro-F1  Test macro-F1  Parameters")
    for rank, result in enumerate(results, start=1):
        scores = result["scores"]
        place, validation = (rank, _score(scores["validation"])) if "validation" in scores else ("–", "–")
        told = f"{place:>4}  {result['architecture']:<16}  {validation:>19}  {_score(scores['test']):>13}"
        typer.echo(f"{told}  {result['complexity']['num_parameters']:>10,}")
    typer.echo("")
    if champion is not None:
        typer.echo(f"Champion: {printable(champion)}")
        if (words := score_to_quote(content, champion)) is not None:
            typer.echo(f"Score to quote: {words}")
    typer.echo(f"Report:  {printable(report)}")


def _score(scores: dict[str, Any]) -> str:
    """JSON has no NaN: a score that could not be computed is null."""
    return f"{math.nan if scores['macro_f1'] is None else scores['macro_f1']:.4f}"


def score_to_quote(report: dict[str, Any], champion: str) -> str | None:
    """The champion's score on people it never saw, where all its folds of an honest protocol are there."""
    architecture = champion.partition("(har-")[2].partition("/")[0]
    for protocol in TESTING_IN_TURN:
        for row in report["protocols"].get(protocol, {}).get("ranking", []):
            if row["architecture"] == architecture and len(row["folds"]) >= row["num_folds_planned"]:
                mean, deviation = row["macro_f1"]["mean"], row["macro_f1"]["standard_deviation"]
                spread = "" if deviation is None else f" ± {deviation:.3f}"
                folds, seeds = len(row["folds"]), counted(len(row["seeds"]), "seed")
                return f"{architecture}, {protocol}: macro-F1 {mean:.3f}{spread} over {folds} folds, {seeds}"
    return None


def print_failures(outcome: Outcome, home: Home) -> None:
    """Print on stderr what failed and what could not run."""
    problems: list[Problem] = []
    for item, error in outcome.failures.items():
        _LOGGER.error("%s failed", item, exc_info=error)
        typer.echo(f"Failed: {item}: {failures.message(error)}", err=True)
        ours = failures.meant_for_user(error)
        if isinstance(ours, InputError) and ours.problems:
            problems += ours.problems
    if not outcome.failures:
        for item, reason in outcome.held.items():
            typer.echo(f"Cannot run: {item}: {printable(reason)}", err=True)
    for status in outcome.unsettled:
        typer.echo(
            printable(f"Not settled: {status.item} ran, and is {status.state}: {'; '.join(status.causes)}"), err=True
        )
    if problems:
        InputError("Problems of the latest run:", problems).write(home.problems)
        typer.echo(f"All problems: {home.problems}", err=True)
    if outcome.failures:
        typer.echo(f"Details: {home.log}", err=True)
