"""``windows``: recordings cut into windows, one Parquet data set."""

import dagster as dg

from assets.code_versions import code_version
from assets.lineage import require_upstream, upstream_origin
from assets.publication import describe_table, publish
from assets.resources.display import Display
from assets.resources.home import HomeResource
from assets.resources.tracking import TrackingResource
from assets.vocabulary import DATA_GROUP, OWNERS, RAW_RECORDINGS, WINDOWS
from har_core.dsads.ingested import read_ingested
from har_core.settings.experiment import Experiment
from har_core.windows.dataset import write_windows
from har_core.windows.segmentation import segment

_ROOTS = ["har_core.dsads.ingested", "har_core.windows.segmentation", "har_core.windows.dataset"]
_LENGTH = "windows_have_the_length_of_the_experiment"


def build_windows(experiment: Experiment) -> dg.AssetsDefinition:
    """The asset; it will depend on ``recording_audit`` too, to flag what the audit found."""
    settings = experiment.windows

    @dg.asset(
        key=WINDOWS,
        deps=[RAW_RECORDINGS],
        group_name=DATA_GROUP,
        kinds={"parquet"},
        owners=OWNERS,
        description="Windows of the 45 channels, none across the border of a segment file, with the keys of each.",
        code_version=code_version(_ROOTS, settings.model_dump(mode="json")),
        check_specs=[dg.AssetCheckSpec(_LENGTH, asset=WINDOWS)],
    )
    def windows(
        context: dg.AssetExecutionContext,
        home: HomeResource,
        tracking: TrackingResource,
        display: dg.ResourceParam[Display],
    ) -> dg.MaterializeResult:
        place = home.home()
        with tracking.tracking().materialisation(context, experiment) as run:
            run.log_input("raw_recordings", require_upstream(context, RAW_RECORDINGS), place.recordings)
            recordings = read_ingested(place.recordings)
            reader = segment(recordings, length=settings.length, overlap=settings.overlap)
            summary = write_windows(reader, place.windows, display.progress)
            return publish(
                run,
                data_version=summary.content_version,
                origin=upstream_origin(context),
                outputs=[place.windows],
                metadata={
                    **describe_table(place.windows),
                    "window_length": summary.window_length,
                    "num_subjects": summary.num_subjects,
                },
                checks=[
                    dg.AssetCheckResult(check_name=_LENGTH, passed=summary.window_length == settings.length),
                ],
            )

    return windows
