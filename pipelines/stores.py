"""Creates and migrates the stores of Dagster and MLflow in the home of this process: ``python -m pipelines.stores``."""

from __future__ import annotations

import sys

from assets.resources.tracking import Tracking
from pipelines.diagnosis import in_words
from pipelines.session import open_home, open_instance

if __name__ == "__main__":
    home = open_home()
    try:
        with open_instance(home):
            Tracking(home).prepare()
    except Exception as error:
        told = in_words(error, home)
        if told is None:
            raise
        sys.exit(f"Error: {told}")
