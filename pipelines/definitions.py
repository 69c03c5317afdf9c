"""The assembly: one experiment file and one home become Dagster definitions. Nothing is read at import.

``dagster dev -w workspace.yaml`` and ``dg check defs`` load :func:`defs`; ``har`` calls :func:`build_definitions`.
"""

import dagster as dg

from assets.graph import build_assets, build_resources
from assets.machinery.code_versions import kept_hashes
from assets.resources.display import Display
from assets.resources.home import Home
from har_core.experiment.loader import load_experiment
from har_core.settings.experiment import Experiment
from pipelines.automation.condition import with_condition
from pipelines.automation.jobs import build_jobs, build_schedules
from pipelines.automation.sensors import build_sensors
from pipelines.homes import current_home, definitions_file


def build_definitions(experiment: Experiment, home: Home, display: Display | None = None) -> dg.Definitions:
    """The graph of ``experiment``, working in ``home``; progress goes to a log where there is no ``display``."""
    with kept_hashes(home.dagster / "sources.json"):
        assets = build_assets(experiment)
    graph = dg.Definitions(
        assets=with_condition(assets, home),
        resources=build_resources(home, display),
        # Trainings on one machine must not overlap, and a process for each step costs seconds of imports.
        executor=dg.in_process_executor,
    )
    automation = dg.Definitions(
        jobs=build_jobs(graph, experiment, home),
        schedules=build_schedules(experiment.automation),
        sensors=build_sensors(experiment, home),
    )
    return dg.Definitions.merge(graph, automation)


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of this process's experiment and home."""
    home = current_home()
    return build_definitions(load_experiment(definitions_file(home)), home)
