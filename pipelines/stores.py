"""Creates and migrates the stores of Dagster and MLflow in the home of this process: ``python -m pipelines.stores``."""

from __future__ import annotations

import sys

from assets.resources.tracking import Tracking
from har_core.base.errors import HarError
from pipelines.session import open_home, open_instance

if __name__ == "__main__":
    try:
        home = open_home()
        with open_instance(home):
            Tracking(home).prepare()
    except HarError as error:
        sys.exit(f"Error: {error}")
