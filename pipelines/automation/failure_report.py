"""One short page about a run that failed: what, why, what still stands, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from dagster._utils.error import SerializableErrorInfo

from assets.machinery.commits import git_commit
from assets.resources.addresses import dagster_url
from assets.resources.home import Home
from har_core.base.errors import HarError, InputError
from har_core.base.files import write_text

_STARTED_BY = {
    "dagster/schedule_name": "the schedule",
    "dagster/sensor_name": "the sensor",
    "dagster/from_automation_condition": "automation",
    "dagster/from_ui": "the UI",
}
"""By tag; the first that a run has counts."""


def write_failure_report(context: dg.RunFailureSensorContext, home: Home) -> Path:
    """Write the page of the run that failed; gives its path."""
    run = context.dagster_run
    record = context.instance.get_run_record_by_id(run.run_id)
    ended = record.end_time if record is not None and record.end_time is not None else datetime.now(tz=UTC).timestamp()
    failed_at = datetime.fromtimestamp(ended, tz=UTC)
    failures = {
        (event.step_key or run.job_name).replace("__", "/"): _explain(event.step_failure_data.error)
        for event in context.get_step_failure_events()
    }
    page = describe_failure(
        failures or {_what(run): context.failure_event.message or "No reason was recorded."},
        failed_at=failed_at,
        partition=run.tags.get("dagster/partition"),
        started_by=_started_by(run),
        run_url=f"{dagster_url()}/runs/{run.run_id}",
        problems=home.problems if home.problems.is_file() else None,
    )
    path = home.failures / f"{failed_at:%Y-%m-%dT%H%M%S}-{run.run_id[:8]}.md"
    write_text(path, page)
    return path


def describe_failure(
    failures: dict[str, str],
    *,
    failed_at: datetime,
    partition: str | None,
    started_by: str,
    run_url: str,
    problems: Path | None,
) -> str:
    """The page, as Markdown.

    Args:
        failures: the reason by the asset, or by the job where no asset began.
        failed_at: with its time zone.
        partition: the fold, if any.
        started_by: who asked for the run.
        run_url: of the run in Dagster's UI.
        problems: where the whole list of problems of a refused input lies.
    """
    names = ", ".join(failures)
    where = f" in fold {partition}" if partition else ""
    lines = [
        f"# {names} failed{where}",
        "",
        f"{failed_at:%d %B %Y, %H:%M:%S %Z}; started by {started_by}; commit {git_commit()}.",
        f"The run with its log: <{run_url}>",
        "",
    ]
    for name, reason in failures.items():
        lines += [f"## {name}", "", *(f"    {line}".rstrip() for line in reason.splitlines()), ""]
    lines += [
        "## What still stands",
        "",
        "Files, MLflow records and registry aliases of earlier materialisations are as they were.",
        "What this run had finished before stays finished.",
        "",
        "## What to do",
        "",
        *([f"- Read all problems of the input: `{problems}`"] if problems else []),
        "- Mend the cause. Automation asks for the asset again once its code, its settings or its inputs have changed.",
        "- Or run it at once: `har run`, or Materialize in Dagster's UI. The nightly refresh tries it in any case.",
    ]
    return "\n".join(lines) + "\n"


def _explain(error: SerializableErrorInfo | None) -> str:
    """What a person reads: the text of an error of ours, else the innermost cause by its class."""
    if error is None:
        return "No reason was recorded."
    chain = list(_causes(error))
    ours = _names_of_ours()
    meant = [cause for cause in chain if cause.cls_name in ours]
    first = next((cause for cause in meant if cause.cls_name == InputError.__name__), meant[0] if meant else None)
    if first is not None:
        return first.message.partition(": ")[2].strip() or first.message.strip()
    return chain[-1].message.strip()


def _causes(error: SerializableErrorInfo) -> Iterator[SerializableErrorInfo]:
    current: SerializableErrorInfo | None = error
    while current is not None:
        yield current
        current = current.cause or current.context


def _names_of_ours() -> set[str]:
    """Names of the classes of errors whose text is meant for users."""
    waiting = [HarError]
    names = set()
    while waiting:
        kind = waiting.pop()
        names.add(kind.__name__)
        waiting += kind.__subclasses__()
    return names


def _what(run: dg.DagsterRun) -> str:
    selected: Sequence[dg.AssetKey] = sorted(run.asset_selection or ())
    return ", ".join(key.to_user_string() for key in selected) or run.job_name


def _started_by(run: dg.DagsterRun) -> str:
    for tag, who in _STARTED_BY.items():
        if tag in run.tags:
            value = run.tags[tag]
            return who if value == "true" else f"{who} {value}"
    return "`har run`"
