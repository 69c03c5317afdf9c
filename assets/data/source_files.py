"""``source_files``: the files of the source, an asset that nobody here makes; its version is reported.

Looking is cheap as long as the listing is the one of the last look. Where it is another, the files are compared with
the manifest of ``raw_recordings``, and the version changes only where their content did.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from assets.machinery.keys import DATA_GROUP, OWNERS, RAW_RECORDINGS, SOURCE_FILES
from assets.machinery.lineage import DATA_VERSION_TAG, history, latest
from assets.resources.home import Home
from assets.resources.memory import recall
from har_core.base.errors import InputError
from har_core.base.files import sha256_of_file
from har_core.datasets.dataset import Dataset
from har_core.experiment.datasets import dataset_of
from har_core.settings.experiment import Experiment

if TYPE_CHECKING:
    from har_core.datasets.manifest import Manifest

LISTING = "har/listing"
"""Metadata: version of the listing (names, sizes, times) that was last looked at; many may have one content."""
SUMMARY = "har/summary"
"""Metadata: what was found, in words."""


def build_source_files() -> dg.AssetSpec:
    """The external asset at the top of the graph."""
    return dg.AssetSpec(
        SOURCE_FILES,
        group_name=DATA_GROUP,
        kinds={"file"},
        owners=OWNERS,
        description="The files of the source, as they lie there: a folder, a zip, a download or made recordings. "
        "Its version changes when their content does: names, sizes and times are looked at first, and only files that "
        "look other than those in the manifest are read. `har run`, `har status` and the sensor report it.",
    )


def report_source_version(instance: dg.DagsterInstance, experiment: Experiment, home: Home) -> str:
    """Look at the source, and report a new version, or a new listing, to ``instance``.

    Where only the listing is new and the content is still that of the manifest, the version stays the one that
    ``raw_recordings`` was made from: nothing becomes stale, and the next look is cheap again. The report is a
    materialisation without a run; an observation would leave everything stale.

    Returns:
        What was found, in words: ``2 files changed, 1 added: a01/p1/s01.txt, a01/p1/s02.txt, a19/p8/s61.txt``.

    Raises:
        InputError: the source is not there, or holds no recordings.
    """
    location, known = recall(home).data_location, latest(instance, SOURCE_FILES)
    dataset = dataset_of(experiment)
    listing = dataset.source_version(experiment.source, location)
    if known is not None and listing == known.metadata.get(LISTING):
        return "nothing changed since the last look"
    if location is None:  # nothing to list: what is asked for counts
        version, summary = listing, f"the experiment file asks for {experiment.source.kind} recordings"
    else:
        version, summary = _version_of(dataset, location, listing, _ingested(instance, home))
    metadata = {"location": str(location or experiment.source.kind), LISTING: listing, SUMMARY: summary}
    instance.report_runless_asset_event(
        dg.AssetMaterialization(SOURCE_FILES, tags={DATA_VERSION_TAG: version}, metadata=metadata)
    )
    return summary


def _version_of(
    dataset: Dataset, location: Path, listing: str, ingested: "tuple[str, Manifest] | None"
) -> tuple[str, str]:
    """Version of a source whose listing is new, and what is to be said of it."""
    if ingested is None:
        return listing, "new files, and no manifest to compare them with"
    from har_core.datasets.changes import compare

    version, manifest = ingested
    with dataset.open(location) as source:
        changes = compare(dataset, source, manifest)
    if changes.is_empty:
        return version, str(changes)
    if listing == version:  # the files changed after that look, were ingested, and were changed back
        listing = hashlib.sha256(f"{listing} again".encode()).hexdigest()
    return listing, str(changes)


def _ingested(instance: dg.DagsterInstance, home: Home) -> "tuple[str, Manifest] | None":
    """The version of ``source_files`` that ``raw_recordings`` last read, and the manifest that it wrote.

    None where nothing was ingested, or the manifest on disk is not the one that was written then.
    """
    from har_core.datasets.manifest import read_manifest

    made = next(history(instance, RAW_RECORDINGS), None)
    if made is None or not home.manifest.is_file():
        return None
    version = made.inputs.get(SOURCE_FILES.to_user_string())
    recorded = made.entry.outputs.get(home.manifest.relative_to(home.root).as_posix())
    if version is None or sha256_of_file(home.manifest) != recorded:
        return None
    try:
        return version, read_manifest(home.manifest)
    except InputError:  # written by another version of this project: ingesting anew mends it
        return None
