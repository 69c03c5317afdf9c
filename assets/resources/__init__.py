"""What assets reach outside the core with: the home's folders, the run tracker and model registry, the display.

The only package that imports mlflow.
"""

import os

_KEPT = ("MLFLOW_SERVER_", "MLFLOW_DEFAULT_PREDICTION_DEVICE", "MLFLOW_DISABLE_TELEMETRY", "MLFLOW_CONFIGURE_LOGGING")
"""How a name begins that MLflow may read: none of them leads to another store."""


# A home has its own store, registry and experiment: with MLFLOW_REGISTRY_URI of the shell, another store would say who
# is champion, and a dead server would be waited for for minutes.
for _name in [name for name in os.environ if name.startswith("MLFLOW_") and not name.startswith(_KEPT)]:
    del os.environ[_name]
# MLflow reads these when it is imported: nothing of a home is reported to anybody, and what MLflow logs goes where a
# command sends its logs, not to the terminal.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ.setdefault("MLFLOW_CONFIGURE_LOGGING", "false")
