"""The README tells the truth: its commands, options, targets, links, folders and code exist and run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from pipelines.cli.main import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def repository_files() -> set[Path]:
    """Relative paths of what git knows, and of what it would not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {Path(name) for name in listing.split("\0") if name}


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def code_spans() -> list[str]:
    outside_blocks = re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`]+)`", outside_blocks)


def command_lines() -> Iterator[str]:
    """Everything the README writes as a command, in blocks and in the text, without comments."""
    for line in "".join(code_blocks("sh")).splitlines():
        yield line.partition("#")[0].strip()
    yield from code_spans()


def har_command_lines() -> list[list[str]]:
    """The words after ``har`` of each command line."""
    calls = [
        re.search(r"(?:^|\s)har ((?:run|status|predict|models|ui|audit|trace)\b.*)", line) for line in command_lines()
    ]
    return [call[1].replace("\\|", "|").split() for call in calls if call]


def commands_of_har() -> dict[str, set[str]]:
    """The options of each subcommand."""
    group: Any = typer.main.get_command(app)
    return {
        name: {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
        for name, command in group.commands.items()
    }


def test_names_every_subcommand_and_no_other() -> None:
    assert {words[0] for words in har_command_lines()} == set(commands_of_har())


def test_options_of_har_exist() -> None:
    known = commands_of_har()
    unknown = [
        (words[0], option)
        for words in har_command_lines()
        for option in re.findall(r"--[a-z-]+", " ".join(words))
        if option not in known[words[0]]
    ]
    assert unknown == []


def test_make_targets_exist() -> None:
    named = {target for line in command_lines() for target in re.findall(r"^make ([a-z-]+)", line)}
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert named == targets


def test_experiment_files_exist() -> None:
    named = {name for line in command_lines() for name in re.findall(r"experiments/\w+\.toml", line)}
    assert named, "the README names an experiment file"
    assert {name for name in named if not (ROOT / name).is_file()} == set()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", *ROOT.glob("docs/**/*.md")], ids=str)
def test_links_resolve(page: str | Path) -> None:
    path = ROOT / page
    linked = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", path.read_text(encoding="utf-8"))
    there = {folder for file in repository_files() for folder in (file, *file.parents)}
    assert [link for link in linked if Path(os.path.relpath(path.parent / link, ROOT)) not in there] == []


def test_folder_map_is_complete() -> None:
    rows = re.findall(r"^\| \[([\w/]+)/\]\(([\w/]+)\)", README, flags=re.MULTILINE)
    assert all(name == target for name, target in rows)
    files = repository_files()
    top = {path.parts[0] for path in files if len(path.parts) > 1 and not path.parts[0].startswith(".")}
    rooms = {"/".join(path.parts[:2]) for path in files if path.parts[0] == "har_core" and len(path.parts) > 2}
    assert {name for name, _ in rows} == top | rooms


def test_toml_is_valid() -> None:
    blocks = code_blocks("toml")
    assert blocks
    for block in blocks:
        tomllib.loads(block)


def test_new_architecture_passes_the_contract_suite(tmp_path: Path) -> None:
    """The file that the README shows, put into a copy of the core, nothing else edited, nothing stored."""
    target, source = re.findall(
        r"^`(har_core/models/\w+\.py)`\n\n```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL
    )[0]
    shutil.copytree(ROOT / "har_core", tmp_path / "har_core", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / target).write_text(source, encoding="utf-8")
    name = Path(target).stem
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contracts"]
    command += ["-k", f"{name} and not stored"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    finished = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert re.search(r"\b[1-9]\d* passed", finished.stdout), finished.stdout
