"""Which requests go through to Dagster's pages and MLflow's, once they are known to come from the user.

Everything that only shows is open, and so are the changes that a user of the pages expects. Closed is what the product
has no use for and what would reach beyond the home: MLflow's assistant, which runs commands, its gateway and jobs,
uploads, and whatever names a place of its own for files.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

_LOOKS = ("GET", "HEAD")
_NO_PATH = re.compile(r"//|\\|(^|/)\.{1,2}(/|$)|[\x00-\x1f\x7f]")

_DAGSTER_CLOSED = re.compile(r"/(report_\w+|notebook|dagit)(/.*)?")

_API = r"/(?:ajax-)?api/2\.0/mlflow"
_ID = r"[^/]+"
_MLFLOW = {
    "GET": (
        r"/|/static-files/.*|/version|/health|/get-artifact|/model-versions/get-artifact"
        rf"|{_API}/(artifacts/list|experiments/(get|get-by-name|search)|metrics/get-history(-bulk|-bulk-interval)?"
        r"|runs/get|registered-models/(get|search|alias|get-latest-versions)|model-versions/(get|search)"
        rf"|logged-models/{_ID}(/artifacts/(directories|files))?)"
        r"|/(?:ajax-)?api/3\.0/mlflow/server-info"
    ),
    "POST": (
        rf"/graphql|{_API}/(runs|experiments|logged-models)/search|{_API}/experiments/search-datasets"
        rf"|{_API}/registered-models/get-latest-versions|/ajax-api/3\.0/mlflow/traces/(metrics|search)"
        # what a user of the pages changes: names, descriptions, tags and aliases, deletion and its undoing
        rf"|{_API}/runs/(update|delete|restore|set-tag|delete-tag)"
        rf"|{_API}/experiments/(set-experiment-tag|delete-experiment-tag)"
        rf"|{_API}/(registered-models|model-versions)/set-tag|{_API}/registered-models/alias"
    ),
    "PATCH": rf"{_API}/(registered-models|model-versions)/update|{_API}/logged-models/{_ID}/tags",
    "DELETE": (
        rf"{_API}/(registered-models|model-versions)/(delete|delete-tag)|{_API}/registered-models/alias"
        rf"|{_API}/logged-models/{_ID}(/tags/{_ID})?"
    ),
}
_MLFLOW_OPEN: Mapping[str, re.Pattern[str]] = {method: re.compile(paths) for method, paths in _MLFLOW.items()}


def opens_dagster(method: str, path: str, parameters: Collection[str]) -> bool:
    """Whether Dagster's pages get this request. What changes something goes by POST to ``/graphql`` alone.

    A mutation that stands in the address would be carried out too, by GET and from a form.
    """
    if _NO_PATH.search(path):
        return False
    if path.rstrip("/") == "/graphql":
        return (method == "POST" and {*parameters} <= {"op"}) or (method in _LOOKS and not parameters)
    return method in _LOOKS and not _DAGSTER_CLOSED.fullmatch(path)


def opens_mlflow(method: str, path: str, parameters: Collection[str]) -> bool:  # noqa: ARG001 - one form for both
    """Whether MLflow's pages get this request."""
    allowed = _MLFLOW_OPEN.get("GET" if method in _LOOKS else method)
    return allowed is not None and not _NO_PATH.search(path) and allowed.fullmatch(path) is not None
