"""``har predict``."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How a table is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def predict(
    inputs: Annotated[list[Path], typer.Argument(help="DSADS-format files, folders or zips.", metavar="INPUT…")],
    model: Annotated[str, typer.Option(help="MLflow's address of a model.")] = "models:/har@champion",
    output_format: Annotated[Format, typer.Option("--format", help="Of what is printed.")] = Format.TABLE,
    output: Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")] = None,
) -> None:
    """Name activity, probability and start time of every window."""
    # Exported on the CPU, and the loader would pick CUDA where it finds it; a pickled model is refused.
    os.environ["MLFLOW_DEFAULT_PREDICTION_DEVICE"] = "cpu"
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"

    from har_core.files import write_bytes  # noqa: PLC0415 - heavy, and `har --help` is quick
    from pipelines.prediction import predict_inputs  # noqa: PLC0415
    from pipelines.session import open_home  # noqa: PLC0415
    from pipelines.tables import render  # noqa: PLC0415

    content = render(predict_inputs(inputs, model, open_home()), output_format)
    if output is not None:
        write_bytes(output, content)
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
