"""docs/experiment_file.md names every setting, with the type, limits, default and words of `har_core.settings`."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from setting_tables import part_of_page, rows_in, rows_of

from har_core.experiment.loader import load_experiment
from har_core.settings.audit import AuditSettings
from har_core.settings.augmentation import AugmentationSettings
from har_core.settings.automation import AutomationSettings
from har_core.settings.base import Settings
from har_core.settings.champion import ChampionSettings
from har_core.settings.ensembles import EnsembleSettings
from har_core.settings.pretraining import PretrainingSettings
from har_core.settings.recipes import KINDS
from har_core.settings.report import EvaluationSettings, ReportSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.search import SearchSettings
from har_core.settings.source import SourceSettings
from har_core.settings.splits import SplitSettings
from har_core.settings.training import TrainingSettings
from har_core.settings.transfer import TransferSettings
from har_core.settings.windows import WindowSettings

PAGE = Path(__file__).parents[1] / "docs" / "experiment_file.md"
SECTIONS: dict[str, type[Settings]] = {
    "source": SourceSettings,
    "audit": AuditSettings,
    "windows": WindowSettings,
    "splits": SplitSettings,
    "training": TrainingSettings,
    "training.augmentation": AugmentationSettings,
    "training.pretraining": PretrainingSettings,
    "ensembles.<name>": EnsembleSettings,
    **{f"recipes.{kind}": settings for kind, settings in KINDS.items()},
    "transferred": TransferSettings,
    "evaluation": EvaluationSettings,
    "search.<architecture>": SearchSettings,
    "champion": ChampionSettings,
    "report": ReportSettings,
    "runtime": RuntimeSettings,
    "automation": AutomationSettings,
}


@pytest.mark.parametrize("section", SECTIONS)
def test_page_has_every_setting(section: str) -> None:
    rows = rows_of(SECTIONS[section])
    written = rows_in(part_of_page(PAGE, f"`[{section}]`"))
    assert written[: len(rows)] == rows
    assert all(len(line.split(" | ")) == 2 for line in written[len(rows) :]), "a table of another kind"


def test_example_of_the_page_is_valid(tmp_path: Path) -> None:
    example = PAGE.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    sections = {"models", "compressed", *(name.partition(".")[0] for name in SECTIONS)}
    assert set(tomllib.loads(example)) == sections, "the example shows every section"
    path = tmp_path / "mine.toml"
    path.write_text(example, encoding="utf-8")
    assert load_experiment(path).name == "mine"
