"""``windows``: recordings cut into windows, one Parquet data set, with what the audit found in each."""

import dagster as dg

from assets.machinery.code_versions import INGREDIENTS, ingredients
from assets.machinery.keys import DATA_GROUP, OWNERS, RAW_RECORDINGS, RECORDING_AUDIT, WINDOWS
from assets.machinery.lineage import require_upstream, upstream_origin
from assets.machinery.publication import describe_table, publish, results_of, telling_failed_checks
from assets.resources.display import Display
from assets.resources.occupation import HomeResource
from assets.resources.tracking import TrackingResource
from har_core.audit.findings import read_findings
from har_core.base.files import atomic_folder
from har_core.datasets.dsads.ingested import read_ingested
from har_core.settings.experiment import Experiment
from har_core.windows.checks import WINDOW_CHECKS, WindowChecks
from har_core.windows.dataset import write_windows
from har_core.windows.segmentation import segment
from har_core.windows.tensors import count_by_recording

_ROOTS = [
    "har_core.datasets.dsads.ingested",
    "har_core.windows.segmentation",
    "har_core.windows.checks",
    "har_core.windows.dataset",
]
_LENGTH = "windows_have_the_length_of_the_experiment"


def build_windows(experiment: Experiment) -> dg.AssetsDefinition:
    """The asset."""
    settings = experiment.windows
    made_with = ingredients(_ROOTS, settings.model_dump(mode="json"), section="windows")

    @dg.asset(
        key=WINDOWS,
        deps=[RAW_RECORDINGS, RECORDING_AUDIT],
        group_name=DATA_GROUP,
        kinds={"parquet"},
        owners=OWNERS,
        description="Windows of the 45 channels, none across a join that is not continuous, with the keys of each and "
        "whether it is damaged or holds rows that occur twice.",
        code_version=made_with.version,
        metadata={INGREDIENTS: made_with.to_metadata()},
        check_specs=[dg.AssetCheckSpec(name, asset=WINDOWS) for name in (_LENGTH, *WINDOW_CHECKS)],
    )
    def windows(
        context: dg.AssetExecutionContext,
        home: HomeResource,
        tracking: TrackingResource,
        display: dg.ResourceParam[Display],
    ) -> dg.MaterializeResult:
        place = home.home()
        with (
            tracking.tracking().materialisation(context, experiment) as run,
            atomic_folder(place.windows.parent) as staged,
        ):
            path = staged / place.windows.name
            run.log_input("raw_recordings", require_upstream(context, RAW_RECORDINGS), place.recordings)
            run.log_input("recording_audit", require_upstream(context, RECORDING_AUDIT), place.findings)
            recordings, findings = read_ingested(place.recordings), read_findings(place.findings)
            reader = segment(
                recordings,
                length=settings.length,
                overlap=settings.overlap,
                findings=findings,
                damaged=settings.damaged,
                join=settings.join_segments,
                longest_repair=settings.longest_repair,
            )
            checks = WindowChecks(
                findings,
                recordings.segments,
                damaged=settings.damaged,
                join=settings.join_segments,
                longest_repair=settings.longest_repair,
            )
            with telling_failed_checks(context, WINDOW_CHECKS):
                summary = write_windows(reader, path, display.progress, checks=checks)
            run.log_table("tables/windows_by_recording.json", count_by_recording(path).to_pydict())
            return publish(
                run,
                data_version=summary.content_version,
                origin=upstream_origin(context),
                outputs=[place.windows],
                staged=[path],
                metadata={
                    **describe_table(path),
                    "path": dg.MetadataValue.path(str(place.windows)),
                    "window_length": summary.window_length,
                    "num_subjects": summary.num_subjects,
                    "num_damaged": summary.num_damaged,
                    "num_in_duplicate_groups": summary.num_in_duplicate_groups,
                    "num_dropped": summary.num_dropped,
                    "num_repaired": summary.num_repaired,
                },
                checks=[
                    dg.AssetCheckResult(check_name=_LENGTH, passed=summary.window_length == settings.length),
                    *results_of(summary.checks),
                ],
            )

    return windows
