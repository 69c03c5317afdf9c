"""The tables of public data sets: rows from a report, the majority, counts of windows, what is taken for what."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from window_examples import named_windows

from assets.resources.home import Home
from har_core.datasets.dsads.dataset import DSADS
from har_core.inference.predictions import tabulate_predictions, write_predictions

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SUBJECTS = [1, 1, 1, 1, 2, 2, 2, 2]
ACTIVITIES = [1, 1, 1, 2, 1, 2, 2, 3]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The bench as a module."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import dataset_tables as data_sets  # noqa: PLC0415 - found only now

    return data_sets


@pytest.fixture
def learnt() -> tuple[int, ...]:
    """Class ids that train."""
    return 0, 1, 2


@pytest.fixture
def home(tmp_path: Path, learnt: tuple[int, ...]) -> Home:
    """Two people, two folds and two seeds; the second person alone does the third activity."""
    home = Home(tmp_path / "home")
    for folder in (home.windows.parent, home.report_folder, home.predictions("folds/lda", "loso-p2").parent):
        folder.mkdir(parents=True)
    columns = {"subject": pa.array(SUBJECTS), "activity": pa.array(ACTIVITIES)}
    pq.write_table(pa.table(columns).replace_schema_metadata(DSADS.to_metadata()), home.windows)
    scores = [{"seed": seed, "macro_f1": {"test": 0.5 + seed / 4}, "accuracy": {"test": 0.8}} for seed in (0, 1)]
    folds = [
        {
            "architecture": "lda",
            "fold": f"loso-p{tested}",
            "protocol": "loso",
            "subjects": {"training": [3 - tested], "test": [tested]},
            "seeds": scores,
        }
        for tested in (1, 2)
    ]
    leaky = {"protocol": "leaky"}
    protocols = {"loso": {"ranking": [{"architecture": "lda", "num_parameters": 1234}]}}
    report = {"protocols": protocols, "folds": [*folds, leaky]}
    (home.report_folder / "report.json").write_text(json.dumps(report))
    for tested, labels, answers in ((1, [0, 0, 0, 1], [0, 0, 0, 1]), (2, [0, 1, 1, 2], [0, 1, 2, 2])):
        windows = named_windows(np.array(labels), np.full(4, tested))
        told = np.eye(DSADS.num_activities)[answers]
        table = tabulate_predictions(windows, told, role="test", seed=0, learnt=learnt)
        write_predictions(home.predictions("folds/lda", f"loso-p{tested}"), table)
    return home


def test_rows_are_those_of_the_report_and_the_majority(bench: ModuleType, home: Home) -> None:
    rows = list(bench.read(home))
    assert [(row.architecture, row.fold, row.seed, row.macro_f1) for row in rows[:3]] == [
        ("lda", "loso-p1", 0, 0.5),
        ("lda", "loso-p1", 1, 0.75),
        ("lda", "loso-p2", 0, 0.5),
    ]
    assert len(rows) == 6
    assert {(row.data_set, row.parameters, row.num_windows) for row in rows[:4]} == {("dsads", 1234, 4)}
    tested_first, tested_second = rows[4:]
    assert (tested_first.accuracy, tested_first.macro_f1) == (0.25, 0.2)  # of 1 and 2: 0 and 2 · 1 / (4 + 1)
    assert tested_second.accuracy == 0.25
    assert tested_second.macro_f1 == 0.2  # activity 3 was not trained, and does not count
    assert tested_second.num_activities == 2


@pytest.mark.parametrize("learnt", [(0, 2)])
def test_what_stands_in_test_alone_is_no_majority(bench: ModuleType, home: Home) -> None:
    tested_first = list(bench.read(home))[4]
    assert (tested_first.accuracy, tested_first.num_activities) == (0.75, 1)
    assert tested_first.macro_f1 == pytest.approx(0.8571)  # of the first activity: 6 / 7


def test_the_file_keeps_rows_and_replaces_them(
    bench: ModuleType,
    home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "rows.csv"
    older = [
        bench.Row("dsads", "lda", "loso-p1", 0, 0.1, 0.1, 1, 1, 1),
        bench.Row("pilot", "lda", "group-1", 0, 0.25, 0.5, 2, 3, 4),
    ]
    bench.store(file, older)
    monkeypatch.setattr(sys, "argv", ["dataset_tables.py", str(file), str(home.root), "--detail", "lda"])
    bench.main()
    rows = list(bench.stored(file))
    assert older[1] in rows
    assert len(rows) == 7
    assert next(row for row in rows if row.key == older[0].key).macro_f1 == 0.5
    printed = capsys.readouterr().out
    assert "| sitting | 4 | 2 | 1 to 3 |" in printed
    assert "| lda | 0.625 ± 0.000 | 0.625 | 0.625 | 0.625 | 0.500 0.750 | 0.800 | 1,234 |" in printed
    assert "| standing | 1.00 | 0.67 | 0.80 | lying on back 33% |" in printed
