"""The Python of the documents runs as it stands there: a model is looked up, the core is used alone."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from narrowing import as_type

from har_core.datasets.dsads.dataset import DSADS
from har_core.models import list_models

if TYPE_CHECKING:
    from tests.e2e.conftest import Har

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DOCS = Path(__file__).parents[2] / "docs"


def snippet_of(page: str) -> str:
    text = (DOCS / page).read_text(encoding="utf-8")
    found, *_ = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return as_type(str, found)


def output_of(code: str, har: Har, folder: Path) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=har.environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_model_is_looked_up(har: Har, tmp_path: Path) -> None:
    har("run", har.experiment, "--data", har.data)
    (tmp_path / ".demo").symlink_to(har.home)
    activities = ast.literal_eval(output_of(snippet_of("model_lookup.md"), har, tmp_path))
    assert len(activities) == 2
    assert set(activities) <= set(DSADS.activities)


def test_core_is_used_alone(har: Har, tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(har.data)
    num_windows, models = output_of(snippet_of("folders.md"), har, tmp_path).split(maxsplit=1)
    assert int(num_windows) == 3 * 19 * 2
    assert ast.literal_eval(models) == list_models()
