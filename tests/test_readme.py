"""The documents are right: the commands, options, targets, links, folders and code in them exist and run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from pipelines.cli.main import app

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
README, COMMANDS = ROOT / "README.md", ROOT / "docs" / "command_line.md"
MAX_LINES_OF_README = 150


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def repository_files() -> set[Path]:
    """Relative paths of what git knows, and of what it would not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {Path(name) for name in listing.split("\0") if name}


def code_blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text_of(page), flags=re.MULTILINE | re.DOTALL)


def without_code_blocks(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def command_lines(page: Path) -> Iterator[str]:
    """Everything that a page writes as a command, in blocks and in the text, without comments."""
    for line in "".join(code_blocks(page, "sh")).splitlines():
        yield line.partition("#")[0].strip()
    yield from re.findall(r"`([^`]+)`", without_code_blocks(page))


def har_command_lines(page: Path) -> list[list[str]]:
    """The words after ``har`` of each command line."""
    names = "|".join(commands_of_har())
    calls = [re.search(rf"(?:^|\s|/)har ((?:{names}|--).*)", line) for line in command_lines(page)]
    return [call[1].replace("\\|", "|").split() for call in calls if call]


@cache
def commands_of_har() -> dict[str, set[str]]:
    """The options of each subcommand."""
    group: Any = typer.main.get_command(app)
    return {
        name: set().union(*map(options_of, [command, *getattr(command, "commands", {}).values()]))
        for name, command in group.commands.items()
    }


def options_of(command: Any) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts if option.startswith("--")}


@pytest.mark.parametrize("page", [README, COMMANDS], ids=name_of)
def test_every_subcommand_is_named(page: Path) -> None:
    assert {words[0] for words in har_command_lines(page) if words[0] in commands_of_har()} == set(commands_of_har())


def test_every_option_of_every_subcommand_is_explained() -> None:
    named = {(words[0], word) for words in har_command_lines(COMMANDS) for word in re.findall(r"--[a-z-]+", str(words))}
    known = {(name, option) for name, options in commands_of_har().items() for option in options}
    assert known - named == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_options_of_har_exist(page: Path) -> None:
    known, own = commands_of_har(), options_of(typer.main.get_command(app))
    unknown = [
        (words[0], option)
        for words in har_command_lines(page)
        for option in re.findall(r"--[a-z-]+", " ".join(words))
        if option not in {*known.get(words[0], own), "--help"}
    ]
    assert unknown == []


def test_make_targets_exist_and_are_explained() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = {
        page: {target for line in command_lines(page) for target in re.findall(r"^make ([a-z-]+)", line)}
        for page in PAGES
    }
    assert {name_of(page): sorted(names - targets) for page, names in named.items() if names - targets} == {}
    assert named[COMMANDS] == targets


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_experiment_files_exist(page: Path) -> None:
    named = {name for line in command_lines(page) for name in re.findall(r"experiments/\w+\.toml", line)}
    assert named or page != README, "the README names an experiment file"
    assert {name for name in named if not (ROOT / name).is_file()} == set()


def test_readme_is_short() -> None:
    assert len(text_of(README).splitlines()) <= MAX_LINES_OF_README


def anchors_of(page: Path) -> set[str]:
    """The names under which GitHub links to the headings of a page; a heading that comes again gets a number."""
    titles = re.findall(r"^#+ (.+)$", without_code_blocks(page), flags=re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)|[`*]", r"\1", title).strip().lower() for title in titles]
    slugs = ["".join(c for c in title if c in " -_" or unicodedata.category(c)[0] in "LNM") for title in plain]
    before = Counter[str]()
    anchors = set()
    for slug in (slug.replace(" ", "-") for slug in slugs):
        anchors.add(f"{slug}-{before[slug]}" if before[slug] else slug)
        before[slug] += 1
    return anchors


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_resolve(page: Path) -> None:
    there = {folder for file in repository_files() for folder in (file, *file.parents)}
    broken = []
    for link in re.findall(r"\]\((?!https?://|mailto:)([^)\s]+)\)", text_of(page)):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if Path(os.path.relpath(target, ROOT)) not in there or (anchor and anchor not in anchors_of(target)):
            broken.append(link)
    assert broken == []


def test_index_leads_to_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link).resolve() for link in re.findall(r"\]\(([^)#\s]+\.md)\)", text_of(index))}
    pages = {page for page in PAGES if page.is_relative_to(index.parent) and page.name != "README.md"}
    assert linked == pages


@pytest.mark.parametrize(
    ("page", "depth"), [(README, 1), (ROOT / "docs" / "folders.md", 2)], ids=["top folders", "packages"]
)
def test_every_folder_is_explained(page: Path, depth: int) -> None:
    rows = re.findall(r"^\| \[([\w/]+)/\]\((?:\.\./)?([\w/]+)\)", text_of(page), flags=re.MULTILINE)
    assert all(name == target for name, target in rows)
    packages = ("har_core", "assets", "pipelines")
    there = {
        "/".join(path.parts[:depth])
        for path in repository_files()
        if len(path.parts) > depth and not path.parts[0].startswith(".") and (depth == 1 or path.parts[0] in packages)
    }
    assert {name for name, _ in rows} == there


def test_toml_is_valid() -> None:
    blocks = [block for page in PAGES for block in code_blocks(page, "toml")]
    assert blocks
    for block in blocks:
        tomllib.loads(block)


@pytest.mark.slow
def test_new_architecture_passes_the_contract_suite(tmp_path: Path) -> None:
    """The file that docs/architectures.md shows, put into a copy of the core, nothing else edited, nothing stored."""
    page = text_of(ROOT / "docs" / "architectures.md")
    target, source = re.findall(
        r"^`(har_core/models/\w+\.py)`\n\n```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL
    )[0]
    shutil.copytree(ROOT / "har_core", tmp_path / "har_core", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / target).write_text(source, encoding="utf-8")
    name = Path(target).stem
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contracts"]
    command += ["-k", f"{name} and not stored"]
    path = os.pathsep.join(map(str, (tmp_path, ROOT)))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    finished = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert re.search(r"\b[1-9]\d* passed", finished.stdout), finished.stdout
