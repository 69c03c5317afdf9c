"""What a system or a shell may lack or bring along: a sentence instead of a traceback, and no way to another store."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


def test_command_says_where_it_works() -> None:
    done = python("import sys; sys.modules['fcntl'] = None; from pipelines.cli.main import main; main(['status'])")
    assert (done.returncode, done.stderr) == (1, "Error: har works on Linux and macOS; on Windows, work in WSL\n")


def test_settings_of_the_shell_that_lead_to_another_store_are_forgotten() -> None:
    others = (
        "MLFLOW_TRACKING_URI",
        "MLFLOW_REGISTRY_URI",
        "MLFLOW_EXPERIMENT_ID",
        "MLFLOW_ARTIFACT_X",
        "MLFLOW_RUN_ID",
    )
    done = python(
        "import assets.resources, os; print(*sorted(name for name in os.environ if name.startswith('MLFLOW')))",
        **dict.fromkeys(others, "http://127.0.0.1:9"),
        MLFLOW_DISABLE_TELEMETRY="false",
        MLFLOW_DEFAULT_PREDICTION_DEVICE="cpu",
    )
    assert done.stdout.split() == [
        "MLFLOW_CONFIGURE_LOGGING",
        "MLFLOW_DEFAULT_PREDICTION_DEVICE",
        "MLFLOW_DISABLE_TELEMETRY",
    ]
