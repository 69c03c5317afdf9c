"""What counts, and how a change is told.

Staleness by code is tested on a copy of the tree, in a process of its own: what is imported stays as it is.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from assets.machinery.code_versions import (
    WITHOUT_EFFECT,
    Ingredients,
    _import_graph,
    differences,
    import_closure,
    ingredients,
)
from har_core.fitting.recipe import code_roots

ROOT = Path(__file__).parents[3]
NETWORKS = ("cnn", "resnet", "lstm", "shufflenet")
ARCHITECTURES = (*NETWORKS, "random_forest", "rocket")
ROOTS = {name: code_roots(name) for name in ARCHITECTURES} | {
    "gate": ["har_core.evaluation.gate"],
    "report": ["har_core.report.build"],
}
PROGRAM = f"""
import json
from dataclasses import asdict
from assets.machinery.code_versions import ingredients
print(json.dumps({{name: asdict(ingredients(modules, {{}})) for name, modules in {ROOTS!r}.items()}}))
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for package in ("har_core", "assets"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def made_with(tree: Path) -> dict[str, Ingredients]:
    """Ingredients as found in the sources below ``tree``."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=tree, capture_output=True, text=True, check=True)
    return {name: Ingredients(**found) for name, found in json.loads(done.stdout).items()}


def versions(tree: Path) -> dict[str, str]:
    """Code versions of these."""
    return {name: found.version for name, found in made_with(tree).items()}


def changed_by(tree: Path, *files: str, added: str = "\nEDITED = 1\n") -> set[str]:
    """What has another version once ``added`` stands at the end of each of ``files``."""
    before = versions(tree)
    for file in files:
        path = tree / "har_core" / file
        path.write_text(path.read_text(encoding="utf-8") + added, encoding="utf-8")
    after = versions(tree)
    return {name for name in before if before[name] != after[name]}


def test_editing_an_architecture_changes_only_its_own_model(tree: Path) -> None:
    assert changed_by(tree, "models/lstm.py") == {"lstm"}


def test_editing_shared_layers_changes_only_their_users(tree: Path) -> None:
    layers = "har_core.models.layers.series"
    users = {name for name in ARCHITECTURES if layers in import_closure([f"har_core.models.{name}"])}
    assert "cnn" in users
    assert changed_by(tree, "models/layers/series.py") == users


def test_editing_the_training_loop_changes_every_network_and_nothing_else(tree: Path) -> None:
    assert changed_by(tree, "training/loop.py") == set(NETWORKS)


@pytest.mark.parametrize(
    "file", ["fitting/fit.py", "inference/classifier.py", "splits/normalization.py", "spec/channels.py"]
)
def test_editing_what_every_fit_goes_through_changes_every_model_and_nothing_else(tree: Path, file: str) -> None:
    assert changed_by(tree, file) == set(ARCHITECTURES)


def test_the_audit_concerns_windows_and_nothing_that_reads_them() -> None:
    """Folds take hours: they are stale where windows have other content, not where the audit has other code."""
    assert "har_core.audit.findings" in import_closure(["har_core.windows.segmentation"])
    assert not {name for name in import_closure(["har_core.splits.build"]) if name.startswith("har_core.audit")}


def test_comments_docstrings_and_layout_do_not_count(tree: Path) -> None:
    assert changed_by(tree, "models/lstm.py", added='\n\n\n# A comment.\n"""A string that nobody reads."""\n') == set()


def test_docstrings_of_functions_and_attributes_do_not_count(tree: Path) -> None:
    path = tree / "har_core" / "training" / "events.py"
    before = versions(tree)
    source = path.read_text(encoding="utf-8")
    assert source.count('."""\n') > 10
    path.write_text(source.replace('."""\n', '. Edited."""\n'), encoding="utf-8")
    assert versions(tree) == before


def test_what_cannot_change_a_result_does_not_count(tree: Path) -> None:
    files = ("base/errors.py", "base/progress.py", "settings/training.py", "models/__init__.py", "training/__init__.py")
    assert changed_by(tree, *files) == set()


def test_evaluation_counts_for_the_gate_and_for_no_model(tree: Path) -> None:
    assert changed_by(tree, "evaluation/gate.py") == {"gate"}
    assert changed_by(tree, "evaluation/paired.py") == {"gate", "report"}


def test_a_corrected_metric_concerns_the_report_and_no_training(tree: Path) -> None:
    assert changed_by(tree, "evaluation/scores.py", "evaluation/results.py") == {"report"}


def test_settings_and_files_count(core: Path) -> None:
    template = core / "page.j2"
    template.write_text("a")
    roots = ["har_core.models.cnn"]
    plain = ingredients(roots, {"epochs": 1})
    assert plain == ingredients(roots, {"epochs": 1})
    assert plain.version != ingredients(roots, {"epochs": 2}).version
    with_file = ingredients(roots, {"epochs": 1}, [template])
    template.write_text("b")
    with_other = ingredients(roots, {"epochs": 1}, [template])
    assert with_file.version not in {plain.version, with_other.version}
    assert differences(plain, with_file) == ["har_core/page.j2 is new"]
    assert differences(with_file, with_other) == ["har_core/page.j2 changed"]


def test_names_of_settings_are_those_of_an_experiment_file_and_do_not_count() -> None:
    settings = {"epochs": 1, "window_length": 125, "recipe": {"seed": 0, "units": ("T",)}}
    names = {"window_length": "windows.length", "recipe": "training"}
    named = ingredients(["har_core.splits.build"], settings, section="models.cnn", names=names)
    assert named.settings == {
        "models.cnn.epochs": 1,
        "windows.length": 125,
        "training.seed": 0,
        "training.units": ["T"],
    }
    assert named.version == ingredients(["har_core.splits.build"], settings).version


def test_ingredients_are_the_same_once_read_back() -> None:
    made = ingredients(["har_core.splits.build"], {"subjects": (1, 2), "rate": 0.0, "units": None}, section="splits")
    read = Ingredients(**json.loads(json.dumps(asdict(made))))
    assert read == made
    assert differences(read, made) == []


def test_modules_that_enter_and_leave_are_told(tree: Path) -> None:
    before = made_with(tree)
    path = tree / "har_core" / "models" / "lstm.py"
    source = path.read_text(encoding="utf-8")
    path.write_text(source + "\nfrom har_core.models.linear import Linear\n", encoding="utf-8")
    after = made_with(tree)
    assert {name for name in before if differences(before[name], after[name])} == {"lstm"}
    edited = "har_core/models/lstm.py changed"
    assert differences(before["lstm"], after["lstm"]) == ["har_core/models/linear.py is new", edited]
    assert differences(after["lstm"], before["lstm"]) == ["har_core/models/linear.py is gone", edited]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"a": 5e-4}, {"a": 1e-3}, ["setting a changed 0.0005 → 0.001"]),
        ({"a": 0}, {"a": 0.0}, ["setting a changed 0 → 0.0"]),
        ({"a": None}, {"a": ["T"]}, ['setting a changed not set → ["T"]']),
        ({"a": "flag"}, {"a": "dröp"}, ['setting a changed "flag" → "dröp"']),
        ({}, {"a": None}, ["setting a is new (not set)"]),
        ({"a": True}, {}, ["setting a is gone (was true)"]),
        (
            {"a": 1, "c": 1},
            {"c": 2, "b": 2},
            ["setting c changed 1 → 2", "setting b is new (2)", "setting a is gone (was 1)"],
        ),
        ({"a": 1}, {"a": 1}, []),
    ],
)
def test_changed_settings_are_told_with_both_values(
    before: dict[str, Any], after: dict[str, Any], told: list[str]
) -> None:
    assert differences(Ingredients("1", {}, before), Ingredients("2", {}, after)) == told


def test_settings_are_told_first_and_files_sorted() -> None:
    before = Ingredients("1", {"b.py": "x", "c.py": "x", "d.py": "x"}, {"s": 1})
    after = Ingredients("2", {"c.py": "x", "b.py": "y", "a.py": "x"}, {"s": 2})
    told = ["setting s changed 1 → 2", "a.py is new", "b.py changed", "d.py is gone"]
    assert differences(before, after) == told


@pytest.mark.parametrize(
    ("number", "told"), [(5, "4.py is new"), (6, "and 1 more file"), (9, "and 4 more files")], ids=str
)
def test_of_many_files_the_first_are_told(number: int, told: str) -> None:
    found = differences(Ingredients("1", {}, {}), Ingredients("2", {f"{n}.py": "x" for n in range(number)}, {}))
    assert found[:5] == [f"{n}.py is new" for n in range(5)]
    assert found[-1] == told


@pytest.mark.parametrize(
    ("number", "told"), [(10, "setting 9 is new (0)"), (11, "and 1 more setting"), (12, "and 2 more settings")], ids=str
)
def test_of_many_settings_the_first_are_told(number: int, told: str) -> None:
    found = differences(Ingredients("1", {}, {}), Ingredients("2", {}, {str(n): 0 for n in range(number)}))
    assert found[:10] == [f"setting {n} is new (0)" for n in range(10)]
    assert found[-1] == told


def test_a_package_is_no_root() -> None:
    with pytest.raises(ValueError, match="is a package"):
        ingredients(["har_core.models"], {})


def test_no_dependency_hides_behind_a_package() -> None:
    """A name taken from a package would be missed, because packages are not entered."""
    graph = _import_graph()
    hidden = {
        f"{module} imports {name}"
        for module in graph.modules
        for name in graph.find_modules_directly_imported_by(module)
        if graph.find_children(name)
        and not graph.find_children(module)
        and graph.find_modules_directly_imported_by(name)
        and not name.startswith(WITHOUT_EFFECT)
    }
    assert hidden == set()
