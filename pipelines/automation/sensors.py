"""What is looked at every half minute: the source, what is due, and runs that failed."""

import warnings

import dagster as dg

from assets.data.source_files import report_source_version
from assets.resources.home import Home
from har_core.base.errors import HarError
from har_core.settings.experiment import Experiment
from pipelines.automation.failure_report import write_failure_report
from pipelines.runner import PART_OF_TAG


def build_sensors(experiment: Experiment, home: Home) -> list[dg.SensorDefinition]:
    """All are off until switched on."""
    seconds = experiment.automation.seconds_between_looks

    @dg.sensor(
        name="source",
        minimum_interval_seconds=seconds,
        description="Looks at the listing of the source, reads the files whose size or time has changed, and reports a "
        "new version of `source_files` where their content has.",
    )
    def source(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        try:
            return dg.SkipReason(report_source_version(context.instance, experiment, home))
        except HarError as error:  # the source is away, or is being copied: the next look may find it
            return dg.SkipReason(str(error))

    @dg.run_failure_sensor(
        name="failure_report",
        minimum_interval_seconds=seconds,
        description="Writes a page for each run that failed, below `failures/` in the home.",
    )
    def failure_report(context: dg.RunFailureSensorContext) -> None:
        if PART_OF_TAG not in context.dagster_run.tags:  # the run that it is a wave of fails too, with one page
            write_failure_report(context, home)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # of the code server, where our own condition is known
        automation = dg.AutomationConditionSensorDefinition(
            "automation",
            target=dg.AssetSelection.all(),
            minimum_interval_seconds=seconds,
            use_user_code_server=True,
            description="Asks for what is due, level by level: what is missing or stale while nothing above it is.",
        )
    return [source, automation, failure_report]
