"""``splits``: training, validation and test windows by subject, normalised with statistics of the training subjects."""

import dagster as dg

from assets.machinery.code_versions import ingredients
from assets.machinery.keys import DATA_GROUP, SPLITS, WINDOWS
from assets.machinery.materialisation import Made, Work, make_asset
from assets.machinery.presentation import describe_table, path_to
from har_core.settings.experiment import Experiment
from har_core.splits.names import FILE_NAMES, SPLIT_CHECKS, STATISTICS_FILE_NAME


def build_splits(experiment: Experiment) -> dg.AssetsDefinition:
    """The asset; the folds of other protocols (``folds/<architecture>``) are cut from ``windows``, beside it."""
    settings = experiment.splits
    return make_asset(
        SPLITS,
        _split,
        experiment,
        ingredients(["har_core.splits.build"], settings.model_dump(mode="json"), section="splits"),
        group_name=DATA_GROUP,
        kinds={"parquet"},
        description="The windows of each role, normalised, with the statistics beside them; no subject, no sample and "
        "no copy of one has two roles, and nothing damaged trains.",
        inputs={WINDOWS: lambda home: home.windows},
        outputs=lambda home, _: [
            home.splits(settings.protocol) / name for name in (*FILE_NAMES.values(), STATISTICS_FILE_NAME)
        ],
        in_own_folder=True,
        checks=SPLIT_CHECKS,
    )


def _split(work: Work) -> Made:
    from har_core.splits.build import write_splits
    from har_core.windows.tensors import count_by_subject_and_activity

    settings, (*roles, statistics) = work.experiment.splits, work.staged
    summary = write_splits(work.home.windows, settings, statistics.parent, work.display.progress)
    work.run.log_file(statistics)
    for role, path in zip(FILE_NAMES, roles, strict=True):
        work.run.log_table(
            f"tables/{role}_windows_by_subject_and_activity.json", count_by_subject_and_activity(path).to_pydict()
        )
    return Made(
        version=summary.content_version,
        metadata={
            **describe_table(*roles),
            **{f"num_{role}_windows": number for role, number in summary.num_windows.items()},
            **{f"num_dropped_{reason}": number for reason, number in summary.num_dropped.items()},
            **{f"{role}_subjects": str(list(subjects)) for role, subjects in summary.subjects.items()},
            "path": path_to(work.home.splits(settings.protocol)),
        },
        checks=summary.checks,
    )
