"""``har predict``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import Format, FormatOption, OutputOption, put_out


def predict(
    inputs: Annotated[list[Path], typer.Argument(help="DSADS-format files, folders or zips.", metavar="INPUT…")],
    model: Annotated[str, typer.Option(help="MLflow's address of a model.")] = "models:/har@champion",
    output_format: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Name activity, probability and start time of every window."""
    # Exported on the CPU, and the loader would pick CUDA where it finds it; a pickled model is refused.
    os.environ["MLFLOW_DEFAULT_PREDICTION_DEVICE"] = "cpu"
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"

    from pipelines.prediction import predict_inputs  # noqa: PLC0415 - heavy, and `har --help` is quick
    from pipelines.session import open_home  # noqa: PLC0415
    from pipelines.tables import render  # noqa: PLC0415

    put_out(render(predict_inputs(inputs, model, open_home()), output_format), output)
