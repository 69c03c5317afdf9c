"""What the assets of the real graph say of themselves once a setting or a file has changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from assets.graph import build_assets, build_resources
from assets.machinery.code_versions import INGREDIENTS
from har_core.experiment.loader import load_experiment
from har_core.settings.experiment import Experiment
from pipelines.staleness import State, ask

if TYPE_CHECKING:
    from tests.assets.conftest import Graph


def causes(ran: Graph, experiment: Experiment) -> dict[str, tuple[str, ...]]:
    """The causes of each asset that is stale by itself, with ``experiment`` in the home where everything ran."""
    definitions = dg.Definitions(assets=build_assets(experiment), resources=build_resources(ran.home))
    statuses = ask(definitions.resolve_asset_graph(), ran.instance, ran.home.root)
    assert not [item for item, status in statuses.items() if status.state is State.MISSING]
    return {str(item): status.causes for item, status in statuses.items() if status.state is State.STALE}


def edited(ran: Graph, folder: Path, before: str, after: str) -> Experiment:
    """The experiment that ran, with one edit, as a file in ``folder``."""
    text = ran.experiment.path.read_text(encoding="utf-8")
    assert text.count(before) == 1
    path = folder / ran.experiment.path.name
    path.write_text(text.replace(before, after), encoding="utf-8")
    return load_experiment(path)


def append(path: Path, added: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + added, encoding="utf-8")


def test_every_definition_and_materialisation_says_what_it_is_made_with(ran: Graph) -> None:
    graph = ran.definitions().resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        told = graph.get(key).metadata[INGREDIENTS]
        assert ran.latest(key.to_user_string()).metadata[INGREDIENTS] == dg.MetadataValue.json(told)
        assert told["version"] == graph.get(key).code_version
        assert told["files"]
        assert len(told["files"]) <= 100


def test_nothing_is_stale_where_nothing_changed(ran: Graph) -> None:
    assert causes(ran, ran.experiment) == {}


@pytest.mark.parametrize(
    ("edit", "told", "assets"),
    [
        (("hidden_size = 8", "hidden_size = 9"), "models.lstm.hidden_size changed 8 → 9", ["models/lstm"]),
        (("epochs = 1\n", "epochs = 3\n"), "models.lstm.epochs changed 1 → 3", ["models/lstm"]),
        (("epochs = 1\n", ""), "models.lstm.epochs changed 1 → 2", ["models/lstm"]),
        (("[splits]", "[windows]\noverlap = 0.5\n[splits]"), "windows.overlap changed 0.0 → 0.5", ["windows"]),
        (("[splits]", "[audit]\nfield_gap = 24\n[splits]"), "audit.field_gap changed 25 → 24", ["recording_audit"]),
        (("subjects = [3]", "subjects = [1]"), "splits.test_subjects changed [3] → [1]", ["splits", "champion"]),
        (("latency_repeats = 3", "latency_repeats = 4"), "evaluation.latency_repeats changed 3 → 4", []),
        (
            ("[splits]", "[windows]\nlength = 100\n[splits]"),
            "windows.length changed 125 → 100",
            ["windows", "models/cnn", "models/lstm"],
        ),
    ],
)
def test_changed_setting_is_named_as_in_the_experiment_file(
    ran: Graph, tmp_path: Path, edit: tuple[str, str], told: str, assets: list[str]
) -> None:
    assert causes(ran, edited(ran, tmp_path, *edit)) == dict.fromkeys(
        [*assets, "comparison_report"], (f"setting {told}",)
    )


def test_inherited_setting_is_told_as_that_of_each_model(ran: Graph, tmp_path: Path) -> None:
    told = {name: f"setting {name}.batch_size changed 16 → 8" for name in ("training", "models.cnn", "models.lstm")}
    assert causes(ran, edited(ran, tmp_path, "batch_size = 16", "batch_size = 8")) == {
        "models/cnn": (told["models.cnn"],),
        "models/lstm": (told["models.lstm"],),
        "comparison_report": tuple(told.values()),
    }


def test_renamed_experiment_file_is_told(ran: Graph, tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text(ran.experiment.path.read_text(encoding="utf-8"), encoding="utf-8")
    told = 'setting file name changed "tiny" → "other"'
    assert causes(ran, load_experiment(path)) == {"comparison_report": (told,)}


def test_changed_module_is_named(ran: Graph, core: Path) -> None:
    append(core / "models" / "lstm.py", "\nEDITED = 1\n")
    assert causes(ran, ran.experiment) == {"models/lstm": ("har_core/models/lstm.py changed",)}


def test_changed_comment_is_not_told(ran: Graph, core: Path) -> None:
    append(core / "models" / "lstm.py", "\n# Edited.\n")
    assert causes(ran, ran.experiment) == {}


def test_changed_and_new_templates_are_named(ran: Graph, core: Path) -> None:
    append(core / "report" / "templates" / "report.css", "/* Edited. */")
    (core / "report" / "templates" / "new.html.j2").touch()
    assert causes(ran, ran.experiment) == {
        "comparison_report": (
            "har_core/report/templates/new.html.j2 is new",
            "har_core/report/templates/report.css changed",
        )
    }
