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
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import torch
from ablation import read
from distillation import append, as_registered, chosen, made
from intervals import interval
from sklearn.metrics import f1_score
from torch import nn

from har_core.fitting.fit import classifier_of, train_network
from har_core.fitting.layout import layout_of
from har_core.fitting.recipe import channels_seen
from har_core.fitting.trained import labelled, train_and_predict
from har_core.inference.predictions import probabilities_of
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
SUBJECTS = range(1, 9)


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
    parser.add_argument("--protocol", choices=["loso", "holdout"], default="loso")
    parser.add_argument("--fold", nargs="+", help="these alone: loso-p7")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a few windows that are made here")
    parser.add_argument("--output", type=Path, required=True)
    asked = parser.parse_args()
    if (asked.windows is None) != asked.quick:
        parser.error("either WINDOWS.parquet or --quick")
    if asked.quick:
        asked.epochs = 1
    return asked


def main() -> None:
    """Run what is not in the file yet, then print a table."""
    asked = parse()
    torch.set_num_threads(asked.threads)
    with tempfile.TemporaryDirectory() as name:
        path = made(Path(name)) if asked.quick else asked.windows
        for fold in chosen(asked, range(1, 4) if asked.quick else SUBJECTS):
            for seed in asked.seeds:
                measure(asked, path, fold, seed)
    print("\n".join(table(read(asked.output))))


def measure(asked: argparse.Namespace, path: Path, fold: Fold, seed: int) -> None:
    """Add the rows of one fold and seed, if the file lacks them."""
    described = f"{asked.training} frozen" if asked.frozen else asked.training
    names = (" ".join([asked.architecture, *asked.set]), described, str(asked.epochs), fold.name)
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
    for subject, way, number, score in scores(curves.predictions):
        moved = curves.num_moved.get(way, "")
        append(asked.output, COLUMNS, (*names, str(subject), str(seed), way, str(number), f"{score:.4f}", str(moved)))


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


def scores(predictions: pa.Table) -> Iterator[tuple[int, str, int, float]]:
    """Subject, way, number of windows, and macro-F1 over the activities that are tested."""
    names = ["subject", "way", "windows_per_activity"]
    for group in predictions.select(names).group_by(names, use_threads=False).aggregate([]).to_pylist():
        chosen_rows = [pc.equal(predictions[name], group[name]) for name in names]
        own = predictions.filter(pc.and_(pc.and_(*chosen_rows[:2]), chosen_rows[2]))
        labels = own["label"].to_numpy()
        found = probabilities_of(own).argmax(axis=1)
        score = f1_score(labels, found, labels=sorted(set(labels)), average="macro", zero_division=0.0)
        yield group["subject"], group["way"], group["windows_per_activity"], float(score)


def table(rows: Sequence[dict[str, str]]) -> Iterator[str]:
    """Markdown: a row for each way and number, beside the model as it is."""
    yield "| model | training | way | learnt | windows | people | macro-F1 | 95 % | gain | 95 % | worst | better |"
    yield "|:--|:--|:--|" + "--:|" * 9
    people: dict[tuple[str, ...], dict[str, list[float]]] = {}
    trained: dict[tuple[str, ...], str] = {}
    for row in rows:
        key = tuple(row[name] for name in ("architecture", "training", "way", "windows"))
        people.setdefault(key, {}).setdefault(row["subject"], []).append(float(row["macro_f1"]))
        trained[key] = row["trained"]
    for key, own in people.items():
        means = {subject: statistics.fmean(values) for subject, values in own.items()}
        plain = {subject: statistics.fmean(values) for subject, values in people[*key[:2], AS_IT_IS, "0"].items()}
        gained = [mean - plain[subject] for subject, mean in means.items()]
        many = len(means) > 2  # noqa: PLR2004 - nothing to resample in fewer
        cells = [
            *(*key[:3], trained[key] or "–", key[3], str(len(means)), f"{statistics.fmean(means.values()):.3f}"),
            interval(list(means.values()), "{:.3f}") if many else "–",
            f"{statistics.fmean(gained):+.3f}" if key[2] != AS_IT_IS else "",
            interval(gained, "{:+.3f}") if many and key[2] != AS_IT_IS else "–",
            f"{min(means.values()):.3f}",
            f"{sum(gain > 0 for gain in gained)} of {len(gained)}" if key[2] != AS_IT_IS else "",
        ]
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
