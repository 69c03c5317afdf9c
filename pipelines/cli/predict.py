"""``har predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.cli.options import FormatOption, OutputOption, given_path, put_out, tell_left_out


def predict(  # noqa: PLR0917 - Typer makes options of them
    inputs: Annotated[
        list[Path],
        typer.Argument(help="Folders, zips or files of recordings.", metavar="INPUT…", parser=given_path),
    ],
    model: Annotated[
        str, typer.Option(help="models:/NAME@ALIAS, models:/NAME/VERSION, or models:/m-… of a logged model.")
    ] = "models:/har@champion",
    engine: Annotated[
        Literal["torch", "openvino", "auto"],
        typer.Option(help="auto: OpenVINO where it is installed (extra `fast`) and suits the model."),
    ] = "torch",
    precision: Annotated[
        Literal["fp32", "bf16", "auto"],
        typer.Option(
            help="auto: bf16 where the processor has it: faster, and scores differ by less than half a point."
        ),
    ] = "fp32",
    dataset: Annotated[
        str | None,
        typer.Option(
            help="What the inputs are of: a name that `har dataset list` shows, or the path of a card (.toml); that of "
            "the model where absent. Labels are not asked for.",
            metavar="NAME_OR_CARD",
        ),
    ] = None,
    output_format: FormatOption = "table",
    output: OutputOption = None,
) -> None:
    """Name activity, probability and start time of every window."""
    from pipelines.left_out import LeftOut, require_places

    require_places(inputs)
    from assets.resources.model_files import find_model
    from assets.resources.store import Store
    from pipelines.homes import current_home, dataset_for

    files = find_model(Store(current_home()), model)
    from har_core.base.arrow import keep_pandas_out
    from har_core.inference.acceleration import accelerate  # brings PyTorch: not before everything else proved right
    from har_core.inference.channels import require_fit
    from har_core.inference.classify import ComparingClassifier
    from har_core.inference.graph import load_graph
    from pipelines.prediction import Model, predict_inputs
    from pipelines.tables import render
    from pipelines.unlike import tell_unlike

    reader = dataset_for(files.spec.name, dataset).unlabelled()
    require_fit(files.spec, reader.spec, where=" ".join(map(str, inputs)))
    keep_pandas_out()
    graph, length, num_channels = load_graph(files.graph), files.window_length, files.spec.num_channels
    answers = accelerate(
        graph,
        num_timepoints=length,
        num_channels=num_channels,
        engine=engine,
        precision=precision,
        training=files.training,
    )
    left_out = LeftOut()
    answering = Model(
        answer=ComparingClassifier(answers, files.training),
        spec=files.spec,
        length=length,
        join=files.join_segments,
    )
    table = predict_inputs(answering, inputs, reader, left_out)
    put_out(render(table, output_format), output)
    warning = tell_unlike(table)
    if warning is not None:
        typer.echo(warning, err=True)
    tell_left_out(left_out, but="; everything else was answered for" if table.num_rows else "")
