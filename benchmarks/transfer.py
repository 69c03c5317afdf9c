"""What a few windows of a new person give: macro-F1 of what they do later, by way and by number of windows.

``python benchmarks/transfer.py WINDOWS.parquet --architecture compact --output FILE.csv`` leaves one subject out after
the other (``--protocol holdout``: the test subjects of the default split), trains the architecture on all others for a
fixed number of epochs, fits it on to the one who was left out by each way, and prints a Markdown table
(``data/windows`` of a home has the file). ``as_it_is`` is the model that knows nothing of the person,
``from_nothing`` the architecture that learns from the person's windows alone, after what the preset pretrains on the
others' windows without their activities. Every number of windows is judged by the
same later windows. Nobody validates, so nothing is chosen. Rows are appended as they come; what the file has already is
not run again.

Intervals are of the mean over people, each as the mean of their seeds: 95 %, bootstrapped over people.

With ``--quick`` it makes a few windows itself, to see that it works; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ablation import read
from distillation import append, as_registered, measure_each, parsed
from torch import nn

from har_core.base.files import write_bytes
from har_core.evaluation.intervals import interval_of_mean
from har_core.evaluation.plots import transfer_png
from har_core.evaluation.transfer import TransferScore, score_transfer
from har_core.fitting.fit import classifier_of, train_network
from har_core.fitting.layout import layout_of
from har_core.fitting.recipe import channels_seen
from har_core.fitting.trained import labelled, train_and_predict
from har_core.models.catalogue import is_network
from har_core.models.registry import create_model
from har_core.settings.experiment import ModelSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.training import PRESETS, TrainingSettings
from har_core.settings.transfer import TransferSettings
from har_core.splits.build import SplitWindows, cut_fold
from har_core.splits.protocols import Fold
from har_core.training.events import ignore
from har_core.training.initialisation import initialise
from har_core.training.pretraining.heads import LastLayerAlone
from har_core.training.pretraining.pretrain import PretrainingWindows, pretrain
from har_core.training.seeding import seed_everything
from har_core.transfer.curves import measure_curves
from har_core.transfer.table import AS_IT_IS
from har_core.windows.tensors import WindowTensors

COLUMNS = ("architecture", "training", "epochs", "fold", "subject", "seed", "way", "windows", "macro_f1", "trained")
KEY = COLUMNS[:4]


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("windows", type=Path, nargs="?")
    parser.add_argument("--architecture", default="compact")
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE", help="of the architecture")
    parser.add_argument("--training", choices=[*PRESETS], default="modern", help="preset of the architecture")
    parser.add_argument("--frozen", action="store_true", help="train the last layer alone after a pretraining")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--way", nargs="+", help="these alone")
    parser.add_argument("--no-from-nothing", action="store_true", help="train nothing from the person's windows alone")
    parser.add_argument("--picture", type=Path, help="PNG of the curves of this model and training")
    return parsed(parser)


def main() -> None:
    """Run what is not in the file yet, then print a table."""
    asked = parse()
    measure_each(asked, measure)
    print("\n".join(table(read(asked.output))))
    if asked.picture is not None:
        write_bytes(asked.picture, transfer_png(scores(read(asked.output))[described(asked)]))


def described(asked: argparse.Namespace) -> tuple[str, str]:
    """Model and training, as rows name them."""
    training = f"{asked.training} frozen" if asked.frozen else asked.training
    return " ".join([asked.architecture, *asked.set]), training


def measure(asked: argparse.Namespace, path: Path, fold: Fold, seed: int) -> None:
    """Add the rows of one fold and seed, if the file lacks them."""
    names = (*described(asked), str(asked.epochs), fold.name)
    if any((*(row[name] for name in KEY), row["seed"]) == (*names, str(seed)) for row in read(asked.output)):
        return
    own = {"epochs": asked.epochs, "keep": "last", "seed": seed}
    preset = PRESETS[asked.training].model_dump()
    if asked.frozen:
        preset["pretraining"] |= {"frozen": True}
    training = TrainingSettings.model_validate({**preset, **own})
    options = tomllib.loads("\n".join(asked.set))
    settings = ModelSettings(training=training, architecture_options=options)
    runtime, windows = RuntimeSettings(device="cpu", num_threads=asked.threads), cut_fold(path, fold)
    fit = None
    if is_network(asked.architecture):
        fit = Start(asked.architecture, settings, runtime, windows).fit
        parent = fit(windows.roles["training"], asked.epochs)
    else:
        own_windows = cut_fold(path, fold, normalise=False)
        parent = train_and_predict(asked.architecture, settings, runtime, own_windows).classifier
    transfer = TransferSettings(epochs=1) if asked.quick else TransferSettings()
    if asked.way:
        transfer = transfer.model_copy(update={"ways": tuple(asked.way)})
    alone = None if fit is None or asked.no_from_nothing else partial(fit, epochs=transfer.from_nothing_epochs)
    curves = measure_curves(as_registered(parent, windows), windows, transfer, runtime, seed=seed, from_nothing=alone)
    for score in score_transfer(curves.predictions):
        what = (score.way, str(score.windows_per_activity))
        moved = str(curves.num_moved.get(score.way, ""))
        for subject, macro_f1 in score.per_subject.items():
            append(asked.output, COLUMNS, (*names, str(subject), str(seed), *what, f"{macro_f1:.4f}", moved))


class Start:
    """A network with its first weights, pretrained where its recipe says so, which several trainings begin with."""

    def __init__(
        self, architecture: str, settings: ModelSettings, runtime: RuntimeSettings, windows: SplitWindows
    ) -> None:
        self.recipe, self.runtime, self.windows = settings.training, runtime, windows
        self.channels = channels_seen(windows.spec, self.recipe)
        self.shape = (windows.roles["training"].windows.shape[1], len(self.channels))
        seed_everything(self.recipe.seed)
        self.network = create_model(
            architecture,
            num_channels=self.shape[1],
            num_timepoints=self.shape[0],
            num_classes=windows.spec.num_activities,
            **settings.architecture_options,
        )
        initialise(self.network, self.recipe)
        if self.recipe.pretraining is not None and windows.statistics is not None:
            pretrain(
                self.network,
                PretrainingWindows(
                    data=labelled(windows.roles["training"]),
                    num_classes=windows.spec.num_activities,
                    layout=layout_of(windows.spec, self.channels, windows.statistics),
                ),
                self.recipe.pretraining,
                self.recipe,
                runtime,
                num_channels=self.shape[1],
                checkpoint_path=None,
                checkpoint_key="",
                listener=ignore,
            )

    def fit(self, few: WindowTensors, epochs: int) -> nn.Module:
        """A classifier of raw windows that learnt from ``few`` normalised ones."""
        network = copy.deepcopy(self.network)
        is_frozen = self.recipe.pretraining is not None and self.recipe.pretraining.frozen
        fitted = train_network(
            LastLayerAlone(network, self.shape) if is_frozen else network,
            labelled(few),
            None,
            self.recipe.model_copy(update={"epochs": epochs}),
            self.runtime,
            spec=self.windows.spec,
            channels=self.channels,
            statistics=self.windows.statistics,
        )
        own = replace(fitted, model=network.requires_grad_(True))
        return classifier_of(own, self.windows.statistics, self.windows.spec, self.channels)


def scores(rows: Sequence[dict[str, str]]) -> dict[tuple[str, str], list[TransferScore]]:
    """By model and training, for each way and number the scores of people, each as the mean of their seeds."""
    people: dict[tuple[str, ...], dict[int, list[float]]] = {}
    for row in rows:
        key = tuple(row[name] for name in ("architecture", "training", "way", "windows"))
        people.setdefault(key, {}).setdefault(int(row["subject"]), []).append(float(row["macro_f1"]))
    found: dict[tuple[str, str], list[TransferScore]] = {}
    for (model, training, way, number), own in people.items():
        means = {subject: statistics.fmean(values) for subject, values in own.items()}
        score = TransferScore(way=way, windows_per_activity=int(number), per_subject=means)
        found.setdefault((model, training), []).append(score)
    return found


def table(rows: Sequence[dict[str, str]]) -> Iterator[str]:
    """Markdown: a row for each way and number, beside the model as it is."""
    trained = {(*(row[name] for name in ("architecture", "training", "way")),): row["trained"] for row in rows}
    yield "| model | training | way | learnt | windows | people | macro-F1 | 95 % | gain | 95 % | worst | better |"
    yield "|:--|:--|:--|" + "--:|" * 9
    for (model, training), own in scores(rows).items():
        plain = next(score.per_subject for score in own if score.way == AS_IT_IS)
        for score in own:
            gained = [mean - plain[subject] for subject, mean in score.per_subject.items()]
            cells = [
                *(model, training, score.way, trained[model, training, score.way] or "–"),
                *(str(score.windows_per_activity), str(len(gained))),
                *(f"{score.macro_f1:.3f}", told(score.interval, "{:.3f}")),
                *(f"{statistics.fmean(gained):+.3f}", told(interval_of_mean(gained), "{:+.3f}")),
                f"{min(score.per_subject.values()):.3f}",
                f"{sum(gain > 0 for gain in gained)} of {len(gained)}",
            ]
            if score.way == AS_IT_IS:
                cells[8:10], cells[11] = ["–", "–"], "–"
            yield f"| {' | '.join(cells)} |"


def told(interval: tuple[float, float] | None, form: str) -> str:
    """Both ends; a dash where there is none."""
    return "–" if interval is None else " to ".join(map(form.format, interval))


if __name__ == "__main__":
    main()
