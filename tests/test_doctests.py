"""The examples in docstrings do what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import har_core

MODULES = [module.name for module in pkgutil.walk_packages(har_core.__path__, prefix="har_core.")]
NUM_EXAMPLES = sum(
    len(test.examples) for name in MODULES for test in doctest.DocTestFinder().find(importlib.import_module(name))
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name), verbose=False).failed == 0


def test_there_are_examples() -> None:
    assert NUM_EXAMPLES > 0
