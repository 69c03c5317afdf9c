"""What ``har dataset draft`` and ``har init`` do: begin with one's own recordings. Nothing is replaced."""

from __future__ import annotations

from pathlib import Path

from har_core.base.errors import InputError, Problem
from har_core.base.files import write_text
from har_core.datasets.cards.drafting import FILL_IN, draft_card

_EXPERIMENT = """\
# Change what you like; har run says what is wrong. Every setting: docs/experiment_file.md.

[source]
kind = "files"
dataset = "{card}"

[windows]
length_s = 2.5          # seconds
overlap = 0.5

[splits]
validation_subjects = [2]
test_subjects = [1]     {fill_in}: subjects of your set

[models]
architectures = ["lda", "extra_trees", "tinierhar"]

[report]
title = "{name}"
"""
_README = """\
# {name}

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
    text = _EXAMPLE if data is None else draft_card(data, card)
    place = "FOLDER_OR_ZIP" if data is None else data.absolute()
    told = {"name": name, "card": card.name, "data": place, "fill_in": FILL_IN}
    write_text(card, text)
    write_text(experiment, _EXPERIMENT.format(**told))
    write_text(readme, _README.format(**told))
    return [experiment, card, readme]


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
