"""Imported once by the process that runs are forked from (:mod:`pipelines.launcher`): what takes seconds to import.

Packages of others alone. What is ours may change while servers are up, and each run takes it as it is on disk.
"""

import contextlib
import gc
import importlib
import sys

PACKAGES = (
    "dagster._cli.api",
    "torch",
    "mlflow.pytorch",
    "mlflow.store.tracking.sqlalchemy_store",
    "sklearn.ensemble",
    "sklearn.metrics",
    "scipy.stats",
    "matplotlib.figure",
    "grimp",
    "jinja2",
    "pyarrow.dataset",
)

gc.disable()
# MLflow imports it where it is there, and it may not be forked
sys.modules["polars"] = None  # type: ignore[assignment]
for package in PACKAGES:
    with contextlib.suppress(ImportError):  # a run that needs it says so better
        importlib.import_module(package)
del sys.modules["polars"]
gc.freeze()  # what is here stays; looking through it costs each run time, and a copy of memory that could be shared
gc.enable()
