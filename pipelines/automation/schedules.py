"""When the jobs run by themselves: a nightly refresh, and a weekly retraining with a seed of its own."""

import dagster as dg

from har_core.settings.automation import AutomationSettings
from pipelines.automation.jobs import REFRESH, RETRAINING, RETRAINING_OP

SEED_TAG = "har/seed"


def build_schedules(settings: AutomationSettings) -> list[dg.ScheduleDefinition]:
    """Both are off until switched on."""
    refresh = dg.ScheduleDefinition(
        name="nightly_refresh",
        job_name=REFRESH,
        cron_schedule=settings.refresh,
        execution_timezone=settings.timezone,
        description="What is missing or stale, folds included: tries again what failed or was interrupted, and is the "
        "backstop where automation is off.",
    )

    @dg.schedule(
        name="weekly_retraining",
        job_name=RETRAINING,
        cron_schedule=settings.retraining,
        execution_timezone=settings.timezone,
        description="Every model anew with the date as its seed, then the report; the champion moves only through its "
        "gate.",
    )
    def retraining(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        # New each week, and the same when that run is repeated: 20261129.
        seed = int(context.scheduled_execution_time.strftime("%Y%m%d"))
        return dg.RunRequest(
            run_key=None, run_config={"ops": {RETRAINING_OP: {"config": {"seed": seed}}}}, tags={SEED_TAG: str(seed)}
        )

    return [refresh, retraining]
