"""``raw_recordings``: acquires the source, checks every file, and keeps what they hold as two Parquet files."""

import dagster as dg

from assets.data.source_files import SOURCE_KEY
from assets.folds.partitions import SUBJECTS, planned_folds, sync_folds
from assets.machinery.code_versions import INGREDIENTS, ingredients
from assets.machinery.keys import DATA_GROUP, OWNERS, RAW_RECORDINGS
from assets.machinery.lineage import require_upstream
from assets.machinery.publication import describe_table, publish
from assets.resources.display import Display
from assets.resources.occupation import HomeResource
from assets.resources.tracking import TrackingResource
from har_core.base.files import atomic_paths
from har_core.datasets.dsads.acquisition import acquire
from har_core.datasets.dsads.manifest import ingest
from har_core.settings.experiment import Experiment

_COMPLETE = "every_subject_has_every_activity"


def build_raw_recordings(experiment: Experiment) -> dg.AssetsDefinition:
    """The asset; its settings count through the version of ``source_files``.

    The folds of the evaluation protocols follow from the subjects, so it adds and removes them.
    """
    made_with = ingredients(["har_core.datasets.dsads.acquisition", "har_core.datasets.dsads.manifest"], {})

    @dg.asset(
        key=RAW_RECORDINGS,
        deps=[SOURCE_KEY],
        group_name=DATA_GROUP,
        kinds={"parquet"},
        owners=OWNERS,
        description="Every segment file, checked and parsed: a manifest with a row a file, and all samples.",
        code_version=made_with.version,
        metadata={INGREDIENTS: made_with.to_metadata()},
        check_specs=[dg.AssetCheckSpec(_COMPLETE, asset=RAW_RECORDINGS)],
    )
    def raw_recordings(
        context: dg.AssetExecutionContext,
        home: HomeResource,
        tracking: TrackingResource,
        display: dg.ResourceParam[Display],
    ) -> dg.MaterializeResult:
        place = home.home()
        with (
            tracking.tracking().materialisation(context, experiment) as run,
            acquire(experiment.source, place.data_location(), place.raw, display.progress) as source,
            atomic_paths(place.recordings, place.manifest) as (recordings, manifest),
        ):
            run.log_input("source_files", require_upstream(context, SOURCE_KEY), source.location)
            planned_folds(experiment, {file.key.subject for file in source.files})  # before all is read
            summary = ingest(source, manifest_path=manifest, recordings_path=recordings, progress=display.progress)
            run.log_bytes(place.manifest.name, manifest.read_bytes())
            result = publish(
                run,
                data_version=summary.content_version,
                origin=summary.origin,
                outputs=[place.manifest, place.recordings],
                staged=[manifest, recordings],
                metadata={
                    **describe_table(manifest),
                    "path": dg.MetadataValue.path(str(place.manifest)),
                    "num_samples": summary.num_rows,
                    "num_bytes": summary.num_bytes,
                    "num_missing_segments": summary.num_missing_segments,
                    SUBJECTS: str(list(summary.subjects)),
                    "recordings": dg.MetadataValue.path(str(place.recordings)),
                },
                checks=[dg.AssetCheckResult(check_name=_COMPLETE, passed=True)],
            )
            sync_folds(context.instance, experiment, summary.subjects)
        return result

    return raw_recordings
