"""``har predict``."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import Format, FormatOption, OutputOption, put_out


class Engine(StrEnum):
    """What computes the answers; the first is what models are scored with."""

    TORCH = "torch"
    OPENVINO = "openvino"
    AUTO = "auto"


class Precision(StrEnum):
    """How precisely; the first is what models are scored in."""

    FP32 = "fp32"
    BF16 = "bf16"
    AUTO = "auto"


def predict(  # noqa: PLR0917 - Typer makes options of them
    inputs: Annotated[list[Path], typer.Argument(help="DSADS-format files, folders or zips.", metavar="INPUT…")],
    model: Annotated[str, typer.Option(help="MLflow's address of a model.")] = "models:/har@champion",
    engine: Annotated[
        Engine, typer.Option(help="auto: OpenVINO where it is installed (extra `fast`) and suits the model.")
    ] = Engine.TORCH,
    precision: Annotated[
        Precision, typer.Option(help="auto: bf16, twice as fast, where the processor has it; scores are those of fp32.")
    ] = Precision.FP32,
    output_format: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Name activity, probability and start time of every window."""
    # Exported on the CPU, and the loader would pick CUDA where it finds it; a pickled model is refused.
    os.environ["MLFLOW_DEFAULT_PREDICTION_DEVICE"] = "cpu"
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"

    from pipelines.prediction import predict_inputs
    from pipelines.session import open_home
    from pipelines.tables import render

    table = predict_inputs(inputs, model, open_home(), engine=engine.value, precision=precision.value)
    put_out(render(table, output_format), output)
