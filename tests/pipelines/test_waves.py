"""Plans from statuses that are made up; whole commands are in ``test_runner.py``."""

from dagster import AssetKey

from pipelines.staleness import Item, State, Status
from pipelines.waves import NextStep, Request, due_items, plan_wave

RAW, AUDIT, MODEL, REPORT = (Item(AssetKey(name)) for name in ("raw", "audit", "model", "report"))


def statuses(*, audit: State, model: State) -> dict[Item, Status]:
    """``raw`` -> ``audit``, ``model`` -> ``report``, where ``raw`` and ``report`` are due."""
    made = [
        Status(RAW, State.STALE),
        Status(AUDIT, audit, parents=(RAW,)),
        Status(MODEL, model, parents=(RAW,)),
        Status(REPORT, State.MISSING, parents=(AUDIT, MODEL)),
    ]
    return {status.item: status for status in made}


REQUEST = Request(wanted=[item.key for item in (RAW, AUDIT, MODEL, REPORT)], partial_inputs={REPORT.key: [MODEL.key]})


def test_what_may_lack_inputs_does_not_run_on_one_that_is_not_enough() -> None:
    plan = plan_wave(statuses(audit=State.PENDING, model=State.MISSING), REQUEST, ran=[], failed=[RAW])
    assert plan.wave == []
    assert plan.steps[REPORT] is NextStep.HELD
    assert plan.reasons[REPORT] == "nothing that it could use is there"


def test_what_may_lack_inputs_runs_on_an_older_one_that_is_enough() -> None:
    plan = plan_wave(statuses(audit=State.MISSING, model=State.PENDING), REQUEST, ran=[], failed=[RAW])
    assert plan.wave == [REPORT]
    assert REPORT not in plan.reasons


def test_what_is_pending_below_a_failure_is_held_with_the_reason() -> None:
    plan = plan_wave(statuses(audit=State.PENDING, model=State.PENDING), REQUEST, ran=[], failed=[RAW])
    assert plan.reasons == dict.fromkeys([AUDIT, MODEL], "raw could not be brought up to date")


def test_one_wave_has_folds_of_the_same_partitions_alone() -> None:
    fold, sensors = Item(AssetKey(["folds", "cnn"]), "loso-p1"), Item(AssetKey(["sensors", "cnn"]), "loso-p1")
    made = [
        Status(fold, State.MISSING, partitions="folds"),
        Status(sensors, State.MISSING, partitions="sensor_folds"),
        Status(REPORT, State.STALE, parents=(fold, sensors)),
    ]
    request, known = Request(wanted=[status.item.key for status in made]), {status.item: status for status in made}
    first = plan_wave(known, request, ran=[], failed=[])
    assert (first.wave, first.partition) == ([fold], "loso-p1")
    known[fold] = Status(fold, State.FRESH, partitions="folds")
    second = plan_wave(known, request, ran=[fold], failed=[])
    assert (second.wave, second.partition) == ([sensors], "loso-p1")
    assert second.steps[REPORT] is NextStep.WAIT
    assert due_items({status.item: status for status in made}, request) == {fold, sensors}
