"""The whole asset graph of one experiment, and the resources that its assets ask for."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from assets.comparison.champion import build_champion
from assets.comparison.comparison_report import build_comparison_report
from assets.data.raw_recordings import build_raw_recordings
from assets.data.recording_audit import build_recording_audit
from assets.data.source_files import build_source_files
from assets.data.splits import build_splits
from assets.data.windows import build_windows
from assets.folds.ensemble import build_ensemble_folds
from assets.folds.fold import build_folds
from assets.folds.sensors import build_sensors
from assets.models.compressed import build_compressed
from assets.models.ensemble import build_ensemble
from assets.models.model import build_model
from assets.models.transferred import build_transferred
from assets.resources.display import Display, LogDisplay
from assets.resources.home import Home
from assets.resources.occupation import HomeResource
from assets.search.search import build_search
from har_core.settings.experiment import Experiment


def build_assets(experiment: Experiment) -> Sequence[dg.AssetSpec | dg.AssetsDefinition]:
    """Every asset, from the source's files to the champion; their checks come with them."""
    made = [
        build_raw_recordings(experiment),
        build_windows(experiment),
        build_splits(experiment),
        *(build_model(architecture, experiment) for architecture in experiment.models.architectures),
        *(build_ensemble(name, experiment) for name in experiment.ensembles),
        *(build_compressed(name, experiment) for name in experiment.parents),
    ]
    transferred = [build_transferred(name, experiment) for name in experiment.transferred.models]
    findings = build_recording_audit(experiment)
    folds = [
        *(build_folds(architecture, experiment) for architecture in experiment.fold_architectures),
        *(build_ensemble_folds(name, experiment) for name in experiment.fold_ensembles),
    ]
    sensors = [build_sensors(architecture, experiment) for architecture in experiment.evaluation.sensors]
    searches = [build_search(architecture, experiment) for architecture in experiment.search]
    report = build_comparison_report(experiment)
    # Findings of the audit are warnings and stop nothing; of folds, validation subjects judge, and no checks count; who
    # tests has no say, so what was fitted on to them has none.
    champion = build_champion(experiment, [*made, report], folds)
    return [build_source_files(), *made, findings, *transferred, *folds, *sensors, *searches, report, champion]


def build_resources(home: Home, display: Display | None = None) -> dict[str, Any]:
    """The resources by the names that asset functions ask for."""
    return {
        "home": HomeResource(root=str(home.root)),
        "display": display or LogDisplay(),
    }
