"""How the outputs of a materialisation are told: to Dagster as metadata, to MLflow as tags; both link to each other."""

import base64
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from assets.machinery.code_versions import INGREDIENTS
from assets.machinery.lineage import ORIGIN, OUTPUTS, RUN_ID, RUN_URL, made_from
from assets.resources.tracking import TrackedRun
from har_core.base.checks import Check
from har_core.base.errors import InputError
from har_core.base.files import sha256_of_file

MADE_FROM = "har/made_from"
"""Metadata of a check that failed: what the refused attempt was made from."""


def publish(
    run: TrackedRun,
    *,
    data_version: str,
    origin: str,
    outputs: Sequence[Path],
    staged: Sequence[Path] | None = None,
    metadata: Mapping[str, Any],
    checks: Iterable[dg.AssetCheckResult] = (),
) -> dg.MaterializeResult:
    """The result of an asset whose files are written; what it says is said to the MLflow run too.

    Call it last where the files wait as ``staged`` ones (:mod:`har_core.base.files`): what fails here replaces nothing.

    Args:
        run: the MLflow run of this materialisation.
        data_version: what downstream assets compare; must depend on content alone.
        origin: ``real`` or ``synthetic``.
        outputs: every file that was written, below the home.
        staged: the files that will take the places of ``outputs``, in their order; None where they lie there already.
        metadata: what people see; numbers become metrics of the run.
        checks: results of the checks that ran before anything was published.
    """
    run.set_tags({"har.data_version": data_version, "har.origin": origin})
    numbers = {
        name.removeprefix("dagster/"): float(value)
        for name, value in metadata.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    run.log_metrics(numbers)
    files = zip(outputs, staged or outputs, strict=True)
    hashes = {path.relative_to(run.tracking.home.root).as_posix(): sha256_of_file(file) for path, file in files}
    return dg.MaterializeResult(
        data_version=dg.DataVersion(data_version),
        check_results=list(checks),
        metadata={
            **metadata,
            ORIGIN: origin,
            OUTPUTS: dg.MetadataValue.json(hashes),
            INGREDIENTS: dg.MetadataValue.json(run.ingredients),
            RUN_ID: run.run_id,
            RUN_URL: dg.MetadataValue.url(run.url),
        },
    )


def report_failed_check(context: dg.AssetExecutionContext, name: str, detail: str) -> None:
    """Tell of a check that failed before anything was published: the asset raises, so it cannot return the result."""
    context.instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=context.asset_key,
            check_name=name,
            passed=False,
            metadata={
                "detail": dg.MetadataValue.text(detail),
                MADE_FROM: made_from(context.instance, context.assets_def.get_asset_spec(context.asset_key)),
            },
        )
    )


@contextmanager
def telling_failed_checks(context: dg.AssetExecutionContext, names: Collection[str]) -> Iterator[None]:
    """Report every check among ``names`` that an ``InputError`` from within complains of."""
    try:
        yield
    except InputError as error:
        for problem in error.problems:
            if problem.path in names:
                report_failed_check(context, problem.path, str(problem))
        raise


def results_of(checks: Iterable[Check]) -> list[dg.AssetCheckResult]:
    """Checks of the core as Dagster shows them."""
    return [
        dg.AssetCheckResult(check_name=check.name, passed=check.passed, metadata={"detail": check.detail})
        for check in checks
    ]


def describe_table(path: Path) -> dict[str, Any]:
    """Row count and columns of a Parquet file, as Dagster's UI shows them; units and meanings come from the file."""
    file = pq.read_metadata(path)
    schema = file.schema.to_arrow_schema()
    columns = [
        dg.TableColumn(
            name=field.name,
            type=str(field.type),
            description=describe_column(field.metadata or {}),
            constraints=dg.TableColumnConstraints(nullable=field.nullable),
        )
        for field in schema
    ]
    return {
        "dagster/row_count": file.num_rows,
        "dagster/column_schema": dg.TableSchema(columns=columns),
    }


def describe_column(metadata: Mapping[bytes, bytes]) -> str | None:
    """What a column's own metadata says of it: ``torso, accelerometer, x axis [m/s²]``."""
    description, unit = metadata.get(b"description", b"").decode(), metadata.get(b"unit", b"").decode()
    return f"{description} [{unit}]".strip() if unit else description or None


def inline_png(title: str, content: bytes) -> dg.MetadataValue:
    """A small picture that Dagster's UI shows in place; it goes into the event log, so keep it small."""
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(content).decode()})")
