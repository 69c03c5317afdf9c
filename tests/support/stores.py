"""Stores of MLflow: a process makes one and copies it, since MLflow goes through every schema that it ever had."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from assets.resources.tracking import Tracking

MAKE = Tracking._make
"""As it is outside tests."""


@contextmanager
def copied_stores() -> Iterator[None]:
    """A copy is like the store of a home that was moved: its addresses follow the home when it is opened."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        template = Path(folder) / "mlflow.db"

        def copy(tracking: Tracking, artifacts: str) -> None:
            if not template.exists():
                MAKE(tracking, artifacts)
                shutil.copy(tracking.path, template)
            shutil.copy(template, tracking.path)

        patch.setattr(Tracking, "_make", copy)
        yield
