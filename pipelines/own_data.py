"""What ``har dataset draft`` and ``har init`` do: begin with one's own recordings. Nothing is replaced."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from har_core.base.errors import InputError, Problem
from har_core.base.files import write_text
from har_core.datasets.cards.dataset import CardDataset
from har_core.datasets.cards.drafting import FILL_IN, draft_card
from har_core.splits.names import ONE_SUBJECT

_EXPERIMENT = """\
# Change what you like; har run says what is wrong. Every setting: docs/experiment_file.md.

[source]
kind = "files"
dataset = "{card}"

[windows]
length_s = 2.5          # seconds
overlap = 0.5

[splits]{note}
validation_subjects = {validation}
test_subjects = {test}

[models]
architectures = ["lda", "extra_trees", "compact"]

[training]
epochs = 5              # few, to begin with
batch_size = 64
learning_rate = 2e-3
schedule = "one_cycle"{keep}

[evaluation]
protocols = ["{protocol}"]{why}
architectures = ["lda", "extra_trees"]{folds}

[report]
title = {title}
"""
_NUM_GROUPS = 5
"""Of the protocol ``group``, where the experiment file says nothing; a part of the subjects tests."""
_README = """\
# {name}

Run the commands in this folder.

- `{card}` describes the recordings. Complete what is marked FILL IN, then look whether they are understood:
  `har dataset check {card} --data {data}`
- `experiment.toml` says what is made of them: `har run experiment.toml --data {data}`
"""


def draft(location: Path, output: Path | None) -> str:
    """A card for the files at ``location``, written to ``output`` if that is named.

    Raises:
        InputError: there are no text files of numbers, or ``output`` is there already.
    """
    if output is not None:
        _refuse_existing([output])
    text = draft_card(location, output)
    if output is not None:
        write_text(output, text)
    return text


def start_project(directory: Path, data: Path | None) -> list[Path]:
    """Write an experiment file, a card and a README; the card is a draft for ``data``, or an example to be completed.

    Raises:
        InputError: one of them is there already.
    """
    name = directory.absolute().name or "recordings"
    card, experiment, readme = directory / "card.toml", directory / "experiment.toml", directory / "README.md"
    _refuse_existing([card, experiment, readme])
    place = "FOLDER_OR_ZIP" if data is None else shlex.quote(str(data.absolute()))
    write_text(card, _EXAMPLE if data is None else draft_card(data.absolute(), Path(card.name)))
    told = _roles(() if data is None else _subjects(card, data))
    write_text(experiment, _EXPERIMENT.format(card=card.name, title=json.dumps(name, ensure_ascii=False), **told))
    write_text(readme, _README.format(name=name, card=card.name, data=place))
    return [experiment, card, readme]


def _subjects(card: Path, data: Path) -> Sequence[int]:
    """Whose recordings a card finds; nobody if it is to be completed first."""
    try:
        with CardDataset.from_file(card).open(data) as source:
            return sorted(source.subjects)
    except InputError:
        return ()


def _roles(subjects: Sequence[int]) -> dict[str, list[int] | str]:
    """What the experiment file says of roles: about a fifth of ``subjects`` validate, and as many test."""
    number = len(subjects)
    some = max(1, round(number / _NUM_GROUPS))
    validation, test = list(subjects[-2 * some : -some]), list(subjects[-some:])
    if number == 2:  # noqa: PLR2004 - one trains, one tests
        validation = []
    note, keep, folds = "", "", "" if validation or not number else "\nvalidation_subjects = 0"
    protocol, why = "group", "    # everybody tests once: the score to quote"
    if not number:
        validation, test, note = [2], [1], f"  {FILL_IN}: subjects of your set"
    elif number == 1:
        protocol, why = "leaky", ""
        note = f"  {FILL_IN}: one subject cannot both train and test; {ONE_SUBJECT}"
    elif number < _NUM_GROUPS:
        folds += f"\nnum_groups = {number}"
        note = f"  # {number} subjects: enough to look, too few for a score of new people"
    if not validation:
        keep = '\nkeep = "last"           # nobody validates'
    return {
        "validation": validation, "test": test, "note": note, "keep": keep, "protocol": protocol, "why": why,
        "folds": folds,
    }  # fmt: skip


def _refuse_existing(paths: list[Path]) -> None:
    problems = [Problem(path=str(path), value="a file", expected="none yet") for path in paths if path.exists()]
    if problems:
        raise InputError("Nothing was written, because nothing is replaced", problems)


_EXAMPLE = f"""\
# A card: it says how your text files become recordings. Change everything that is marked FILL IN.

name = "my_recordings"
title = "My recordings"  {FILL_IN}
citation = ""
licence = ""
sampling_rate_hz = 50  {FILL_IN}: rows a second
# none = "other"  {FILL_IN}: the name of rows that are none of the activities, if there are any

[activities]  {FILL_IN}: label as the files write it = name
1 = "sitting"
2 = "walking"

[files]  {FILL_IN}: paths as s01/s01_walk1.csv
pattern = "s{{subject}}/s{{subject}}_{{session}}.csv"
header_lines = 1
# time = "timestamp"
# time_unit = "ms"

[labels]
column = "label"

[[channels]]  {FILL_IN}: one for each sensor
columns = ["acc_x", "acc_y", "acc_z"]
place = "wrist"
sensor = "acc"
unit = "m/s²"
"""
