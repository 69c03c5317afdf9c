"""Decides what runs next, in waves: ask, run all that is ready, ask again, until nothing is left.

A wave holds every item that is due and has nothing undecided above it, in dependency order. What is pending waits:
when its upstream has run, the next look says whether anything changed for it. How the state of an item is found is
the business of :mod:`pipelines.staleness`; running it is that of :mod:`pipelines.runner`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from dagster import AssetKey

from pipelines.staleness import Item, State, Status


class NextStep(Enum):
    """What this command does about an item next."""

    RUN = auto()
    """In this wave."""
    WAIT = auto()
    """A later wave decides."""
    DONE = auto()
    """Nothing more: it is fresh, was run, or was not asked for."""
    HELD = auto()
    """Nothing more, because something above it failed or is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asked for."""

    wanted: Collection[AssetKey]
    """Assets that may run, external ones not among them; everything else stays as it is."""
    forced: Collection[AssetKey] = ()
    """Of what is wanted, assets that run even where they are fresh."""
    seed: int | None = None
    """Models that run are trained with this seed, whatever the experiment file says."""
    config: Mapping[AssetKey, Mapping[str, object]] = field(default_factory=dict)
    """What single assets are given for this run."""
    partial_inputs: Mapping[AssetKey, Collection[AssetKey]] = field(default_factory=dict)
    """Assets that make do with what there is, whatever failed or is missing above them, each with the parents of which
    it needs one that can be used."""


@dataclass(slots=True)
class Plan:
    """The next wave, and why the rest is not in it."""

    partition: str | None = None
    """Of every item of the wave: one Dagster run has one partition, or none."""
    wave: list[Item] = field(default_factory=list)
    steps: dict[Item, NextStep] = field(default_factory=dict)
    reasons: dict[Item, str] = field(default_factory=dict)
    """Why an item is held; an item that failed is held too, and has none."""


def plan_wave(
    statuses: Mapping[Item, Status], request: Request, ran: Collection[Item], failed: Collection[Item]
) -> Plan:
    """Decide what runs next, given the status of every item, parents before children.

    What this command ``ran`` does not run twice; what ``failed`` in it holds back what is below it.
    """
    for plan in _plans(statuses, request, ran, failed):
        if plan.wave:
            break
    return plan


def due_items(statuses: Mapping[Item, Status], request: Request) -> set[Item]:
    """Everything that could run now, of whatever partition: what several runs side by side would begin with."""
    return {item for plan in _plans(statuses, request, (), ()) for item in plan.wave}


def _plans(
    statuses: Mapping[Item, Status], request: Request, ran: Collection[Item], failed: Collection[Item]
) -> Iterator[Plan]:
    """What could run next of what has no partition, then of each partition that waits."""
    plan = _plan((None, None), statuses, request, ran, failed)
    yield plan
    waiting = (_batch(statuses[item]) for item, step in plan.steps.items() if step is NextStep.WAIT)
    for batch in dict.fromkeys(batch for batch in waiting if batch != (None, None)):
        yield _plan(batch, statuses, request, ran, failed)


def _batch(status: Status) -> tuple[str | None, str | None]:
    """What the items of one Dagster run have in common: a partition, and of which partitions it is."""
    return status.partitions, status.item.partition


def _plan(
    batch: tuple[str | None, str | None],
    statuses: Mapping[Item, Status],
    request: Request,
    ran: Collection[Item],
    failed: Collection[Item],
) -> Plan:
    plan = Plan(batch[1])
    for item, status in statuses.items():
        steps = {plan.steps[parent] for parent in status.parents}
        due = item.key in request.forced or status.state in {State.STALE, State.MISSING}
        if item.key not in request.wanted or item in ran:
            step = NextStep.DONE
        elif item in failed:
            step = NextStep.HELD
        elif NextStep.WAIT in steps or (NextStep.RUN in steps and (status.lacks_partitions or not due)):
            step = NextStep.WAIT
        elif reason := _hindrance(status, statuses, plan, request, due=due):
            step = NextStep.HELD
            plan.reasons[item] = reason
        elif not due or status.lacks_partitions:
            step = NextStep.DONE
        elif _batch(status) != batch:
            step = NextStep.WAIT
        else:
            step = NextStep.RUN
            plan.wave.append(item)
        plan.steps[item] = step
    return plan


def _hindrance(
    status: Status, statuses: Mapping[Item, Status], plan: Plan, request: Request, *, due: bool
) -> str | None:
    """Why an item that is due cannot run, or why it is unknown whether it is: by what is above it."""
    if due and status.item.key in request.partial_inputs:
        enough = [parent for parent in status.parents if parent.key in request.partial_inputs[status.item.key]]
        is_there = any(statuses[it].state is not State.MISSING or plan.steps[it] is NextStep.RUN for it in enough)
        return None if is_there else "nothing that it could use is there"
    for parent in status.parents:
        if plan.steps[parent] is NextStep.HELD:
            return f"{parent} could not be brought up to date"
        if due and statuses[parent].state is State.MISSING and plan.steps[parent] is not NextStep.RUN:
            name = status.item.key.to_user_string()
            return f"{parent} is missing and was not selected; '+key:\"{name}\"' selects what is above it too"
    return None
