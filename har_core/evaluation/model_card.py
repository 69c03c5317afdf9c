"""The card of a registered model, in Markdown: what it is, its scores and whose they are, data, cost, limits, loading.

After M. Mitchell et al., "Model cards for model reporting" (FAT* 2019). Where its run and files are, the caller says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from har_core.base.errors import counted
from har_core.base.text import as_markdown
from har_core.datasets.origin import Origin
from har_core.evaluation.folds import ProtocolSummary, summarise_folds
from har_core.evaluation.intervals import CONFIDENCE, interval_of_mean
from har_core.evaluation.records import ModelRecord
from har_core.evaluation.results import FoldResult, ModelResult, score_model, score_predictions
from har_core.evaluation.scores import Scores
from har_core.inference.predictions import spec_of
from har_core.models.catalogue import describe, list_models
from har_core.settings.report import TESTING_IN_TURN
from har_core.spec.dataset import DatasetSpec

_MOST_NAMED = 24
"""Activities in a sentence."""
_MOST_SUBJECTS = 60
"""Rows of a table."""
_SYNTHETIC = "**Made from synthetic recordings: no score here says anything about people.**"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Which version a card is about, and where more about it is."""

    address: str
    """``models:/har-cnn/3``."""
    what: str
    """What it is, in a sentence or a paragraph."""
    window_length: int
    """Samples in a window."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Words -> address of a page, or a command in backticks."""


def what_it_is(record: ModelRecord) -> str:
    """What the file of its architecture opens with; of a model that was made from others, which and how.

    A model that its experiment has no file for is called by its name.
    """
    settings = record.training_settings
    if record.parent is not None:
        how = settings.get("kind", "")
        return f"{record.parent}, made smaller or faster ({how}). {_first_paragraph(record.parent)}".strip()
    if "members" in settings:
        members = " and ".join(settings["members"])
        return f"The answers of {members}, combined by {settings['combine']}."
    return _first_paragraph(record.architecture) or f"{record.architecture}."


def _first_paragraph(name: str) -> str:
    return " ".join(describe(name).description.split("\n\n")[0].split()) if name in list_models() else ""


def model_card(
    subject: Subject,
    record: ModelRecord,
    predictions: pa.Table,
    *,
    num_dropped: Mapping[str, int] | None = None,
    folds: Sequence[FoldResult] = (),
) -> str:
    """The card of a model that was fitted, compressed or put together on the split.

    Args:
        subject: the version.
        record: of its training.
        predictions: of its held-out windows, by these very weights.
        num_dropped: windows that left a role of the split, by reason and role; None where nobody knows.
        folds: what trainings of the same recipe, on the same windows, came to in folds; of any protocols.
    """
    result, spec = score_model(record, predictions), spec_of(predictions)
    summary = _summary(folds)
    paragraphs = [
        *_opening(subject, record.origin),
        _verdict(result, summary),
        "## Scores",
        *_scores(result, summary, score_predictions(predictions).per_subject),
        "## Data",
        _data(spec, subject.window_length, record.origin),
        *_roles(record, num_dropped),
        "## Cost",
        _cost(record),
        "## Use and limits",
        f"{_use(spec, subject.window_length)}\n{_limits(result, summary)}",
        *_loading(subject, spec),
    ]
    return "\n\n".join(paragraphs)


def personal_card(
    subject: Subject, spec: DatasetSpec, scores: Mapping[str, Scores], *, origin: Origin, num_learnt: int
) -> str:
    """The card of a model that was fitted on to one person.

    Args:
        subject: the version.
        spec: of what it takes and answers.
        scores: of later windows of that person, ``before`` and ``after``; empty where none were left.
        origin: of all recordings that it learnt from.
        num_learnt: windows of the person that it learnt from.
    """
    told = f"No later window was left to test on: nobody knows what the {counted(num_learnt, 'window')} gained."
    if scores:
        before, after = (scores[when].macro_f1 for when in ("before", "after"))
        told = (
            f"Macro-F1 on {counted(scores['after'].num_windows, 'later window')} of this person: **{after:.3f}**, "
            f"{before:.3f} before it learnt from {counted(num_learnt, 'window')}."
        )
    use = _use(spec, subject.window_length)
    paragraphs = [
        *_opening(subject, origin),
        told,
        "## Data",
        _data(spec, subject.window_length, origin),
        "## Use and limits",
        f"{use}\n- For this person alone: nothing was measured of what it does for others.",
        *_loading(subject, spec),
    ]
    return "\n\n".join(paragraphs)


def _opening(subject: Subject, origin: Origin) -> list[str]:
    return [*([] if origin == "real" else [_SYNTHETIC]), as_markdown(subject.what)]


def _summary(folds: Sequence[FoldResult]) -> ProtocolSummary | None:
    """Of the first protocol, in which everybody tests in turn, that has folds."""
    for protocol in TESTING_IN_TURN:
        own = [fold for fold in folds if fold.protocol == protocol]
        if own:
            return summarise_folds(own)
    return None


def _verdict(result: ModelResult, summary: ProtocolSummary | None) -> str:
    if summary is None:
        macro_f1, held_out = result.scores["test"].macro_f1, _people(len(result.subjects.get("test", ())))
        return (
            f"Macro-F1 **{macro_f1:.3f}** on {held_out} held out; the recipe was not tested on each person in turn "
            "when this was written."
        )
    scores = summary.per_subject
    worst = min(scores, key=scores.__getitem__)
    return (
        f"Macro-F1 over {_people(len(scores))} who tested in turn (`{summary.protocol}`, trainings of the same "
        f"recipe): **{_mean(list(scores.values()))}**, the least {scores[worst]:.3f} of subject {worst}."
    )


def _mean(scores: Sequence[float]) -> str:
    interval = interval_of_mean(scores)
    between = "" if interval is None else f" ({CONFIDENCE:.0%} interval {interval[0]:.3f} to {interval[1]:.3f})"
    return f"{sum(scores) / len(scores):.3f}{between}"


def _scores(result: ModelResult, summary: ProtocolSummary | None, tested: Mapping[int, float]) -> list[str]:
    """A table by role, one by subject, and whose scores these are."""
    rows: list[Sequence[object]] = []
    for role, told in (("test", "chose nothing"), ("validation", "chose the epoch, or may have chosen the model")):
        for scores, windows in ((result.scores.get(role), ""), (result.scores_clean.get(role), ", undamaged alone")):
            if scores is not None and not (windows and scores == result.scores.get(role)):
                figures = f"{scores.macro_f1:.3f}", f"{scores.accuracy:.3f}", scores.num_windows
                rows.append((f"{role}{windows} ({told})", *figures))
    by_subject = {} if summary is None else summary.per_subject
    people = sorted({*tested, *by_subject})
    more = len(people) - _MOST_SUBJECTS
    paragraphs = [
        "These weights, on windows of people they never saw:",
        _table(("windows", "macro-F1", "accuracy", "number"), rows),
        _table(
            ("subject", "these weights", "other trainings of the recipe"),
            ((own, _figure(tested.get(own)), _figure(by_subject.get(own))) for own in people[:_MOST_SUBJECTS]),
        ),
    ]
    if more > 0:
        paragraphs.append(f"And {counted(more, 'more subject')}.")
    if summary is None:
        return [*paragraphs, "No fold of this recipe, on these windows, was there when this was written."]
    seeds = counted(len(summary.seeds), "seed")
    paragraphs.append(
        f"Other trainings: {counted(len(summary.folds), 'fold')} of `{summary.protocol}`, {seeds} each, on "
        f"{counted(summary.num_test_windows, 'test window')}. They say how good the recipe is for new people; these "
        "weights were not scored there."
    )
    return paragraphs


def _data(spec: DatasetSpec, window_length: int, origin: Origin) -> str:
    about = [as_markdown(spec.title), *(as_markdown(text) for text in (spec.citation, spec.licence) if text)]
    made_up = "" if origin == "real" else "Synthetic recordings, in the form of: "
    return (
        f"{made_up}{'. '.join(text.rstrip('.') for text in about)}. Windows of {window_length} samples "
        f"({window_length / spec.sampling_rate_hz:.3g} s at {spec.sampling_rate_hz:g} Hz)."
    )


def _roles(record: ModelRecord, num_dropped: Mapping[str, int] | None) -> list[str]:
    rows = [
        (role, " ".join(map(str, record.subjects.get(role, ()))) or "–", number)
        for role, number in record.num_windows.items()
    ]
    table = _table(("role", "subjects", "windows"), rows)
    if num_dropped is None:
        return [table]
    dropped = {name: number for name, number in num_dropped.items() if number}
    told = ", ".join(f"{number} {name.replace('_', ' in ')}" for name, number in dropped.items())
    return [table, f"Windows left out: {told or 'none'}."]


def _cost(record: ModelRecord) -> str:
    cost, latency = record.complexity, record.latency
    size = "" if record.file_bytes is None else f", {record.file_bytes:,} bytes on disk"
    peak = "" if latency.peak_bytes is None else f", {latency.peak_bytes:,} bytes of memory at its peak"
    return (
        f"{cost.num_parameters:,} learnt numbers{size}; {cost.macs:,} multiply-accumulates a window{peak}. One window "
        f"took {latency.batch1_median_ms:.2f} ms (median; 95th percentile {latency.batch1_p95_ms:.2f} ms) with "
        f"{counted(latency.num_threads, 'thread')} of {as_markdown(latency.machine.processor)} "
        f"({counted(latency.machine.num_cores, 'core')}, {as_markdown(latency.machine.system)}, PyTorch "
        f"{as_markdown(latency.machine.torch_version)}). Training took {record.training_seconds:.0f} s on "
        f"{as_markdown(record.device)}."
    )


def _use(spec: DatasetSpec, window_length: int) -> str:
    units = ", ".join(spec.place_names.get(place, place) for place in spec.places)
    return (
        f"- Meant to tell which of {spec.num_activities} activities somebody is at, from {window_length} samples of "
        f"{spec.num_channels} channels ({', '.join(spec.sensor_kinds)}) of units worn on: {as_markdown(units)}. "
        f"Activities: {as_markdown(_first(spec.activities))}.\n"
        "- It names one of these activities whatever the person does, and expects units worn as in the recordings that "
        "it learnt from; `har predict` says where windows are unlike those."
    )


def _limits(result: ModelResult, summary: ProtocolSummary | None) -> str:
    """What its own scores warn of."""
    told, test = [], result.scores["test"]
    missed = [own.activity for own in test.per_class if own.support and not own.recall]
    if missed:
        told.append(f"- Never recognised among the test windows: {as_markdown(_first(missed))}.")
    num_people = len(result.subjects.get("test", ())) if summary is None else len(summary.per_subject)
    told.append(f"- {_people(num_people)} tested: differences of a few hundredths between models may be chance.")
    return "\n".join(told)


def _loading(subject: Subject, spec: DatasetSpec) -> list[str]:
    address = subject.address
    links = "\n".join(f"- {words}: {_link(target)}" for words, target in subject.links.items())
    command = f"har predict --model {address} FOLDER"
    return [
        "## How to load it",
        f"`{command}` reads recordings, checks the model's files and names activities. Python alone checks none:",
        f"""```python
import os, pathlib, mlflow

os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
home = pathlib.Path(os.environ.get("HAR_HOME", ".")).absolute()
mlflow.set_tracking_uri(f"sqlite:///{{home}}/mlruns/mlflow.db")
model = mlflow.pyfunc.load_model("{address}", model_config={{"device": "cpu"}})
# model.predict(windows): float32 (N, {subject.window_length}, {spec.num_channels}) in sensor units
# -> probabilities (N, {spec.num_activities}); model.metadata.metadata["activities"] names them
```""",
        *([f"## Where it comes from\n\n{links}"] if links else []),
    ]


def _link(target: str) -> str:
    return f"<{target}>" if target.startswith("http") else target


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number} people"


def _figure(score: float | None) -> str:
    return "–" if score is None else f"{score:.3f}"


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(as_markdown, line))} |" for line in lines)
