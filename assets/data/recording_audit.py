"""``recording_audit``: defects in what the recordings hold, as a table of findings. It looks and changes nothing."""

import dagster as dg

from assets.machinery.code_versions import INGREDIENTS, ingredients
from assets.machinery.keys import DATA_GROUP, OWNERS, RAW_RECORDINGS, RECORDING_AUDIT
from assets.machinery.lineage import require_upstream, upstream_origin
from assets.machinery.publication import describe_table, inline_png, publish
from assets.resources.display import Display
from assets.resources.occupation import HomeResource
from assets.resources.tracking import TrackingResource
from har_core.audit.defects import find_defects
from har_core.audit.findings import Kind, Severity, content_version, write_findings
from har_core.audit.picture import findings_png
from har_core.audit.summary import KindSummary, summarise
from har_core.base.files import atomic_folder
from har_core.datasets.dsads.ingested import read_ingested
from har_core.settings.experiment import Experiment

_ROOTS = ["har_core.audit.defects", "har_core.audit.findings", "har_core.datasets.dsads.ingested"]
_SEVERITIES = {
    Severity.ERROR: dg.AssetCheckSeverity.ERROR,
    Severity.WARNING: dg.AssetCheckSeverity.WARN,
    Severity.INFO: dg.AssetCheckSeverity.WARN,  # Dagster knows two; the text tells the third
}


def build_recording_audit(experiment: Experiment) -> dg.AssetsDefinition:
    """The asset, with a check for each kind of defect; a check that fails warns people and stops nothing."""
    settings = experiment.audit
    made_with = ingredients(_ROOTS, settings.model_dump(mode="json"), section="audit")

    @dg.asset(
        key=RECORDING_AUDIT,
        deps=[RAW_RECORDINGS],
        group_name=DATA_GROUP,
        kinds={"parquet"},
        owners=OWNERS,
        description="Runs that stand still, rows that occur twice, joins that do not join, values that cannot be: "
        "what is wrong in the recordings, one finding a row.",
        code_version=made_with.version,
        metadata={INGREDIENTS: made_with.to_metadata()},
        check_specs=[dg.AssetCheckSpec(_check_name(kind), asset=RECORDING_AUDIT) for kind in Kind],
    )
    def recording_audit(
        context: dg.AssetExecutionContext,
        home: HomeResource,
        tracking: TrackingResource,
        display: dg.ResourceParam[Display],
    ) -> dg.MaterializeResult:
        place = home.home()
        with (
            tracking.tracking().materialisation(context, experiment) as run,
            atomic_folder(place.findings.parent) as staged,
        ):
            path = staged / place.findings.name
            run.log_input("raw_recordings", require_upstream(context, RAW_RECORDINGS), place.recordings)
            recordings = read_ingested(place.recordings)
            findings = find_defects(recordings, settings, display.progress)
            write_findings(findings, path)
            run.log_file(path)
            found = summarise(findings)
            picture = findings_png(findings, recordings.keys)
            run.log_bytes("plots/findings.png", picture)
            return publish(
                run,
                data_version=content_version(findings),
                origin=upstream_origin(context),
                outputs=[place.findings],
                staged=[path],
                metadata={
                    **describe_table(path),
                    "path": dg.MetadataValue.path(str(place.findings)),
                    **{f"num_{kind}": summary.num_findings for kind, summary in found.items()},
                    "summary": dg.MetadataValue.md(_table(list(found.values()))),
                    "findings_by_subject_and_activity": inline_png("findings", picture),
                },
                checks=[_check(kind, found.get(kind)) for kind in Kind],
            )

    return recording_audit


def _check_name(kind: Kind) -> str:
    return f"no_{kind}"


def _check(kind: Kind, summary: KindSummary | None) -> dg.AssetCheckResult:
    if summary is None:
        return dg.AssetCheckResult(check_name=_check_name(kind), passed=True)
    return dg.AssetCheckResult(
        check_name=_check_name(kind),
        passed=False,
        severity=_SEVERITIES[summary.severity],
        metadata={
            "num_findings": summary.num_findings,
            "num_rows": summary.num_rows,
            "severity": str(summary.severity),
            "where": summary.places,
        },
    )


def _table(found: list[KindSummary]) -> str:
    rows = [f"| {s.kind} | {s.severity} | {s.num_findings:,} | {s.num_rows:,} | {s.places} |" for s in found]
    if not rows:
        return "Nothing was found."
    return "\n".join(["| kind | severity | findings | rows | where |", "|---|---|---|---|---|", *rows])
