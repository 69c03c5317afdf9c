"""The envelope around the body of every asset: inputs looked up, one MLflow run, outputs that take their places last.

A body gets a :class:`Work`, calls the core, and returns :class:`Made`. It opens no run, renames no file and reports no
check: that is done here, the same for all. Both records link to each other, by metadata and by tags.
"""

import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.machinery.code_versions import INGREDIENTS, Ingredients
from assets.machinery.commits import git_commit
from assets.machinery.keys import OWNERS
from assets.machinery.lineage import (
    ORIGIN,
    OUTPUTS,
    RUN_ID,
    RUN_URL,
    SECONDS,
    Remembered,
    history,
    made_from,
    require_upstream,
    upstream_origin,
    upstream_versions,
)
from assets.machinery.presence import output_problems, record_problems
from assets.machinery.presentation import links_of, markdown_table
from assets.resources.addresses import dagster_url
from assets.resources.display import Display
from assets.resources.home import Home
from assets.resources.occupation import HomeResource
from assets.resources.processes import PROCESS_TAG, current_process
from assets.resources.retries import retrying_what_can_pass
from assets.resources.store import ASSET_TAG, EXPERIMENT_FILE, EXPERIMENT_HASH_TAG, NOTE_TAG, RUN_TAG
from assets.resources.tracking import Tracking
from har_core.base.checks import Check
from har_core.base.errors import InputError
from har_core.base.files import atomic_folder, atomic_paths, sha256_of_file
from har_core.base.text import as_markdown
from har_core.datasets.origin import Origin
from har_core.settings.experiment import Experiment

if TYPE_CHECKING:
    from assets.resources.runs import TrackedRun

FORCED_TAG = "har/forced"
"""Tag of a Dagster run whose assets are made anew, whatever is kept of them."""
MADE_FROM = "har/made_from"
"""Metadata of a check that failed: what the refused attempt was made from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a body works with."""

    context: dg.AssetExecutionContext
    experiment: Experiment
    home: Home
    run: "TrackedRun"
    display: Display
    staged: tuple[Path, ...]
    """Where to write the outputs, in their order; they take their places when everything is done."""
    kept: Remembered | None = None
    """The latest materialisation, where the same would be made now, its files are there, and MLflow has lost something
    of it: what took long need not be done again."""

    @property
    def name(self) -> str:
        """The asset, with its partition: ``folds/lstm[loso-p1]``."""
        return _name(self.context)

    @property
    def origin(self) -> Origin:
        """``real`` where everything that this is made from is, else ``synthetic``."""
        return upstream_origin(self.context)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a body made, before it takes its place."""

    version: str
    """What downstream assets compare; must depend on content alone."""
    metadata: Mapping[str, Any]
    """What people see; numbers become metrics of the MLflow run."""
    origin: Origin | None = None
    """``real`` or ``synthetic``; that of what it was made from where absent."""
    checks: Sequence[Check | dg.AssetCheckResult] = ()
    logged: Sequence[Path] = ()
    """Files below the home that were left in MLflow; they count as outputs."""
    alias: str = ""
    aliases: Mapping[str, int] = field(default_factory=dict)
    """Registered model -> version that ``alias`` moves to, together with the outputs, or not at all."""
    note: str = ""
    """What the page of the MLflow run opens with, in Markdown; a table of the figures where absent."""
    last: Callable[[], object] = field(default=lambda: None)
    """Done when the outputs have taken their places: removing a checkpoint."""


def make_asset(
    key: dg.AssetKey,
    body: Callable[[Work], Made],
    experiment: Experiment,
    made_with: Ingredients,
    *,
    inputs: Mapping[dg.AssetKey, Callable[[Home], Path]] | None = None,
    deps: Sequence[dg.AssetKey] = (),
    outputs: Callable[[Home, str | None], Sequence[Path]] = lambda home, partition: (),  # noqa: ARG005
    in_own_folder: bool = False,
    checks: Mapping[str, str] | None = None,
    **attributes: Any,
) -> dg.AssetsDefinition:
    """An asset around ``body``.

    Args:
        key: of the asset.
        body: makes it.
        experiment: is left whole in its MLflow run, as a file.
        made_with: its code version, with what went into it; its settings are the parameters of the run.
        inputs: assets that it cannot do without, and where their files lie; each is logged as an input of the run.
        deps: further assets that it depends on; the body copes with those that were never made.
        outputs: the files that it writes, below the home, for the partition where it has any.
        in_own_folder: whether the outputs are all that their folder holds, so that it is replaced as a whole.
        checks: the name of each of its checks, and what must hold. A problem of an InputError with such a name is
            reported as that check.
        attributes: of the asset in Dagster, by the names that :func:`dagster.asset` gives them: ``description`` …
    """
    inputs, checks = inputs or {}, checks or {}
    as_asset: Callable[..., dg.AssetsDefinition] = dg.asset(
        key=key,
        deps=[*inputs, *deps],
        owners=OWNERS,
        code_version=made_with.version,
        metadata={INGREDIENTS: asdict(made_with)},
        check_specs=[dg.AssetCheckSpec(name, asset=key, description=what) for name, what in checks.items()],
        **attributes,
    )

    @as_asset
    def asset(
        context: dg.AssetExecutionContext, home: HomeResource, display: dg.ResourceParam[Display]
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        start = time.monotonic()
        place, partition = home.home(), context.partition_key if context.has_partition_key else None
        final = tuple(outputs(place, partition))
        with (
            retrying_what_can_pass(),
            _tracked(context, experiment, place, made_with) as run,
            _telling_what_is_refused(context, place, checks),
            ExitStack() as moved,
        ):
            with _staged(final, in_own_folder=in_own_folder) as staged:
                for name, where in inputs.items():
                    run.log_input(name.to_user_string(), require_upstream(context, name), where(place))
                work = Work(
                    context=context,
                    experiment=experiment,
                    home=place,
                    run=run,
                    display=display,
                    staged=staged,
                    kept=_kept(context, place),
                )
                made = body(work)
                result = _publish(work, made, made_with, final, seconds=time.monotonic() - start)
                moved.enter_context(run.tracking.moved_alias(made.alias, made.aliases))
            made.last()
        return result

    return asset


def _name(context: dg.AssetExecutionContext) -> str:
    name = context.asset_key.to_user_string()
    return f"{name}[{context.partition_key}]" if context.has_partition_key else name


def _kept(context: dg.AssetExecutionContext, home: Home) -> Remembered | None:
    """What :attr:`Work.kept` says. Where nothing was lost, somebody wants the work done anew."""
    if FORCED_TAG in context.run.tags:
        return None
    partition = context.partition_key if context.has_partition_key else None
    made = next(history(context.instance, context.asset_key, partition), None)
    if made is None or not record_problems(made.entry, Tracking(home).contents()):
        return None
    code_version = context.assets_def.get_asset_spec(context.asset_key).code_version
    is_current = (made.code_version, made.inputs) == (code_version, upstream_versions(context))
    return made if is_current and not output_problems(home.root, made.entry.outputs) else None


@contextmanager
def _tracked(
    context: dg.AssetExecutionContext, experiment: Experiment, home: Home, made_with: Ingredients
) -> Iterator["TrackedRun"]:
    """The MLflow run of a materialisation: FINISHED where the work ends, FAILED where it raises."""
    from assets.resources.runs import start_run

    context.instance.add_run_tags(context.run.run_id, {PROCESS_TAG: current_process()})
    content = experiment.path.read_bytes() if experiment.path.is_file() else None
    resolved = experiment.resolved()
    tags = {
        RUN_TAG: context.run.run_id,
        "dagster.run_url": f"{dagster_url()}/runs/{context.run.run_id}",
        ASSET_TAG: context.asset_key.to_user_string(),
        "dagster.partition": context.partition_key if context.has_partition_key else "",
        "har.code_version": context.assets_def.get_asset_spec(context.asset_key).code_version or "",
        "har.upstream_data_versions": json.dumps(upstream_versions(context)),
        "har.git_commit": git_commit(),
        "har.experiment": experiment.name,
        EXPERIMENT_HASH_TAG: "" if content is None else hashlib.sha256(content).hexdigest(),
        PROCESS_TAG: current_process(),
    }
    with start_run(Tracking(home), _name(context), tags) as run:
        run.log_params(_own_settings(context.asset_key, made_with))
        run.log_json("experiment.json", resolved)
        if content is not None:
            run.log_bytes(EXPERIMENT_FILE, content)
        yield run


def _own_settings(key: dg.AssetKey, made_with: Ingredients) -> dict[str, Any]:
    """The settings that the asset reads; those of ``[models.<its name>]`` by the same names for each model.

    Not the seed, which a launch may set: the body logs that.
    """
    section = f"models.{key.path[-1]}."
    named = {
        name.removeprefix(section).replace(" = ", ": ").replace('"', ""): value  # MLflow refuses other signs
        for name, value in made_with.settings.items()
    }
    return {name: value for name, value in named.items() if name != "seed"}


@contextmanager
def _staged(final: tuple[Path, ...], *, in_own_folder: bool) -> Iterator[tuple[Path, ...]]:
    """Where the files wait that will take the places ``final``."""
    if not final:
        yield ()
    elif in_own_folder:
        with atomic_folder(final[0].parent) as folder:
            yield tuple(folder / path.name for path in final)
    else:
        with atomic_paths(*final) as temporaries:
            yield temporaries


@contextmanager
def _telling_what_is_refused(context: dg.AssetExecutionContext, home: Home, checks: Collection[str]) -> Iterator[None]:
    """Every problem of a refused input goes to ``problems.txt``; those named as a check are that check, failed."""
    try:
        yield
    except InputError as error:
        for problem in error.problems:
            if problem.path in checks:
                report_failed_check(context, problem.path, str(problem), problem.numbers)
        error.write(home.problems)
        raise


def report_failed_check(
    context: dg.AssetExecutionContext, name: str, detail: str, numbers: Mapping[str, float]
) -> None:
    """Tell of a check that failed before anything was published; the body then raises, so it cannot return it."""
    context.instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=context.asset_key,
            check_name=name,
            passed=False,
            metadata={
                **numbers,
                "detail": dg.MetadataValue.text(detail),
                MADE_FROM: made_from(context.instance, context.assets_def.get_asset_spec(context.asset_key)),
            },
        )
    )


def _publish(
    work: Work, made: Made, made_with: Ingredients, final: tuple[Path, ...], *, seconds: float
) -> dg.MaterializeResult[Any]:
    """The result of the asset; what it says is said to the MLflow run too."""
    origin = made.origin or work.origin
    figures = {
        name.removeprefix("dagster/"): float(value)
        for name, value in made.metadata.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    note = made.note or _note(work, origin, figures)
    work.run.set_tags({"har.data_version": made.version, "har.origin": origin, NOTE_TAG: note})
    work.run.log_metrics(figures)
    hashes = {
        path.relative_to(work.home.root).as_posix(): sha256_of_file(file)
        for path, file in [*zip(final, work.staged, strict=True), *((path, path) for path in made.logged)]
    }
    return dg.MaterializeResult(
        data_version=dg.DataVersion(made.version),
        check_results=[_check_result(check) for check in made.checks],
        metadata={
            **made.metadata,
            RUN_URL: dg.MetadataValue.url(work.run.url),
            ORIGIN: origin,
            SECONDS: seconds,
            RUN_ID: work.run.run_id,
            OUTPUTS: dg.MetadataValue.json(hashes),
            INGREDIENTS: dg.MetadataValue.json(asdict(made_with)),
        },
    )


def _note(work: Work, origin: Origin, figures: Mapping[str, float]) -> str:
    """What the page of the MLflow run opens with, in Markdown."""
    what = work.context.assets_def.get_asset_spec(work.context.asset_key).description or ""
    ways = links_of(work.run.tags, work.run.url).items()
    return "\n\n".join(
        [
            f"**{as_markdown(work.name)}**, from {origin} recordings",
            markdown_table(["figure", ""], [(name, f"{value:.6g}") for name, value in figures.items()]).value or "",
            what,
            "\n".join(f"- {words}: {way}" for words, way in ways),
        ]
    )


def _check_result(check: Check | dg.AssetCheckResult) -> dg.AssetCheckResult:
    if isinstance(check, dg.AssetCheckResult):
        return check
    return dg.AssetCheckResult(
        check_name=check.name, passed=check.passed, metadata={**check.numbers, "detail": check.detail}
    )
