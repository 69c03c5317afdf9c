"""``splits``: training, validation and test windows by subject, normalised with statistics of the training subjects."""

import dagster as dg

from assets.machinery.code_versions import INGREDIENTS, ingredients
from assets.machinery.keys import DATA_GROUP, OWNERS, SPLITS, WINDOWS
from assets.machinery.lineage import require_upstream, upstream_origin
from assets.machinery.publication import describe_table, publish, results_of, telling_failed_checks
from assets.resources.display import Display
from assets.resources.occupation import HomeResource
from assets.resources.tracking import TrackingResource
from har_core.base.files import atomic_folder
from har_core.settings.experiment import Experiment
from har_core.splits.build import CHECK_NAMES, FILE_NAMES, STATISTICS_FILE_NAME, write_splits
from har_core.windows.tensors import count_by_recording


def build_splits(experiment: Experiment) -> dg.AssetsDefinition:
    """The asset; the folds of other protocols (``folds/<architecture>``) will be cut from ``windows``, beside it."""
    settings = experiment.splits
    made_with = ingredients(["har_core.splits.build"], settings.model_dump(mode="json"), section="splits")

    @dg.asset(
        key=SPLITS,
        deps=[WINDOWS],
        group_name=DATA_GROUP,
        kinds={"parquet"},
        owners=OWNERS,
        description="The windows of each role, normalised, with the statistics beside them; no subject, no sample and "
        "no copy of one has two roles, and nothing damaged trains.",
        code_version=made_with.version,
        metadata={INGREDIENTS: made_with.to_metadata()},
        check_specs=[dg.AssetCheckSpec(name, asset=SPLITS) for name in CHECK_NAMES],
    )
    def splits(
        context: dg.AssetExecutionContext,
        home: HomeResource,
        tracking: TrackingResource,
        display: dg.ResourceParam[Display],
    ) -> dg.MaterializeResult:
        place = home.home()
        folder = place.splits(settings.protocol)
        names = [*FILE_NAMES.values(), STATISTICS_FILE_NAME]
        with tracking.tracking().materialisation(context, experiment) as run, atomic_folder(folder) as staged:
            run.log_input("windows", require_upstream(context, WINDOWS), place.windows)
            with telling_failed_checks(context, CHECK_NAMES):
                summary = write_splits(place.windows, settings, staged, display.progress)
            run.log_file(staged / STATISTICS_FILE_NAME)
            for role, name in FILE_NAMES.items():
                run.log_table(f"tables/{role}_windows_by_recording.json", count_by_recording(staged / name).to_pydict())
            return publish(
                run,
                data_version=summary.content_version,
                origin=upstream_origin(context),
                outputs=[folder / name for name in names],
                staged=[staged / name for name in names],
                metadata={
                    **describe_table(staged / FILE_NAMES["training"]),
                    "dagster/row_count": sum(summary.num_windows.values()),
                    **{f"num_{role}_windows": number for role, number in summary.num_windows.items()},
                    **{f"num_dropped_{reason}": number for reason, number in summary.num_dropped.items()},
                    **{f"{role}_subjects": str(list(subjects)) for role, subjects in summary.subjects.items()},
                    "path": dg.MetadataValue.path(str(folder)),
                },
                checks=results_of(summary.checks),
            )

    return splits
