"""``recording_audit``: defects in what the recordings hold, as a table of findings. It looks and changes nothing."""

from typing import TYPE_CHECKING

import dagster as dg

from assets.machinery.code_versions import ingredients
from assets.machinery.keys import DATA_GROUP, RAW_RECORDINGS, RECORDING_AUDIT
from assets.machinery.materialisation import Made, Work, make_asset
from assets.machinery.presentation import describe_table, inline_png, markdown_table, path_to
from har_core.audit.kinds import Kind, Severity
from har_core.audit.words import KIND_WORDS
from har_core.settings.experiment import Experiment

if TYPE_CHECKING:
    from har_core.audit.summary import KindSummary

_ROOTS = ["har_core.audit.defects", "har_core.audit.findings", "har_core.datasets.ingested"]
_CHECKS = {
    f"no_{kind}": f"{words}: none is found; a failure warns, and stops nothing" for kind, words in KIND_WORDS.items()
}


def build_recording_audit(experiment: Experiment) -> dg.AssetsDefinition:
    """The asset, with a check for each kind of defect; a check that fails warns people and stops nothing."""
    return make_asset(
        RECORDING_AUDIT,
        _audit,
        experiment,
        ingredients(_ROOTS, experiment.audit.model_dump(mode="json"), section="audit"),
        group_name=DATA_GROUP,
        kinds={"parquet"},
        description="Runs that stand still, rows that occur twice, joins that do not join, values that cannot be: "
        "what is wrong in the recordings, one finding a row.",
        inputs={RAW_RECORDINGS: lambda home: home.recordings},
        outputs=lambda home, _: [home.findings],
        in_own_folder=True,
        checks=_CHECKS,
    )


def _audit(work: Work) -> Made:
    from har_core.audit.defects import find_defects
    from har_core.audit.findings import content_version, skipped_of, write_findings
    from har_core.audit.picture import findings_png
    from har_core.audit.summary import summarise_findings
    from har_core.datasets.ingested import read_ingested

    [path] = work.staged
    recordings = read_ingested(work.home.recordings)
    findings = find_defects(recordings, recordings.spec, work.experiment.audit, work.display.progress)
    write_findings(findings, path)
    found, picture = summarise_findings(findings), findings_png(findings, recordings.outlines)
    work.run.log_file(path)
    work.run.log_bytes("plots/findings.png", picture)
    rows = [(s.kind, s.severity, f"{s.num_findings:,}", f"{s.num_rows:,}", s.places) for s in found.values()]
    table = markdown_table(["kind", "severity", "findings", "rows", "where"], rows)
    skipped = [(one.kind, one.reason) for one in skipped_of(findings)]
    return Made(
        version=content_version(findings),
        metadata={
            **describe_table(path),
            "path": path_to(work.home.findings),
            **{f"num_{kind}": summary.num_findings for kind, summary in found.items()},
            "summary": table if rows else dg.MetadataValue.md("Nothing was found."),
            "not_looked_for": markdown_table(["kind", "because"], skipped)
            if skipped
            else dg.MetadataValue.md("Nothing."),
            "findings_by_subject_and_activity": inline_png("findings", picture),
        },
        checks=[_check(kind, found.get(kind)) for kind in Kind],
    )


def _check(kind: Kind, summary: "KindSummary | None") -> dg.AssetCheckResult:
    name = f"no_{kind}"
    if summary is None:
        return dg.AssetCheckResult(check_name=name, passed=True, metadata={"num_findings": 0, "num_rows": 0})
    is_error = summary.severity == Severity.ERROR
    return dg.AssetCheckResult(
        check_name=name,
        passed=False,
        severity=dg.AssetCheckSeverity.ERROR
        if is_error
        else dg.AssetCheckSeverity.WARN,  # the text says which of three
        metadata={
            "num_findings": summary.num_findings,
            "num_rows": summary.num_rows,
            "severity": str(summary.severity),
            "where": summary.places,
        },
    )
