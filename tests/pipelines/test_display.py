import io
from dataclasses import replace
from pathlib import Path

import pytest
from dagster import AssetKey
from rich.console import Console

from har_core.base.progress import duration
from har_core.training.events import (
    CheckpointIgnored,
    EpochFinished,
    EpochProgress,
    EpochRecord,
    Pretraining,
    TrainingFinished,
    TrainingStarted,
)
from pipelines.display import BarDisplay, LineDisplay, make_display
from pipelines.staleness import Item, State, Status


def record(epoch: int) -> EpochRecord:
    return EpochRecord(
        epoch=epoch,
        learning_rate=1e-3,
        training_loss=0.5,
        validation_loss=0.6,
        validation_macro_f1=0.75,
        validation_accuracy=0.8,
        seconds=30.0,
    )


def show_everything(console: Console) -> None:
    with make_display(console) as display:
        display.wave([Status(Item(AssetKey("windows")), State.STALE, ("source_files has new content",))])
        display.progress("files [read]", 1, 2)
        display.progress("files [read]", 2, 2)
        display.training(
            "models/lstm",
            TrainingStarted(
                num_parameters=1000,
                num_epochs=3,
                device="cpu",
                precision="bf16",
                resumed=(record(1),),
            ),
        )
        display.training("models/lstm", CheckpointIgnored(path=Path("lstm.pt"), reason="another seed"))
        display.training("models/lstm", EpochProgress(epoch=2, num_done=5, num_total=10))
        display.training("models/lstm", EpochFinished(record=record(2)))
        display.training("models/lstm", TrainingFinished(best_epoch=2, stopped_early=True))


def test_an_epoch_without_validation_has_no_score() -> None:
    stream = io.StringIO()
    with make_display(Console(file=stream)) as display:
        event = TrainingStarted(num_parameters=1, num_epochs=2, device="cpu", precision="fp32", resumed=())
        display.training("models/lstm", event)
        unscored = replace(record(1), validation_loss=None, validation_macro_f1=None, validation_accuracy=None)
        display.training("models/lstm", EpochFinished(record=unscored))
    assert stream.getvalue().splitlines()[1:] == ["models/lstm: epoch 1/2 loss 0.500, 0:30 left"]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_pretraining_is_shown_as_one(terminal: bool) -> None:
    stream = io.StringIO()
    with make_display(Console(file=stream, force_terminal=terminal, width=160)) as display:
        event = TrainingStarted(num_parameters=1, num_epochs=2, device="cpu", precision="fp32", resumed=())
        for own in (event, EpochFinished(record=record(1))):
            display.training("models/lstm", Pretraining(event=own))
    assert "models/lstm pretraining" in stream.getvalue()
    assert "epoch 1/2 loss 0.500" in stream.getvalue()


def test_lines_tell_files_epochs_scores_and_time_left() -> None:
    stream = io.StringIO()
    show_everything(Console(file=stream))
    assert stream.getvalue().splitlines() == [
        "windows: source_files has new content",
        "files [read]: 2/2",
        "models/lstm: 1,000 parameters, cpu, bf16, resumed after epoch 1",
        "models/lstm: trains from the first epoch: another seed",
        "models/lstm: epoch 2/3 loss 0.500 validation macro-F1 0.750, 0:30 left",
    ]


def test_bars_show_the_same() -> None:
    stream = io.StringIO()
    show_everything(Console(file=stream, force_terminal=True, width=160))
    shown = stream.getvalue()
    for text in ("windows", "files [read]", "2/2", "models/lstm", "epoch 2 kept, stopped early", "macro-F1 0.750"):
        assert text in shown


def test_bars_of_folds_go_with_their_wave() -> None:
    folds = [Status(Item(AssetKey(["folds", "cnn"]), f"loso-p{number}"), State.MISSING) for number in (1, 2)]
    with BarDisplay(Console(file=io.StringIO(), force_terminal=True, width=160)) as display:
        display.wave([Status(Item(AssetKey("windows")), State.MISSING)])
        display.progress("windows", 1, 1)
        for fold in folds:
            display.wave([fold])
            display.progress(f"{fold.item} seeds", 1, 2)
        shown = [task.description for task in display.tasks]
    assert shown == ["windows", "folds/cnn[loso-p2] seeds"]


def test_nothing_done_is_no_line() -> None:
    stream = io.StringIO()
    with LineDisplay(Console(file=stream)) as display:
        display.progress("seeds", 0, 2)
        display.progress("files", 1, 2)
    assert stream.getvalue().splitlines() == ["files: 1/2"]


@pytest.mark.parametrize(("terminal", "kind"), [(True, BarDisplay), (False, LineDisplay)])
def test_display_suits_the_stream(terminal: bool, kind: type[BarDisplay | LineDisplay]) -> None:
    assert type(make_display(Console(file=io.StringIO(), force_terminal=terminal))) is kind


def test_lines_come_every_few_seconds_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("pipelines.display.time.monotonic", lambda: clock[0])
    stream = io.StringIO()
    with LineDisplay(Console(file=stream)) as display:
        for num_done in range(1, 1001):
            clock[0] += 0.01
            display.progress("files", num_done, 1000)
    assert stream.getvalue().splitlines() == ["files: 502/1000, 0:05 left", "files: 1000/1000"]


@pytest.mark.parametrize(("seconds", "text"), [(5, "0:05"), (65.4, "1:05"), (3723, "1:02:03")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_lines_count_the_folds_that_are_left_in_all() -> None:
    stream = io.StringIO()
    with make_display(Console(file=stream)) as display:
        for left in (6, 4, 2):
            fold = Status(Item(AssetKey(["folds", "cnn"]), f"loso-p{left}"), State.MISSING, ("was never materialised",))
            display.wave([fold], left)
    counted = [line for line in stream.getvalue().splitlines() if line.startswith("all folds")]
    assert counted == ["all folds: 0 of 6 done", "all folds: 2 of 6 done, 0:00 left in all", *counted[2:]]
    assert counted[2].startswith("all folds: 4 of 6 done, 0:00 left in all")


def test_one_bar_counts_the_folds_of_all_waves() -> None:
    stream = io.StringIO()
    with BarDisplay(Console(file=stream, force_terminal=True, width=80)) as display:
        display.wave([], 6)
        display.wave([], 4)
    assert "all folds" in stream.getvalue()
    assert "2/6" in stream.getvalue()
