"""PyArrow without pandas."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder

import pyarrow as pa


def keep_pandas_out() -> None:
    """Let PyArrow look for pandas and find none: where it is installed it imports it with the first array it makes.

    It looks once in a process. Whoever imports pandas, or asks PyArrow for a data frame, still gets it.
    """
    if "pandas" not in sys.modules:
        sys.meta_path.insert(0, _NoPandas())
        try:
            pa.array([0.0]).to_numpy()  # asks in Python, then in C++
        finally:
            del sys.meta_path[0]


class _NoPandas(MetaPathFinder):
    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname)
