"""What Dagster, MLflow and process starts cost beside the work itself, on a small home of made recordings.

``python benchmarks/orchestration.py`` prints a Markdown table for ``docs/results/orchestration.md``. Each measurement
stands beside a reference that was taken in turns with it, so that whatever else the machine does slows both down.

``--quick``: one round, to see that it works.
"""

import argparse
import logging
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import torch
from dagster._cli.api import ExecuteRunArgs
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.launcher import LaunchRunContext
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin

from assets.graph import build_resources
from assets.publication import publish
from assets.resources.home import Home
from assets.resources.occupation import HomeResource
from assets.resources.registry import Registry
from assets.resources.tracking import TrackedRun, Tracking, TrackingResource
from har_core.inference import RawWindowClassifier
from har_core.models import create_model
from har_core.settings.experiment import Experiment, load_experiment
from pipelines.definitions import defs

EXPERIMENT = """\
[source]
kind = "synthetic"
num_subjects = 3
num_segments = 2
[splits]
validation_subjects = [2]
test_subjects = [3]
[training]
epochs = 1
batch_size = 16
[models]
architectures = ["cnn"]
[models.cnn]
base_width = 2
[evaluation]
latency_repeats = 3
latency_warmup = 1
[runtime]
device = "cpu"
"""
IMPORTS = "import dagster, torch, mlflow.pytorch, sklearn.metrics, matplotlib.figure"
NUM_CHANNELS, NUM_TIMEPOINTS, NUM_CLASSES = 45, 125, 19


def seconds_of(call: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def alternate(rounds: int, *calls: Callable[[], float]) -> list[list[float]]:
    """What each call gives, in turns, after one round that does not count; a single round counts."""
    num_ignored = int(rounds > 1)
    taken = [[call() for call in calls] for _ in range(num_ignored + rounds)]
    return [list(column) for column in zip(*taken[num_ignored:], strict=True)]


def python(*arguments: str) -> None:
    """A process of its own, which must succeed."""
    done = subprocess.run([sys.executable, *arguments], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)


class Bench:
    """A home in which everything ran once, and what is measured in it."""

    def __init__(self, root: Path) -> None:
        self.experiment_file = root / "small.toml"
        self.experiment_file.write_text(EXPERIMENT)
        self.home = Home(root / "home")
        self.home.root.mkdir()
        os.environ |= {
            "HAR_HOME": str(self.home.root),
            "DAGSTER_HOME": str(self.home.dagster),
            "HAR_EXPERIMENT": str(self.experiment_file),
        }
        os.chdir(self.home.root)  # Dagster lets the `.env` of a working directory override the environment
        self.har_run()
        with (self.home.dagster / "dagster.yaml").open("a") as settings:
            settings.write("python_logs:\n  python_log_level: ERROR\n")

    @property
    def experiment(self) -> Experiment:
        """The settings."""
        return load_experiment(self.experiment_file)

    def har_run(self) -> None:
        """The whole command; after the first time it has nothing to do."""
        python("-m", "pipelines", "run", str(self.experiment_file))

    def queued_run(self, instance: dg.DagsterInstance, *, warm: bool) -> float:
        """From leaving the queue to the end of a run that makes ``splits``, whose work is measured in milliseconds."""
        pointer = ModuleCodePointer("pipelines.definitions", "defs", working_directory=None)
        origin = JobPythonOrigin("__ASSET_JOB", RepositoryPythonOrigin(sys.executable, pointer))
        job = defs().resolve_implicit_global_asset_job_def().get_subset(asset_selection={dg.AssetKey("splits")})
        run = instance.create_run_for_job(
            job, job_code_origin=origin, asset_selection=frozenset({dg.AssetKey("splits")})
        )
        start = time.perf_counter()
        if warm:
            instance.run_launcher.launch_run(LaunchRunContext(run, workspace=None))
            while not instance.get_run_by_id(run.run_id).is_finished:
                time.sleep(0.05)
        else:
            arguments = ExecuteRunArgs(origin, run.run_id, instance.get_ref(), set_exit_code_on_failure=True)
            subprocess.run(arguments.get_command_args(), check=True, capture_output=True)
        seconds = time.perf_counter() - start
        if not instance.get_run_by_id(run.run_id).is_success:
            raise RuntimeError("\n".join(map(str, instance.all_logs(run.run_id))))
        return seconds

    def materialise_nothing(self, instance: dg.DagsterInstance, *, tracked: bool) -> float:
        """A run in this process of an asset that does nothing; with its MLflow run, its metadata and its version."""
        experiment = self.experiment

        @dg.asset
        def nothing(
            context: dg.AssetExecutionContext, home: HomeResource, tracking: TrackingResource
        ) -> dg.MaterializeResult:
            if not tracked:
                return dg.MaterializeResult(data_version=dg.DataVersion("1"))
            with tracking.tracking().materialisation(context, experiment) as run:
                return publish(
                    run, data_version="1", origin="synthetic", outputs=[home.home().manifest], metadata={"n": 1}
                )

        resources = {name: value for name, value in build_resources(self.home).items() if name != "display"}
        return seconds_of(lambda: dg.materialize([nothing], instance=instance, resources=resources))

    def log_model(self, architecture: str) -> float:
        """Export, log, load back and compare a network of the usual size."""
        tracking = Tracking(self.home)
        network = create_model(
            architecture, num_channels=NUM_CHANNELS, num_timepoints=NUM_TIMEPOINTS, num_classes=NUM_CLASSES
        )
        mean, deviation = torch.zeros(NUM_CHANNELS), torch.ones(NUM_CHANNELS)
        model = RawWindowClassifier(network.eval(), mean=mean, standard_deviation=deviation)
        run = tracking.client.create_run(tracking.experiment_id)
        tracked = TrackedRun(tracking, run.info.run_id)
        return seconds_of(lambda: Registry(tracking).log(tracked, "har-bench", model, num_timepoints=NUM_TIMEPOINTS))


def row(what: str, ours: list[float], reference: str = "", theirs: list[float] | None = None) -> None:
    """One line of the table."""
    own = f"{statistics.median(ours):.2f} ({min(ours):.2f}–{max(ours):.2f})"
    if theirs is None:
        print(f"| {what} | {own} | | | |", flush=True)
        return
    other = f"{statistics.median(theirs):.2f} ({min(theirs):.2f}–{max(theirs):.2f})"
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    print(f"| {what} | {own} | {reference} | {other} | {ratio:.2f} |", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    rounds = 1 if options.quick else options.rounds
    logging.disable(logging.WARNING)  # Dagster tells of every step
    processor = torch.cpu.get_capabilities().get("cpu_name") or platform.processor()
    print(f"{processor}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {rounds} rounds\n")
    print("| what | seconds, median (range) | reference | its seconds | ratio |\n|---|--:|---|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        idle, imports = alternate(
            rounds, lambda: seconds_of(bench.har_run), lambda: seconds_of(lambda: python("-c", IMPORTS))
        )
        row("`har run` with nothing to do", idle, "a process that imports the libraries", imports)
        with dg.DagsterInstance.from_config(str(bench.home.dagster)) as instance:
            warm, cold = alternate(
                rounds,
                lambda: bench.queued_run(instance, warm=True),
                lambda: bench.queued_run(instance, warm=False),
            )
            row("a run of `splits` from the queue, start to end", warm, "in a new interpreter", cold)
            tracked, plain = alternate(
                rounds,
                lambda: bench.materialise_nothing(instance, tracked=True),
                lambda: bench.materialise_nothing(instance, tracked=False),
            )
            row("a materialisation of nothing, in a process that runs", tracked, "without MLflow", plain)
        for architecture in ("cnn", "resnet", "lstm", "shufflenet"):
            row(f"logging and checking `{architecture}`", alternate(rounds, lambda: bench.log_model(architecture))[0])  # noqa: B023


if __name__ == "__main__":
    main()
