"""What Dagster, MLflow and process starts cost beside the work itself, on a small home of made recordings."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache, cached_property, partial
from pathlib import Path

import dagster as dg
import numpy as np
import torch
from commands import prepare_home
from dagster._cli.api import ExecuteRunArgs
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.launcher import LaunchRunContext
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from measure import Case, Once, Options, Way

from assets.graph import build_resources
from assets.machinery.code_versions import ingredients
from assets.machinery.materialisation import Made, make_asset
from assets.resources.export import log_model
from assets.resources.home import Home
from assets.resources.runs import TrackedRun
from assets.resources.tracking import Tracking
from har_core.datasets.dsads.dataset import DSADS
from har_core.experiment.loader import load_experiment
from har_core.inference.classifier import RawWindowClassifier
from har_core.inference.likeness import describe_training
from har_core.models import create_model
from har_core.settings.experiment import Experiment
from pipelines.definitions import defs

NUM_TIMEPOINTS = 125


@dg.asset(name="nothing", required_resource_keys={"home", "display"})
def _untracked() -> dg.MaterializeResult:  # type: ignore[type-arg]
    return dg.MaterializeResult(data_version=dg.DataVersion("1"))


def _run(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun:
    run = instance.get_run_by_id(run_id)
    if run is None:
        raise RuntimeError(f"Dagster has no run {run_id}")
    return run


class Bench:
    """A home in which everything ran once, and what is measured in it."""

    def __init__(self, root: Path) -> None:
        self.home = Home(prepare_home(root))
        with (self.home.dagster / "dagster.yaml").open("a") as settings:
            settings.write("python_logs:\n  python_log_level: ERROR\n")

    @cached_property
    def instance(self) -> dg.DagsterInstance:
        """Of the home, until the process ends."""
        return dg.DagsterInstance.from_config(str(self.home.dagster))

    @property
    def experiment(self) -> Experiment:
        """The settings."""
        return load_experiment(Path(os.environ["HAR_EXPERIMENT"]))

    def queued_run(self, *, warm: bool) -> None:
        """From leaving the queue to the end of a run that makes ``splits``, whose work is measured in milliseconds."""
        instance = self.instance
        pointer = ModuleCodePointer("pipelines.definitions", "defs", working_directory=None)
        origin = JobPythonOrigin("__ASSET_JOB", RepositoryPythonOrigin(sys.executable, pointer))
        job = defs().resolve_implicit_global_asset_job_def().get_subset(asset_selection={dg.AssetKey("splits")})
        run = instance.create_run_for_job(
            job, job_code_origin=origin, asset_selection=frozenset({dg.AssetKey("splits")})
        )
        if warm:
            instance.run_launcher.launch_run(LaunchRunContext(run, workspace=None))
            while not _run(instance, run.run_id).is_finished:
                time.sleep(0.05)
        else:
            arguments = ExecuteRunArgs(origin, run.run_id, instance.get_ref(), set_exit_code_on_failure=True)
            subprocess.run(arguments.get_command_args(), check=True, capture_output=True)
        if not _run(instance, run.run_id).is_success:
            raise RuntimeError("\n".join(map(str, instance.all_logs(run.run_id))))

    def materialise_nothing(self, *, tracked: bool) -> None:
        """A run in this process of an asset that does nothing; with its MLflow run, its metadata and its version."""
        if tracked:
            made = Made(version="1", origin="synthetic", metadata={"n": 1})
            made_with = ingredients([], {})
            nothing = make_asset(
                dg.AssetKey("nothing"),
                lambda work: made,  # noqa: ARG005
                self.experiment,
                made_with,
                group_name="bench",
                kinds=set(),
                description="Makes nothing.",
            )
        else:
            nothing = _untracked
        dg.materialize([nothing], instance=self.instance, resources=build_resources(self.home))

    def log_model(self, architecture: str) -> None:
        """Export, log, load back and compare a network of the usual size."""
        tracking = Tracking(self.home)
        network = create_model(
            architecture,
            num_channels=DSADS.num_channels,
            num_timepoints=NUM_TIMEPOINTS,
            num_classes=DSADS.num_activities,
        )
        mean, deviation = torch.zeros(DSADS.num_channels), torch.ones(DSADS.num_channels)
        model = RawWindowClassifier(network.eval(), DSADS, mean=mean, standard_deviation=deviation)
        run = tracking.client.create_run(tracking.experiment_id)
        tracked = TrackedRun(tracking, run.info.run_id)
        windows = np.random.default_rng(0).normal(size=(256, NUM_TIMEPOINTS, DSADS.num_channels)).astype(np.float32)
        training = describe_training([windows], DSADS, range(DSADS.num_channels))
        log_model(tracked, "har-bench", model, num_timepoints=NUM_TIMEPOINTS, training=training)


def cases(options: Options) -> list[Case]:
    """What Dagster, MLflow and process starts cost beside the work itself."""
    return [
        _case(
            "a run of `splits` from the queue",
            options,
            {
                "ours": lambda: partial(_home(options).queued_run, warm=True),
                "new interpreter": lambda: partial(_home(options).queued_run, warm=False),
            },
            reference="new interpreter",
        ),
        _case(
            "a materialisation of nothing",
            options,
            {
                "ours": lambda: partial(_home(options).materialise_nothing, tracked=True),
                "without MLflow": lambda: partial(_home(options).materialise_nothing, tracked=False),
            },
            reference="without MLflow",
        ),
        *(
            _case(f"logging {name}", options, {"ours": partial(_log_model, options, name)})
            for name in (("lstm",) if options.quick else ("cnn", "resnet", "lstm", "shufflenet"))
        ),
    ]


def _case(
    name: str, options: Options, ways: dict[str, Callable[[], Callable[[], object]]], reference: str | None = None
) -> Case:
    """In the quick form without the reference, which is slow and no work of ours."""
    chosen = {way: prepare for way, prepare in ways.items() if way == "ours" or not options.quick}
    return Case(
        name=name,
        unit="s",
        ways=tuple(Way(name=way, prepare=partial(_counting, prepare)) for way, prepare in chosen.items()),
        reference=None if options.quick else reference,
    )


def _log_model(options: Options, name: str) -> Callable[[], object]:
    return partial(_home(options).log_model, name)


def _counting(prepare: Callable[[], Callable[[], object]]) -> Once:
    work = prepare()

    def once() -> float:
        work()
        return 1.0

    return once


@cache
def _home(options: Options) -> Bench:
    """One home for all cases of a process."""
    logging.disable(logging.WARNING)  # Dagster tells of every step
    return Bench(options.scratch)
