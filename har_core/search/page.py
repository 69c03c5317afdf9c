"""The page of a search: one HTML file that needs nothing beside it and no network, in the style of the report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from har_core.datasets.origin import Origin
from har_core.report.build import make_environment
from har_core.report.formats import listed, time_taken, with_spread
from har_core.search import charts
from har_core.search.results import Rival, SearchResult, TrialResult
from har_core.settings.experiment import Option

_MOST_RIVALS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the template shows beside the result itself."""

    origin: Origin
    created: datetime
    run_id: str
    run_url: str
    lead: str
    names: Sequence[str]
    """Of the settings, in the order of the file."""
    priced: bool
    """Whether cost was measured."""
    rivals: Sequence[Rival]
    history: Markup | None
    importance: Markup | None
    front: Markup | None
    failures: Sequence[TrialResult]
    facts: Mapping[str, object]

    @property
    def is_synthetic(self) -> bool:
        """Whether the recordings were made."""
        return self.origin == "synthetic"

    @staticmethod
    def shown(value: Option | None) -> str:
        """A value as the experiment file has it."""
        return "–" if value is None else value if isinstance(value, str) else json.dumps(value)


def build_page(
    result: SearchResult, *, origin: Origin, created: datetime, run_id: str, run_url: str, windows_version: str
) -> str:
    """The page of ``result`` as HTML.

    Args:
        result: with at least one complete trial.
        origin: of the recordings.
        created: when, with a time zone.
        run_id: of the MLflow run of this search.
        run_url: of the same.
        windows_version: data version of the windows.
    """
    page = Page(
        origin=origin,
        created=created,
        run_id=run_id,
        run_url=run_url,
        lead=_lead(result),
        names=tuple(result.search["space"]),
        priced=bool(result.front),
        rivals=result.rivals[:_MOST_RIVALS],
        history=charts.history(result.trials),
        importance=charts.importance(result.importance),
        front=charts.front(result.trials, result.front),
        failures=[trial for trial in result.trials if trial.state == "failed"],
        facts=_facts(result, windows_version),
    )
    environment = make_environment("har_core.search")
    return environment.get_template("search.html.j2").render(page=page, result=result)


def _lead(result: SearchResult) -> str:
    close = sum(rival.is_close for rival in result.rivals)
    best = (
        f"The best of {len(result.complete)} complete trials has a macro-F1 of {with_spread(result.best.spread)} over "
    )
    folds = f"{len(result.best.scores)} inner folds"
    if not result.rivals:
        return f"{best}{folds}."
    words = "no other is" if not close else "one other is" if close == 1 else f"{close} others are"
    return f"{best}{folds}; {words} too close to tell apart."


def _facts(result: SearchResult, windows_version: str) -> dict[str, object]:
    states = [trial.state for trial in result.trials]
    return {
        "Sampler": f"{result.search['sampler']}, seed {result.search['seed']}",
        "Pruner": result.search["pruner"],
        "Trials": ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states)),
        "Time in trials": time_taken(sum(trial.seconds or 0.0 for trial in result.trials)),
        "Subjects that validate": "; ".join(listed([str(number) for number in part]) for part in result.validation),
        "Windows": windows_version,
    }
