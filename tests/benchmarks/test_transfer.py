"""The measurement of new people: it goes on where it ended, and means are over people and not over seeds."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def transfer(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import transfer  # noqa: PLC0415 - found only now

    return transfer


def test_a_person_counts_once_whatever_the_number_of_seeds(transfer: ModuleType) -> None:
    rows = [
        dict(zip(transfer.COLUMNS, values, strict=True))
        for values in [
            ("compact", "modern", "20", "loso-p1", "1", "0", "as_it_is", "0", "0.8", ""),
            ("compact", "modern", "20", "loso-p1", "1", "1", "as_it_is", "0", "0.9", ""),
            ("compact", "modern", "20", "loso-p2", "2", "0", "as_it_is", "0", "0.95", ""),
            ("compact", "modern", "20", "loso-p1", "1", "0", "all", "5", "0.9", "12"),
            ("compact", "modern", "20", "loso-p1", "1", "1", "all", "5", "0.9", "12"),
            ("compact", "modern", "20", "loso-p2", "2", "0", "all", "5", "0.93", "12"),
        ]
    ]
    _, _, plain, fitted = transfer.table(rows)
    assert plain == "| compact | modern | as_it_is | – | 0 | 2 | 0.900 | – | – | – | 0.850 | – |"
    assert fitted == "| compact | modern | all | 12 | 5 | 2 | 0.915 | – | +0.015 | – | 0.900 | 1 of 2 |"


def test_goes_on_where_it_ended(
    transfer: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "rows.csv"
    quick = [
        "transfer.py",
        "--quick",
        "--way",
        "last_layer",
        "--training",
        "masked",
        "--frozen",
        "--output",
        str(output),
    ]
    for _ in range(2):
        monkeypatch.setattr("sys.argv", quick)
        transfer.main()
        before = output.read_text()
    assert output.read_text() == before
    ways = {line.split(",")[6] for line in before.splitlines()[1:]}
    assert ways == {"as_it_is", "last_layer", "from_nothing"}
    assert before.count("masked frozen") == len(before.splitlines()) - 1
    assert capsys.readouterr().out.count("| as_it_is |") == 2
