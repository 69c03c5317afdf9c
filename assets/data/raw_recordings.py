"""``raw_recordings``: acquires the source, checks every file, and keeps what they hold as two files."""

import dagster as dg

from assets.folds.partitions import planned_folds, sync_folds
from assets.machinery.code_versions import ingredients
from assets.machinery.keys import DATA_GROUP, RAW_RECORDINGS, SOURCE_FILES
from assets.machinery.lineage import SUBJECTS, require_upstream
from assets.machinery.materialisation import Made, Work, make_asset
from assets.machinery.presentation import describe_table, path_to
from assets.resources.memory import recall
from har_core.experiment.datasets import dataset_of
from har_core.settings.experiment import Experiment

_COMPLETE = "every_subject_has_every_activity"
_CHECKS = {_COMPLETE: "every subject did every activity; a failure warns, and stops nothing"}


def build_raw_recordings(experiment: Experiment) -> dg.AssetsDefinition:
    """The asset; its settings, and a card, count through the version of ``source_files``.

    The folds of the evaluation protocols follow from the subjects, so it adds and removes them.
    """
    reader = type(dataset_of(experiment)).__module__
    roots = ["har_core.datasets.manifest", *([reader] if reader.startswith("har_core.") else [])]
    return make_asset(
        RAW_RECORDINGS,
        _ingest,
        experiment,
        ingredients(roots, {}),
        group_name=DATA_GROUP,
        kinds={"parquet"},
        description="Every file of the data set, checked and parsed: a manifest with a row a file, and all samples.",
        deps=[SOURCE_FILES],
        outputs=lambda home, _: [home.recordings, home.manifest],
        checks=_CHECKS,
    )


def _ingest(work: Work) -> Made:
    from har_core.datasets.manifest import ingest
    from har_core.datasets.opening import some_of

    home, progress = work.home, work.display.progress
    recordings, manifest = work.staged
    dataset = dataset_of(work.experiment)
    with dataset.acquire(work.experiment.source, recall(home).data_location, home.raw, progress) as source:
        work.run.log_input("source_files", require_upstream(work.context, SOURCE_FILES), source.location)
        planned_folds(work.experiment, source.subjects)  # before all is read
        left_out = [*source.loose, *source.others]
        not_chosen = [file.path for file in source.not_chosen]
        summary = ingest(dataset, source, manifest_path=manifest, recordings_path=recordings, progress=progress)
    work.run.log_bytes(home.manifest.name, manifest.read_bytes())
    return Made(
        version=summary.content_version,
        origin=summary.origin,
        metadata={
            **describe_table(manifest),
            "path": path_to(home.manifest),
            "num_samples": summary.num_rows,
            "num_bytes": summary.num_bytes,
            "num_missing_segments": summary.num_missing_segments,
            "left_out": some_of(left_out, "a file outside the layout", "files outside the layout"),
            "not_chosen": some_of(not_chosen, "a file", "files"),
            SUBJECTS: str(list(summary.subjects)),
            "dataset": dataset.spec.title,
            "recordings": path_to(home.recordings),
        },
        checks=[
            dg.AssetCheckResult(
                check_name=_COMPLETE,
                passed=not summary.lacking,
                severity=dg.AssetCheckSeverity.WARN,  # uneven sets can be used: each subject is scored on their own
                metadata={
                    "num_subjects": len(summary.subjects),
                    "num_subjects_that_lack_any": len(summary.lacking),
                    "num_lacking": sum(map(len, summary.lacking.values())),
                    **{f"subject {subject}": ", ".join(names) for subject, names in summary.lacking.items()},
                },
            )
        ],
        last=lambda: sync_folds(work.context.instance, work.experiment, summary.subjects),
    )
