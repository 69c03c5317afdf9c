"""``har personalise`` itself: from a registered model and one person's recordings to a version that is theirs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple

import typer

from assets.resources.store import (
    CHALLENGER,
    MODEL_FILE,
    NOTE_TAG,
    ORIGIN_TAG,
    PARENT_TAG,
    PERSON_TAG,
    RegisteredVersion,
)
from har_core.base.errors import HarError, counted
from har_core.base.text import printable
from har_core.settings.transfer import PersonalSettings
from pipelines.persons import Wish

if TYPE_CHECKING:
    from assets.resources.runs import TrackedRun
    from assets.resources.tracking import Tracking
    from har_core.evaluation.scores import Scores
    from har_core.transfer.own import Own, Shown
    from har_core.transfer.personal import Personal

_SETTINGS = PersonalSettings()
RECORDINGS_TAG = "har.recordings"
"""The version of what the files of the recordings hold."""
MANIFEST = "manifest.parquet"
"""Artifact: the files of the recordings, with their hashes."""
SCORES = {"macro_f1": "macro-F1", "accuracy": "accuracy"}
"""What is told of later windows, and how; metrics of the run as ``before/macro_f1``."""


class _Fitted(NamedTuple):
    own: Own
    shown: Shown
    personal: Personal
    scores: dict[str, Scores]
    """``before`` and ``after``, of later windows; none where there are none."""

    @property
    def metrics(self) -> dict[str, float]:
        scores = {f"{when}/{name}": getattr(own, name) for when, own in self.scores.items() for name in SCORES}
        numbers = {"num_learnt": len(self.shown.learnt), "num_later": len(self.shown.later)}
        return {**scores, **numbers, "num_moved": self.personal.num_moved}


def personalise_parent(wish: Wish) -> None:
    """Fit the parent on, test it on later windows, and register it where it did not get worse; says so.

    Raises:
        InputError: the recordings are wrong, or nothing of the model can be changed this way.
        HomeBusyError: another process is at work in the home.
        HarError: it got worse, or it cannot be registered: then nothing is.
    """
    from assets.resources.occupation import occupied
    from assets.resources.tracking import Tracking
    from pipelines.diagnosis import refuse_troubled_stores
    from pipelines.session import open_home

    home = open_home()
    with occupied(home):
        refuse_troubled_stores(home)
        fitted = _fit(wish)
        if fitted.scores and fitted.scores["after"].macro_f1 < fitted.scores["before"].macro_f1:
            raise HarError(
                f"Nothing was registered: {wish.parent.uri} knows the later windows better as it is; another --way, or "
                "more windows to learn from, may help"
            )
        registered = _register(Tracking(home), wish, fitted)
    address = f"models:/{registered.name}/{registered.version}"
    lines = [
        f"Registered {registered.name} version {registered.version} (alias {CHALLENGER}), made from {wish.parent.uri}",
        f"Use it:   har predict --model {address}{wish.options} FOLDER",
        f"Trace it: har trace {address}",
    ]
    typer.echo("\n" + "\n".join(map(printable, lines)))


def _fit(wish: Wish) -> _Fitted:
    from har_core.evaluation.scores import score
    from har_core.inference.classifier import predict_probabilities
    from har_core.inference.graph import load_graph
    from har_core.transfer.own import choose, read_own
    from har_core.transfer.personal import personalise

    files, spec = wish.parent.files, wish.parent.files.spec
    own = read_own(
        wish.reader,
        wish.source,
        spec,
        wish.parent.windows,
        length=files.window_length,
        join=files.join_segments,
    )
    windows, labels = own.windows.windows, own.windows.labels
    shown = choose(own.windows, wish.most)
    _tell_windows(wish, own, shown)
    graph = load_graph(files.graph)
    personal = personalise(graph, windows[shown.learnt], labels[shown.learnt], wish.way, _SETTINGS, seed=wish.seed)
    later, scores = labels.numpy()[shown.later], {}
    if len(later):
        for when, model in (("before", graph), ("after", personal.classifier)):
            probabilities = predict_probabilities(model, windows[shown.later])
            scores[when] = score(later, probabilities, names=spec.activities, activities=set(later.tolist()))
    _tell_scores(len(later), scores)
    return _Fitted(own, shown, personal, scores)


def _register(tracking: Tracking, wish: Wish, fitted: _Fitted) -> RegisteredVersion:
    """One MLflow run, one version, one alias, in this order: what is killed in between leaves no alias on a half."""
    from assets.machinery.commits import git_commit
    from assets.resources.export import log_model
    from assets.resources.processes import PROCESS_TAG, current_process
    from assets.resources.runs import start_run
    from har_core.inference.classifier import weights_version

    parent, ingested = wish.parent, fitted.own.ingested
    weights = weights_version(fitted.personal.classifier)
    is_real = parent.entry.origin == ingested.origin == "real"
    told = {
        ORIGIN_TAG: "real" if is_real else "synthetic",
        PARENT_TAG: parent.uri,
        PERSON_TAG: wish.person,
        "har.way": fitted.personal.way,
        "har.num_windows": str(len(fitted.shown.learnt)),
        RECORDINGS_TAG: ingested.content_version,
        "har.data_version": weights,
    }
    upstream = {parent.uri: parent.entry.tags.get("har.data_version", "")}
    tags = {
        **told,
        "har.upstream_data_versions": json.dumps(upstream),
        "har.git_commit": git_commit(),
        PROCESS_TAG: current_process(),
    }
    with start_run(tracking, f"personalise {wish.name}", tags) as run:
        run.log_params(
            {
                **{f"personal.{name}": value for name, value in _SETTINGS.model_dump().items()},
                **{f"windows.{name}": value for name, value in parent.windows.model_dump(mode="json").items()},
                "data": printable(wish.data.expanduser().absolute()),
                "dataset": printable(wish.reader.reference),
                "subject": wish.source.subjects[0],
                "most_windows": wish.most,
                "way": fitted.personal.way,
                "seed": wish.seed,
            }
        )
        run.log_input("recordings", ingested.content_version, wish.data.absolute())
        run.log_bytes(MANIFEST, fitted.own.manifest)
        run.log_json("scores.json", {when: asdict(scores) for when, scores in fitted.scores.items()})
        files = parent.files
        uri, _ = log_model(
            run,
            wish.name,
            fitted.personal.classifier,
            num_timepoints=files.window_length,
            training=files.training,
            join_segments=files.join_segments,
        )
        file_bytes = (tracking.folder_of(uri) / MODEL_FILE).stat().st_size
        run.log_metrics({**fitted.metrics, "file_bytes": file_bytes})
        registered = tracking.register(wish.name, uri, run.run_id, told)
        _write_card(run, registered, wish, fitted)
        tracking.set_alias(wish.name, CHALLENGER, registered.version)
    return tracking.get(wish.name, registered.version)


def _write_card(run: TrackedRun, registered: RegisteredVersion, wish: Wish, fitted: _Fitted) -> None:
    """The description of the version, and of its run."""
    from har_core.evaluation.model_card import Subject, personal_card

    files, address = wish.parent.files, f"models:/{registered.name}/{registered.version}"
    what = f"{wish.parent.uri}, fitted on to one person ({wish.person}) by {fitted.personal.way}."
    card = personal_card(
        Subject(
            address=address,
            what=what,
            window_length=files.window_length,
            links={"MLflow run": run.url, "traced by": f"`har trace {address}`"},
        ),
        files.spec,
        fitted.scores,
        origin="real" if registered.origin == "real" else "synthetic",
        num_learnt=len(fitted.shown.learnt),
    )
    run.set_tags({NOTE_TAG: card})
    run.tracking.describe(registered, card)
    run.tracking.describe_model(registered.name, what, run.url)


def _tell_windows(wish: Wish, own: Own, shown: Shown) -> None:
    """What is learnt from, and which activities are not."""
    spec, labels = wish.parent.files.spec, own.windows.labels.numpy()
    learnt, recorded = set(labels[shown.learnt].tolist()), set(labels.tolist())

    def names(ids: set[int]) -> str:
        if len(ids) == spec.num_activities:
            return f"all {len(ids)} activities"
        return ", ".join(spec.activities[k] for k in sorted(ids))

    number, whose = counted(len(labels), "window"), f"subject {wish.source.subjects[0]}"
    lines = [f"Learns from {len(shown.learnt)} of {number} of {whose}, the first ones of {names(learnt)}"]
    if own.unknown:
        lines.append(f"Left out, because the model does not know them: {', '.join(own.unknown)}")
    if recorded - learnt:
        lines.append(f"Recorded too briefly to learn from: {names(recorded - learnt)}")
    if missing := set(range(spec.num_activities)) - recorded:
        lines.append(f"Not recorded, so known as well as before, or less well: {names(missing)}")
    typer.echo("\n".join(map(printable, lines)))


def _tell_scores(number: int, scores: dict[str, Scores]) -> None:
    if not scores:
        typer.echo("No later window is left to test on, so nobody knows what was gained")
        return
    typer.echo(f"\n{counted(number, 'later window'):<20}{'before':>8}{'after':>8}")
    for name, told in SCORES.items():
        typer.echo(f"  {told:<18}{getattr(scores['before'], name):>8.4f}{getattr(scores['after'], name):>8.4f}")
