from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assets.machinery.code_versions import Ingredients
from assets.machinery.presence import output_problems

if TYPE_CHECKING:
    from tests.pipelines.conftest import Toy

ALL = {"windows", "splits", "models/a", "models/b", "folds/a[f1]", "folds/a[f2]", "report"}


def test_everything_is_missing_at_first(toy: Toy) -> None:
    statuses = toy.statuses()
    assert {name for name, status in statuses.items() if status.state == "missing"} == ALL
    assert statuses["windows"].causes == ("was never materialised",)
    assert statuses["source_files"].state == "fresh"


def test_everything_is_fresh_after_a_run(toy: Toy) -> None:
    toy.run()
    assert set(toy.states().values()) == {"fresh"}


def test_changed_code_is_stale_and_all_below_it_pending(toy: Toy) -> None:
    toy.run()
    toy.code["splits"] = "2"
    statuses = toy.statuses()
    assert statuses["splits"].state == "stale"
    assert statuses["splits"].causes == ("its code or its settings changed",)
    assert [statuses[name].state for name in ("models/a", "models/b", "report")] == ["pending"] * 3
    assert statuses["models/a"].causes == ("splits is stale",)
    assert [statuses[name].state for name in ("windows", "folds/a[f1]")] == ["fresh"] * 2


def test_what_changed_is_told(toy: Toy) -> None:
    toy.made_with["splits"] = Ingredients("1", {"core/a.py": "x", "core/b.py": "x"}, {"splits.subjects": [7]})
    toy.run()
    assert toy.states()["splits"] == "fresh"
    toy.made_with["splits"] = Ingredients("2", {"core/a.py": "y", "core/b.py": "x"}, {"splits.subjects": [8]})
    statuses = toy.statuses()
    assert statuses["splits"].state == "stale"
    assert statuses["splits"].causes == ("setting splits.subjects changed [7] → [8]", "core/a.py changed")
    toy.run()
    assert toy.states()["splits"] == "fresh"


def test_all_causes_are_told(toy: Toy) -> None:
    toy.made_with["windows"] = Ingredients("1", {"core/a.py": "x"}, {})
    toy.run()
    toy.made_with["windows"] = Ingredients("2", {"core/a.py": "y"}, {})
    toy.report_source("s2")
    assert set(toy.statuses()["windows"].causes) == {"core/a.py changed", "source_files has new content"}


def test_what_recorded_no_ingredients_says_less(toy: Toy) -> None:
    toy.run()
    toy.made_with["splits"] = Ingredients("2", {"core/a.py": "x"}, {})
    assert toy.statuses()["splits"].causes == ("its code or its settings changed",)


def test_what_changed_is_told_by_partition(toy: Toy) -> None:
    def with_epochs(number: int) -> Ingredients:
        return Ingredients(str(number), {}, {"models.a.epochs": number})

    toy.made_with["folds/a"] = with_epochs(1)
    toy.run()
    toy.made_with["folds/a"] = with_epochs(2)
    toy.failures["folds/a[f1]"] = ValueError()
    toy.run()
    toy.made_with["folds/a"] = with_epochs(3)
    statuses = toy.statuses()
    assert statuses["folds/a[f1]"].causes == ("setting models.a.epochs changed 1 → 3",)
    assert statuses["folds/a[f2]"].causes == ("setting models.a.epochs changed 2 → 3",)


def test_changed_source_makes_windows_stale_and_says_so(toy: Toy) -> None:
    toy.run()
    toy.report_source("s2")
    statuses = toy.statuses()
    assert statuses["windows"].state == "stale"
    assert statuses["windows"].causes == ("source_files has new content",)
    assert statuses["folds/a[f2]"].state == "pending"


def test_the_same_source_reported_again_changes_nothing(toy: Toy) -> None:
    toy.run()
    toy.report_source("s1")
    assert set(toy.states().values()) == {"fresh"}


def test_missing_output_counts_as_missing(toy: Toy) -> None:
    toy.run()
    toy.output("splits").unlink()
    statuses = toy.statuses()
    assert statuses["splits"].state == "missing"
    assert statuses["splits"].causes == ("data/splits.txt is missing",)
    assert statuses["models/a"].state == "pending"


def test_altered_output_of_a_partition_counts_as_missing(toy: Toy) -> None:
    toy.run()
    toy.output("folds/a[f2]").write_text("y")
    statuses = toy.statuses()
    assert statuses["folds/a[f2]"].state == "missing"
    assert statuses["folds/a[f2]"].causes == ("data/folds/a[f2].txt was altered after it was written",)
    assert statuses["folds/a[f1]"].state == "fresh"
    assert statuses["report"].causes == ("folds/a[f2] is missing",)


def test_new_partition_is_missing_and_what_is_below_pending(toy: Toy) -> None:
    toy.run()
    toy.instance.add_dynamic_partitions("folds", ["f3"])
    states = toy.states()
    assert states["folds/a[f3]"] == "missing"
    assert states["folds/a[f1]"] == "fresh"
    assert states["report"] == "pending"


def test_asset_whose_partitions_are_not_known_yet_is_missing(unfolded_toy: Toy) -> None:
    status = unfolded_toy.statuses()["folds/a"]
    assert (status.state, status.lacks_partitions, status.was_made) == ("missing", True, False)
    assert status.causes == ("has no partitions yet; what is above it adds them",)
    unfolded_toy.run()
    assert "folds/a" not in unfolded_toy.statuses()


def test_partition_that_has_gone_is_no_longer_told_of(toy: Toy) -> None:
    toy.run()
    toy.instance.delete_dynamic_partition("folds", "f2")
    assert set(toy.states()) == (ALL | {"source_files"}) - {"folds/a[f2]"}


def test_new_version_of_one_partition_makes_the_report_stale(toy: Toy) -> None:
    toy.run()
    toy.content["folds/a[f1]"] = "y"
    toy.run("key:folds/a", forced=True)
    assert toy.statuses()["report"].causes == ("folds/a[f1] has new content",)


@pytest.mark.parametrize("change", ["content", "nothing"])
def test_output_is_hashed_again_when_it_changed(tmp_path: Path, change: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    recorded = {"a": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}
    assert output_problems(tmp_path, recorded) == []
    if change == "content":
        path.write_bytes(b"longer")
    assert bool(output_problems(tmp_path, recorded)) == (change == "content")
