"""What assets reach outside the core with: the home's folders, the run tracker and model registry, the display.

The only package that imports mlflow.
"""

import os

# MLflow reads these when it is imported: nothing of a home is reported to anybody, and what MLflow logs goes where a
# command sends its logs, not to the terminal.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_CONFIGURE_LOGGING", "false")
