"""What assets reach outside the core with: the home's folders, the run tracker and model registry, the display.

The only package that imports mlflow.
"""

import os

# MLflow reads this when it is imported: nothing of a home is reported to anybody.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
