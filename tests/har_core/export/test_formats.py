"""Formats are found by name, or refused before anything is loaded."""

from __future__ import annotations

import pytest

from har_core.base.errors import InputError
from har_core.export import formats
from har_core.export.formats import FORMATS, find_format


def test_formats_that_are_there() -> None:
    assert {name: find_format(name) for name in FORMATS} == FORMATS


def test_a_format_that_cannot_be_installed_beside_har_says_why() -> None:
    with pytest.raises(InputError, match="antlr4-python3-runtime"):
        find_format("executorch")


def test_an_unknown_format() -> None:
    with pytest.raises(InputError, match="no format is called 'onxx'; did you mean 'onnx'"):
        find_format("onxx")


def test_packages_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda name: None if name == "onnxscript" else object())
    with pytest.raises(InputError, match=r"onnx needs onnxscript: pip install 'har\[export\]'"):
        find_format("onnx")
