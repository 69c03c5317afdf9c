"""What holds for the repository as a whole: import contracts, packages, sizes, pinned dependencies."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from importlinter.application.use_cases import lint_imports
from importlinter.configuration import configure
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from setuptools import find_packages

ROOT = Path(__file__).parents[1]
PACKAGES = {"har_core", "assets", "pipelines"}
MAX_LINES = 400
MAX_BYTES = 1_000_000
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def tracked_files(*patterns: str) -> list[Path]:
    """Files in the repository or about to be: what git knows, and what it would not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for path in (ROOT / name for name in sorted(set(listing.split("\0")) - {""})) if path.is_file()]


def test_import_contracts_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    kept = lint_imports(str(ROOT / "pyproject.toml"), cache_dir=None, no_logo=True)
    assert kept, capsys.readouterr().out


def test_exactly_three_packages_are_installed() -> None:
    include = PYPROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {name.partition(".")[0] for name in find_packages(str(ROOT), include=include)} == PACKAGES


def test_every_source_folder_is_a_package() -> None:
    folders = {path.parent for path in tracked_files(*(f"{package}/**.py" for package in PACKAGES))}
    assert [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_tests_are_no_packages() -> None:
    # With one, tests/assets would shadow the package `assets`.
    assert tracked_files("tests/**__init__.py") == []


def test_python_files_are_short() -> None:
    num_lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in tracked_files("*.py")}
    assert {str(path.relative_to(ROOT)): lines for path, lines in num_lines.items() if lines > MAX_LINES} == {}


def test_no_large_files() -> None:
    sizes = {str(path.relative_to(ROOT)): path.stat().st_size for path in tracked_files()}
    assert {path: size for path, size in sizes.items() if size > MAX_BYTES} == {}


def test_no_marks_of_a_merge() -> None:
    mark = re.compile(rb"^(?:<{7}|>{7}|\|{7}) ", re.MULTILINE)
    assert [path for path in tracked_files() if mark.search(path.read_bytes())] == []


def test_constraints_are_exact_versions_without_addresses() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", pin)] == []
    assert len({pin.partition("==")[0] for pin in pins}) == len(pins)


def test_constraints_satisfy_every_requirement_of_pyproject() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}
    project = PYPROJECT["project"]
    extras = [text for group in project["optional-dependencies"].values() for text in group]
    requirements = [Requirement(text) for text in (*project["dependencies"], *extras)]
    assert [
        str(requirement)
        for requirement in requirements
        if not requirement.specifier.contains(pinned.get(canonicalize_name(requirement.name), "0"))
    ] == []
