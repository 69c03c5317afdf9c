"""``windows``: recordings cut into windows, one Parquet data set, with what the audit found in each."""

import dagster as dg

from assets.machinery.code_versions import ingredients
from assets.machinery.keys import DATA_GROUP, RAW_RECORDINGS, RECORDING_AUDIT, WINDOWS
from assets.machinery.lineage import SUBJECTS
from assets.machinery.materialisation import Made, Work, make_asset
from assets.machinery.presentation import describe_table, path_to
from har_core.settings.experiment import Experiment
from har_core.windows.names import WINDOW_CHECKS

_ROOTS = ["har_core.datasets.ingested", "har_core.windows.cutting"]
_LENGTH = "windows_have_the_length_of_the_experiment"
_CHECKS = {_LENGTH: "windows are as long as `[windows]` says", **WINDOW_CHECKS}


def build_windows(experiment: Experiment) -> dg.AssetsDefinition:
    """The asset."""
    return make_asset(
        WINDOWS,
        _cut,
        experiment,
        ingredients(_ROOTS, experiment.windows.model_dump(mode="json"), section="windows"),
        group_name=DATA_GROUP,
        kinds={"parquet"},
        description="Windows of all channels, none across a join that is not continuous, with the keys of each and "
        "whether it is damaged or holds rows that occur twice.",
        inputs={RAW_RECORDINGS: lambda home: home.recordings, RECORDING_AUDIT: lambda home: home.findings},
        outputs=lambda home, _: [home.windows],
        in_own_folder=True,
        checks=_CHECKS,
    )


def _cut(work: Work) -> Made:
    from har_core.audit.findings import read_findings
    from har_core.datasets.ingested import read_ingested
    from har_core.windows.cutting import cut_windows
    from har_core.windows.tensors import count_by_subject_and_activity

    [path] = work.staged
    recordings, findings = read_ingested(work.home.recordings), read_findings(work.home.findings)
    written = cut_windows(recordings, findings, work.experiment.windows, path, work.display.progress)
    summary, expected_length = written.summary, work.experiment.window_length
    work.run.log_table("tables/windows_by_subject_and_activity.json", count_by_subject_and_activity(path).to_pydict())
    return Made(
        version=summary.content_version,
        metadata={
            **describe_table(path),
            "path": path_to(work.home.windows),
            "window_length": summary.window_length,
            "num_segments": written.num_segments,
            "num_subjects": summary.num_subjects,
            SUBJECTS: str(list(recordings.subjects)),
            "num_damaged": summary.num_damaged,
            "num_in_duplicate_groups": summary.num_in_duplicate_groups,
            "num_dropped": summary.num_dropped,
            "num_repaired": summary.num_repaired,
            "num_mixed": summary.num_mixed,
            "num_other": summary.num_other,
            **written.made_regular,
        },
        checks=[
            dg.AssetCheckResult(
                check_name=_LENGTH,
                passed=summary.window_length == expected_length,
                metadata={"window_length": summary.window_length, "expected_length": expected_length},
            ),
            *summary.checks,
        ],
    )
