"""``source_files``: the listing of the source, an asset that nobody here makes; its version is reported."""

import dagster as dg

from assets.lineage import DATA_VERSION_TAG, latest
from assets.resources.home import Home
from assets.vocabulary import DATA_GROUP, OWNERS
from har_core.dsads.acquisition import source_version
from har_core.settings.experiment import Experiment

SOURCE_KEY = dg.AssetKey("source_files")


def build_source_files() -> dg.AssetSpec:
    """The external asset at the top of the graph."""
    return dg.AssetSpec(
        SOURCE_KEY,
        group_name=DATA_GROUP,
        kinds={"file"},
        owners=OWNERS,
        description="The text files of the source, as they lie there: a folder, a zip, a download or made recordings. "
        "Its version is a cheap one over names, sizes and times; `har run`, `har status` and the sensor report it.",
    )


def report_source_version(instance: dg.DagsterInstance, experiment: Experiment, home: Home) -> str:
    """Tell ``instance`` the version of the source where it is news; an observation would leave everything stale.

    Raises:
        InputError: the source is not there, or holds no segment files.
    """
    location = home.data_location()
    version = source_version(experiment.source, location)
    known = latest(instance, SOURCE_KEY)
    if known is None or known.data_version != version:
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                SOURCE_KEY,
                tags={DATA_VERSION_TAG: version},
                metadata={"location": str(location or experiment.source.kind)},
            )
        )
    return version
