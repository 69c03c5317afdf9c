"""What is open behind the gate: what the pages need, and nothing that reaches beyond the home."""

from __future__ import annotations

import pytest

from pipelines.servers.routes import opens_dagster, opens_mlflow

API = "/ajax-api/2.0/mlflow"


@pytest.mark.parametrize(
    ("method", "path", "parameters"),
    [
        ("GET", "/", []),
        ("GET", "/assets/models/lstm", ["view"]),
        ("HEAD", "/runs/1", []),
        ("GET", "/logs/a/b/compute.out", []),
        ("GET", "/graphql", []),
        ("POST", "/graphql", []),
        ("POST", "/graphql", ["op"]),
    ],
)
def test_dagsters_pages_are_open(method: str, path: str, parameters: list[str]) -> None:
    assert opens_dagster(method, path, parameters)


@pytest.mark.parametrize(
    ("method", "path", "parameters"),
    [
        ("GET", "/graphql", ["query"]),
        ("HEAD", "/graphql", ["query"]),
        ("GET", "/graphql/", ["query"]),
        ("POST", "/graphql", ["query"]),
        ("POST", "/graphql", ["op", "query"]),
        ("PUT", "/graphql", []),
        ("POST", "/", []),
        ("POST", "/report_asset_materialization/models/lstm", []),
        ("GET", "/report_asset_check/models/lstm", []),
        ("POST", "/report_asset_observation/x", []),
        ("GET", "/notebook", ["path"]),
        ("GET", "/dagit/notebook", ["path"]),
        ("GET", "//graphql", ["query"]),
        ("GET", "/x/../graphql", ["query"]),
        ("GET", "/./graphql", ["query"]),
        ("OPTIONS", "/graphql", []),
        ("TRACE", "/", []),
    ],
)
def test_the_rest_of_dagster_is_closed(method: str, path: str, parameters: list[str]) -> None:
    assert not opens_dagster(method, path, parameters)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("HEAD", "/"),
        ("GET", "/static-files/static/js/main.js"),
        ("GET", "/get-artifact"),
        ("GET", "/model-versions/get-artifact"),
        ("POST", "/graphql"),
        ("GET", f"{API}/experiments/search"),
        ("GET", "/api/2.0/mlflow/experiments/get-by-name"),
        ("POST", f"{API}/runs/search"),
        ("GET", f"{API}/artifacts/list"),
        ("GET", f"{API}/logged-models/m-1"),
        ("GET", f"{API}/logged-models/m-1/artifacts/directories"),
        ("POST", f"{API}/runs/set-tag"),
        ("POST", f"{API}/runs/delete"),
        ("POST", f"{API}/registered-models/alias"),
        ("DELETE", f"{API}/registered-models/alias"),
        ("DELETE", f"{API}/model-versions/delete"),
        ("PATCH", f"{API}/model-versions/update"),
    ],
)
def test_mlflows_pages_are_open(method: str, path: str) -> None:
    assert opens_mlflow(method, path, [])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/ajax-api/3.0/mlflow/assistant/config"),
        ("PUT", "/ajax-api/3.0/mlflow/assistant/config"),
        ("POST", "/ajax-api/3.0/mlflow/assistant/message"),
        ("POST", "/ajax-api/3.0/mlflow/assistant/skills/install"),
        ("POST", "/ajax-api/3.0/mlflow/gateway/secrets/create"),
        ("POST", "/gateway/x/mlflow/invocations"),
        ("POST", "/gateway/mlflow/v1/chat/completions"),
        ("GET", f"{API}/gateway-proxy"),
        ("POST", "/ajax-api/3.0/jobs/"),
        ("POST", "/ajax-api/3.0/mlflow/prompt-optimization/jobs"),
        ("POST", "/ajax-api/3.0/mlflow/genai/evaluate/invoke"),
        ("POST", "/ajax-api/3.0/mlflow/scorer/invoke"),
        ("POST", f"{API}/webhooks"),
        ("POST", "/v1/traces"),
        ("POST", "/ajax-api/3.0/mlflow/traces"),
        ("POST", "/ajax-api/3.0/mlflow/datasets/create"),
        ("POST", "/ajax-api/3.0/mlflow/mcp-servers"),
        ("POST", "/ajax-api/3.0/mlflow/ui-telemetry"),
        ("POST", f"{API}/experiments/create"),
        ("POST", f"{API}/experiments/delete"),
        ("POST", f"{API}/experiments/update"),
        ("POST", f"{API}/runs/create"),
        ("POST", f"{API}/runs/create-promptlab-run"),
        ("POST", f"{API}/runs/log-batch"),
        ("POST", f"{API}/logged-models"),
        ("PATCH", f"{API}/logged-models/m-1"),
        ("POST", f"{API}/registered-models/create"),
        ("POST", f"{API}/registered-models/rename"),
        ("POST", f"{API}/model-versions/create"),
        ("POST", f"{API}/upload-artifact"),
        ("POST", f"{API}/artifacts/presigned-upload-url"),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/x"),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts/x"),
        ("DELETE", "/api/2.0/mlflow-artifacts/artifacts/x"),
        ("POST", "/api/2.0/mlflow-artifacts/mpu/create/x"),
        ("GET", "/static-files/../x"),
        ("POST", "/"),
        ("OPTIONS", f"{API}/runs/search"),
        ("GET", "/graphql"),
    ],
)
def test_the_rest_of_mlflow_is_closed(method: str, path: str) -> None:
    assert not opens_mlflow(method, path, [])
