"""Staleness by code is tested on a copy of the tree, in a process of its own: what is imported stays as it is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from assets.code_versions import WITHOUT_EFFECT, _import_graph, code_version, import_closure
from har_core.fitting import code_roots

ROOT = Path(__file__).parents[2]
NETWORKS = ("cnn", "resnet", "lstm", "shufflenet")
ARCHITECTURES = (*NETWORKS, "random_forest", "rocket")
ROOTS = {name: code_roots(name) for name in ARCHITECTURES} | {"gate": ["har_core.evaluation.gate"]}
PROGRAM = f"""
import json
from assets.code_versions import code_version
print(json.dumps({{name: code_version(modules, {{}}) for name, modules in {ROOTS!r}.items()}}))
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for package in ("har_core", "assets"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def versions(tree: Path) -> dict[str, str]:
    """Code versions as computed from the sources below ``tree``."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=tree, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def changed_by(tree: Path, *files: str, added: str = "\nEDITED = 1\n") -> set[str]:
    """What has another version once ``added`` stands at the end of each of ``files``."""
    before = versions(tree)
    for file in files:
        path = tree / "har_core" / file
        path.write_text(path.read_text(encoding="utf-8") + added, encoding="utf-8")
    after = versions(tree)
    return {name for name in before if before[name] != after[name]}


def test_editing_an_architecture_changes_only_its_own_model(tree):
    assert changed_by(tree, "models/lstm.py") == {"lstm"}


def test_editing_shared_layers_changes_only_their_users(tree):
    layers = "har_core.models.layers"
    users = {name for name in ARCHITECTURES if layers in import_closure([f"har_core.models.{name}"])}
    assert "cnn" in users
    assert changed_by(tree, "models/layers.py") == users


def test_editing_the_training_loop_changes_every_network_and_nothing_else(tree):
    assert changed_by(tree, "training/loop.py") == set(NETWORKS)


@pytest.mark.parametrize("file", ["fitting.py", "inference.py", "normalization.py", "channels.py"])
def test_editing_what_every_fit_goes_through_changes_every_model_and_nothing_else(tree, file):
    assert changed_by(tree, file) == set(ARCHITECTURES)


def test_the_audit_concerns_windows_and_nothing_that_reads_them():
    """Folds take hours: they are stale where windows have other content, not where the audit has other code."""
    assert "har_core.audit.findings" in import_closure(["har_core.windows.segmentation"])
    assert not {name for name in import_closure(["har_core.splits"]) if name.startswith("har_core.audit")}


def test_comments_docstrings_and_layout_do_not_count(tree):
    assert changed_by(tree, "models/lstm.py", added='\n\n\n# A comment.\n"""A string that nobody reads."""\n') == set()


def test_docstrings_of_functions_and_attributes_do_not_count(tree):
    path = tree / "har_core" / "training" / "loop.py"
    before = versions(tree)
    source = path.read_text(encoding="utf-8")
    assert source.count('."""\n') > 10
    path.write_text(source.replace('."""\n', '. Edited."""\n'), encoding="utf-8")
    assert versions(tree) == before


def test_what_cannot_change_a_result_does_not_count(tree):
    files = ("errors.py", "progress.py", "settings/training.py", "models/__init__.py", "training/__init__.py")
    assert changed_by(tree, *files) == set()


def test_evaluation_counts_for_the_gate_and_for_no_model(tree):
    assert changed_by(tree, "evaluation/gate.py") == {"gate"}


def test_settings_and_files_count(tmp_path):
    template = tmp_path / "page.j2"
    template.write_text("a")
    roots = ["har_core.models.cnn"]
    plain = code_version(roots, {"epochs": 1})
    assert plain == code_version(roots, {"epochs": 1})
    assert plain != code_version(roots, {"epochs": 2})
    with_file = code_version(roots, {"epochs": 1}, [template])
    template.write_text("b")
    assert with_file not in {plain, code_version(roots, {"epochs": 1}, [template])}


def test_a_package_is_no_root():
    with pytest.raises(ValueError, match="is a package"):
        code_version(["har_core.models"], {})


def test_no_dependency_hides_behind_a_package():
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
