"""What ``har trace`` shows of a person's model before the chain of the model that it was made from."""

from __future__ import annotations

from pathlib import Path

from assets.resources.store import PARENT_TAG, PERSON_TAG, RecordedRun, RegisteredVersion, local_path
from har_core.base.errors import InputError
from har_core.datasets.manifest import Manifest, read_manifest
from pipelines.evidence import GONE, compared
from pipelines.links import Link, LinkCheck, differs, unverifiable, verified
from pipelines.personalising import MANIFEST, RECORDINGS_TAG, SCORES


def personal_run_link(entry: RegisteredVersion, run: RecordedRun | None, parent: RegisteredVersion | None) -> Link:
    """The MLflow run: how the person's model was made, of what, and what that gained."""
    if run is None:
        return Link("MLflow run", entry.run_id, {}, [unverifiable("run", "MLflow has no run of this id", GONE)])
    facts: dict[str, str | int | float] = {
        "status": run.status,
        "person": entry.tags.get(PERSON_TAG, ""),
        "made from": entry.tags[PARENT_TAG],
        "way": run.params.get("way", ""),
        "windows": int(run.metrics.get("num_learnt", 0)),
        "seed": run.params.get("seed", ""),
        **{
            f"{told} {when}": run.metrics[f"{when}/{name}"]
            for when in ("before", "after")
            for name, told in SCORES.items()
            if f"{when}/{name}" in run.metrics
        },
        "url": run.url,
    }
    return Link("MLflow run", run.run_id, facts, [_parent_check(entry, run, parent)])


def recordings_link(entry: RegisteredVersion, run: RecordedRun | None) -> Link:
    """The person's recordings: that those in the record are those of the version, and lie where they lay."""
    title, version = "Recordings", entry.tags.get(RECORDINGS_TAG, "")
    path = None if run is None else local_path(run.artifacts)
    try:
        manifest = None if path is None else read_manifest(path / MANIFEST)
    except InputError:
        manifest = None
    if run is None or manifest is None:
        return Link(title, version, {}, [unverifiable("files", "the manifest in the MLflow run", GONE)])
    facts = {"subject": run.params.get("subject", ""), "location": run.params.get("data", "")}
    return Link(title, version, facts, [_content_check(version, manifest), _files_check(manifest, facts["location"])])


def _parent_check(entry: RegisteredVersion, run: RecordedRun, parent: RegisteredVersion | None) -> LinkCheck:
    what, uri = "made from", entry.tags[PARENT_TAG]
    if run.tags.get(PARENT_TAG) != uri:
        return differs(what, f"{run.tags.get(PARENT_TAG)} in the run, {uri} with the version")
    if parent is None:
        return unverifiable(what, uri, GONE)
    then, now = run.upstream.get(uri, ""), parent.tags.get("har.data_version", "")
    if then == now:
        return verified(what, f"{uri} with the weights {now}")
    return differs(what, f"the weights were {then}, and {uri} has {now}")


def _content_check(version: str, manifest: Manifest) -> LinkCheck:
    if manifest.content_version == version:
        return verified("content", f"{version}, hashed from the manifest")
    return differs("content", f"the manifest comes to {manifest.content_version}")


def _files_check(manifest: Manifest, location: str) -> LinkCheck:
    subjects = {row.subject for row in manifest.rows} | {0}
    return compared(manifest, Path(location), location, chosen=lambda file: file.name.subject in subjects)
