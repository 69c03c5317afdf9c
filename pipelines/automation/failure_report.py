"""One short page about a run that failed: what, why, what still stands, and what to do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from dagster._utils.error import SerializableErrorInfo

from assets.machinery.commits import git_commit
from assets.resources.addresses import dagster_url
from assets.resources.home import Home
from har_core.base.errors import HarError, InputError
from har_core.base.files import write_text
from har_core.base.text import printable

_STARTED_BY = {
    "dagster/schedule_name": "the schedule",
    "dagster/sensor_name": "the sensor",
    "dagster/from_automation_condition": "automation",
    "dagster/from_ui": "the UI",
}
"""By tag; the first that a run has counts."""
_NO_REASON = "No reason was recorded."
_PAGE = """\
# {names} failed{where}

{failed_at:%d %B %Y, %H:%M:%S %Z}; started by {started_by}; commit {commit}.
The run with its log: <{run_url}>

{reasons}
## What still stands

Files, MLflow records and registry aliases of earlier materialisations are as they were.
What this run had finished before stays finished.

## What to do

{problems}- Mend the cause. Automation asks for the asset again once its code, its settings or its inputs have changed.
- Or run it at once: `har run`, or Materialize in Dagster's UI. The nightly refresh tries it in any case.
"""


def write_failure_report(context: dg.RunFailureSensorContext, home: Home) -> Path:
    """Write the page of the run that failed, as Markdown; gives its path."""
    run = context.dagster_run
    record = context.instance.get_run_record_by_id(run.run_id)
    ended = record.end_time if record is not None and record.end_time is not None else datetime.now(tz=UTC).timestamp()
    failed_at = datetime.fromtimestamp(ended, tz=UTC)
    reasons = {
        (event.step_key or run.job_name).replace("__", "/"): _explain(event.step_failure_data.error)
        for event in context.get_step_failure_events()
    } or {_what(run): context.failure_event.message or _NO_REASON}
    fold = run.tags.get("dagster/partition")
    page = _PAGE.format(
        names=", ".join(reasons),
        where=f" in fold {fold}" if fold else "",
        failed_at=failed_at,
        started_by=_started_by(run),
        commit=git_commit(),
        run_url=f"{dagster_url()}/runs/{run.run_id}",
        reasons="\n".join(f"## {name}\n\n{_indented(reason)}" for name, reason in reasons.items()),
        problems=f"- Read all problems of the input: `{home.problems}`\n" if home.problems.is_file() else "",
    )
    path = home.failures / f"{failed_at:%Y-%m-%dT%H%M%S}-{run.run_id[:8]}.md"
    write_text(path, page)
    return path


def _explain(error: SerializableErrorInfo | None) -> str:
    """What a person reads: the text of an error of ours, else the innermost cause by its class."""
    if error is None:
        return _NO_REASON
    chain = [error]
    while (cause := chain[-1].cause or chain[-1].context) is not None:
        chain.append(cause)
    ours = _names(HarError)
    meant = [cause for cause in chain if cause.cls_name in ours]
    first = next((cause for cause in meant if cause.cls_name == InputError.__name__), meant[0] if meant else None)
    if first is not None:
        return first.message.partition(": ")[2].strip() or first.message.strip()
    return chain[-1].message.strip()


def _names(kind: type[HarError]) -> set[str]:
    """The names of a class and of all classes below it."""
    return {kind.__name__}.union(*(_names(below) for below in kind.__subclasses__()))


def _indented(reason: str) -> str:
    return "".join(f"    {printable(line)}".rstrip() + "\n" for line in reason.split("\n"))


def _what(run: dg.DagsterRun) -> str:
    return ", ".join(key.to_user_string() for key in sorted(run.asset_selection or ())) or run.job_name


def _started_by(run: dg.DagsterRun) -> str:
    for tag, who in _STARTED_BY.items():
        if tag in run.tags:
            value = run.tags[tag]
            return who if value == "true" else f"{who} {value}"
    return "`har run`"
