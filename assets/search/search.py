"""``search/<architecture>``: tries settings over inner folds of the subjects that do not test, and says which are best.

Nothing reads it and nothing is applied: its product is a few lines to paste. A person starts it (:data:`BY_HAND`).
"""

import hashlib
import json
import os
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.folds.partitions import subjects_of
from assets.machinery.code_versions import Ingredients, flatten, ingredients
from assets.machinery.keys import BY_HAND, SEARCH_GROUP, WINDOWS, search_key
from assets.machinery.lineage import upstream_versions
from assets.machinery.materialisation import Made, Work, make_asset
from assets.machinery.presentation import markdown_table, path_to
from har_core.base.memory import free_bytes
from har_core.fitting.recipe import channels_seen, code_roots, settings_read
from har_core.settings.experiment import Experiment
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.search import SearchSettings

if TYPE_CHECKING:
    from har_core.search.results import SearchResult
    from har_core.search.trial import InnerFolds

FILES = ("best.toml", "search.json", "search.html")
CONFIG = {
    "trials": dg.Field(dg.Noneable(int), is_required=False, description="Settings to try, in place of the file's."),
    "workers": dg.Field(int, default_value=1, description="Processes that try settings side by side."),
}
_MOST_SHOWN = 10


def build_search(architecture: str, experiment: Experiment) -> dg.AssetsDefinition:
    """The asset of one ``[search.<architecture>]``."""
    return make_asset(
        search_key(architecture),
        partial(_search, architecture),
        experiment,
        search_ingredients(architecture, experiment),
        group_name=SEARCH_GROUP,
        kinds={"pytorch", "mlflow", "optuna"},
        description=f"Settings of {architecture}, tried over inner folds of the subjects that do not test. Started by "
        f"hand (`har search --model {architecture}`); what is best is a few lines to paste.",
        inputs={WINDOWS: lambda home: home.windows},
        outputs=lambda home, _: [home.search(architecture) / name for name in FILES],
        in_own_folder=True,
        config_schema=CONFIG,
        tags=BY_HAND,
    )


def search_ingredients(architecture: str, experiment: Experiment) -> Ingredients:
    """What makes trials comparable: not their number, nor what the file says of the settings that are searched."""
    settings = experiment.search[architecture]
    recipe = flatten(settings_read(architecture, experiment.model_settings(architecture)))
    return ingredients(
        [*code_roots(architecture), "har_core.search.folds", "har_core.search.study", "har_core.search.trial"],
        {
            **settings.model_dump(mode="json", exclude={"trials"}),
            "recipe": {name: value for name, value in recipe.items() if name not in settings.space},
            "splits": experiment.splits.model_dump(mode="json"),
            "window_length": experiment.window_length,
        },
        section=f"search.{architecture}",
        names={"recipe": f"models.{architecture}", "splits": "splits", "window_length": "windows.length"},
    )


def _search(architecture: str, work: Work) -> Made:
    from assets.search.trial_runs import TrialRuns
    from har_core.search.events import SearchEvent, TrialFinished
    from har_core.search.results import read_result
    from har_core.search.study import open_places, open_study
    from har_core.search.workers import run_search

    settings, workers = _options(architecture, work)
    objective = _objective(architecture, work, settings, workers)
    path, last_step = work.home.study(architecture, _study_key(work)), objective.last_step
    with TrialRuns(work.run, architecture) as runs:
        num_done = 0

        def listen(event: SearchEvent) -> None:
            nonlocal num_done
            runs.listen(event)
            num_done += isinstance(event, TrialFinished)
            work.display.progress(f"{work.name} trials", num_done, num_left)

        with open_study(path, settings, last_step=last_step) as study:
            num_left = len(open_places(study, settings))
        run_search(path, settings, objective, last_step=last_step, listener=listen, num_workers=workers)
    with open_study(path, settings, last_step=last_step) as study:
        searched = settings.model_dump(mode="json")
        result = read_result(study, architecture, searched, [fold.validation for fold in objective.folds])
    _write(work, result)
    return Made(version=result.version, metadata={**_describe(result), "path": path_to(work.home.search(architecture))})


def _options(architecture: str, work: Work) -> tuple[SearchSettings, int]:
    """``[search.<architecture>]`` with what the run was given, and the number of workers."""
    given = work.context.op_execution_context.op_config or {}
    settings = work.experiment.search[architecture]
    if given.get("trials") is not None:
        settings = SearchSettings.model_validate({**dict(settings), "trials": given["trials"]})
    return settings, max(1, given.get("workers", 1))


def _objective(architecture: str, work: Work, settings: SearchSettings, workers: int) -> "InnerFolds":
    from har_core.search.folds import inner_folds
    from har_core.search.space import check_space
    from har_core.search.trial import InnerFolds

    experiment, base, spec = work.experiment, work.experiment.model_settings(architecture), work.experiment.windowed
    check_space(
        architecture,
        base,
        settings.space,
        num_channels=len(channels_seen(spec, base.training)),
        num_timepoints=experiment.window_length,
        num_classes=spec.num_activities,
    )
    return InnerFolds(
        architecture=architecture,
        base=base,
        runtime=_shared(experiment.runtime, workers),
        windows_path=work.home.windows,
        folds=inner_folds(experiment.splits, subjects_of(work.context.instance, WINDOWS), settings.folds),
        num_timepoints=experiment.window_length,
        weighs_cost=settings.sampler == "nsga2",
        scratch=work.home.scratch,
    )


def _shared(runtime: RuntimeSettings, workers: int) -> RuntimeSettings:
    """The threads and the memory for samples, divided among workers: else they wait for each other."""
    if workers == 1:
        return runtime
    threads = max(1, (runtime.num_threads or os.cpu_count() or 1) // workers)
    given = runtime.samples_in_memory_mib
    mib = free_bytes() // 2 // 2**20 if given is None else given
    return runtime.model_copy(update={"num_threads": threads, "samples_in_memory_mib": mib // workers})


def _study_key(work: Work) -> str:
    """Trials of other code, settings or windows are of another study."""
    version = work.context.assets_def.get_asset_spec(work.context.asset_key).code_version
    content = json.dumps([version, upstream_versions(work.context)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _write(work: Work, result: "SearchResult") -> None:
    """The three files, and the same in the MLflow run."""
    from har_core.evaluation.records import dump_json
    from har_core.search.page import build_page

    page = build_page(
        result,
        origin=work.origin,
        created=datetime.now(UTC),
        run_id=work.run.run_id,
        run_url=work.run.url,
        windows_version=upstream_versions(work.context)[WINDOWS.to_user_string()],
    )
    for path, content in zip(work.staged, (result.fragment, dump_json(result.as_json()), page), strict=True):
        path.write_text(content, encoding="utf-8")
        work.run.log_bytes(path.name, content.encode())
    names = list(result.search["space"])
    work.run.log_table(
        "tables/trials.json",
        {
            "trial": [trial.number for trial in result.trials],
            "state": [trial.state for trial in result.trials],
            "macro_f1": [trial.mean if trial.scores else None for trial in result.trials],
            **{name: [trial.values.get(name) for trial in result.trials] for name in names},
        },
    )


def _describe(result: "SearchResult") -> dict[str, Any]:
    """What was found, for Dagster's UI."""
    best, names = result.best, list(result.search["space"])
    states = [trial.state for trial in result.trials]
    return {
        "validation_macro_f1": best.mean,
        **({} if best.spread.standard_deviation is None else {"deviation_over_folds": best.spread.standard_deviation}),
        **{f"num_{state}": states.count(state) for state in ("complete", "pruned", "failed")},
        "num_too_close_to_tell": sum(rival.is_close for rival in result.rivals),
        "best": dg.MetadataValue.md(f"```toml\n{result.fragment}```"),
        "trials": markdown_table(
            ["trial", "macro-F1", *names],
            [
                (trial.number, f"{trial.mean:.4f}", *(trial.values[name] for name in names))
                for trial in result.complete[:_MOST_SHOWN]
            ],
        ),
    }
