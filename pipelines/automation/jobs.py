"""Jobs that do what ``har run`` does, in waves until nothing is due, and the schedules that start them.

Each wave is a Dagster run of its own, in the same process, as it is under ``har run``.
"""

from collections.abc import Collection
from dataclasses import replace

import dagster as dg
from pydantic import Field

from assets.data.source_files import report_source_version
from assets.folds.partitions import sync_folds
from assets.machinery.keys import FOLDS_GROUP, MODELS_GROUP
from assets.resources.home import Home
from assets.resources.occupation import HomeResource
from har_core.base.errors import HarError
from har_core.settings.automation import AutomationSettings
from har_core.settings.experiment import Experiment
from pipelines.failures import message
from pipelines.runner import make_request, run_waves
from pipelines.staleness import Status
from pipelines.summary import named
from pipelines.waves import Request

_REFRESH = "refresh"
_RETRAINING = "retraining"


class RefreshConfig(dg.Config):
    """What to refresh."""

    selection: str | None = Field(default=None, description="Only these, in Dagster's selection syntax.")


class RetrainingConfig(dg.Config):
    """How to retrain."""

    seed: int = Field(ge=0, lt=2**32, description="Seed of the training of every model.")


def build_jobs(graph: dg.Definitions, experiment: Experiment, home: Home) -> list[dg.JobDefinition]:
    """The jobs ``refresh`` and ``retraining``, over the assets and resources of ``graph``."""

    @dg.op(description="Materialise what is missing or stale, in dependency order, and nothing else.")
    def refresh_assets(context: dg.OpExecutionContext, config: RefreshConfig, home: HomeResource) -> None:
        request = make_request(graph.resolve_asset_graph(), config.selection)
        _work(context, request, graph, experiment, home.home())

    @dg.op(description="Train every model (no folds) with another seed, compare, and let the gate choose the champion.")
    def retrain_models(context: dg.OpExecutionContext, config: RetrainingConfig, home: HomeResource) -> None:
        asset_graph = graph.resolve_asset_graph()
        request = make_request(asset_graph, seed=config.seed)
        nodes = [asset_graph.get(key) for key in request.wanted]
        request = replace(
            request,
            wanted=[node.key for node in nodes if node.group_name != FOLDS_GROUP],
            forced=[node.key for node in nodes if node.group_name == MODELS_GROUP],
        )
        _work(context, request, graph, experiment, home.home())

    def as_job(name: str, op: dg.OpDefinition) -> dg.JobDefinition:
        @dg.job(name=name, description=op.description, resource_defs=resources, executor_def=dg.in_process_executor)
        def job() -> None:
            op()

        return job

    resources = {"home": HomeResource(root=str(home.root))}
    return [as_job(_REFRESH, refresh_assets), as_job(_RETRAINING, retrain_models)]


def build_schedules(settings: AutomationSettings) -> list[dg.ScheduleDefinition]:
    """A nightly refresh, and a weekly retraining with a seed of its own; both are off until switched on."""
    refresh = dg.ScheduleDefinition(
        name="nightly_refresh",
        job_name=_REFRESH,
        cron_schedule=settings.refresh,
        execution_timezone=settings.timezone,
        description="What is missing or stale, folds included: tries again what failed or was interrupted, and is the "
        "backstop where automation is off.",
    )

    @dg.schedule(
        name="weekly_retraining",
        job_name=_RETRAINING,
        cron_schedule=settings.retraining,
        execution_timezone=settings.timezone,
        description="Every model anew with the date as its seed, then the report; the champion moves only through its "
        "gate.",
    )
    def retraining(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        # New each week, and the same when that run is repeated: 20261129.
        seed = int(context.scheduled_execution_time.strftime("%Y%m%d"))
        return dg.RunRequest(
            run_key=None,
            run_config={"ops": {"retrain_models": {"config": {"seed": seed}}}},
            tags={"har/seed": str(seed)},
        )

    return [refresh, retraining]


def _work(
    context: dg.OpExecutionContext, request: Request, graph: dg.Definitions, experiment: Experiment, home: Home
) -> None:
    """As ``har run`` works: look at the source, then wave after wave. Says what was done, and raises what failed."""

    def say(wave: Collection[Status], _: int) -> None:
        for status in wave:
            context.log.info(f"{status.item}: {'; '.join(status.causes) or 'forced'}")

    report_source_version(context.instance, experiment, home)
    sync_folds(context.instance, experiment)
    outcome = run_waves(graph, context.instance, request, home.root, say, part_of=context.run_id)
    ran = named(outcome.ran) or "nothing"
    if outcome.restored:
        context.log.info(f"Put back in MLflow: {named(outcome.restored)}")
    context.log.info(f"Ran: {ran}")
    for item, reason in outcome.held.items():
        context.log.warning(f"Skipped {item}: {reason}")
    if outcome.failures:
        raise HarError("\n".join(f"{item}: {message(error)}" for item, error in outcome.failures.items()))
    context.add_output_metadata({"ran": ran})
