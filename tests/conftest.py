"""What holds for all tests."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# A busy machine is no failure: how long an example takes says nothing of what it shows.
settings.register_profile("har", deadline=None)
settings.load_profile("har")

if "PYTEST_XDIST_WORKER" in os.environ:
    # One of several processes, each with a core: with a thread for every core they would wait for each other. Libraries
    # read this when they are loaded, and so do the processes that tests start.
    for _name in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ.setdefault(_name, "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no process works alone in the end."""
    items.sort(key=lambda item: "e2e" not in item.path.parts)
