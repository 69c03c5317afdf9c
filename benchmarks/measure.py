"""Measuring ways of doing the same thing in turns: each in a process of its own kind, with warm-up, repeats and ratios.

A :class:`Case` is one thing to do, a :class:`Way` one way of doing it. The ways of a case are measured round by round,
so that whatever else the machine does slows all of them down; each round gives a ratio to the reference, and a case is
told by its medians and ranges. Ways that could disturb each other (an allocator set up, a pool of threads, peak memory)
are put into different processes by :attr:`Way.process`.
"""

from __future__ import annotations

import gc
import importlib
import multiprocessing
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

LIMIT = "bf16 limit"
"""Name of the way that does nothing but what the machine does best."""

Once = Callable[[], float]
"""Does the thing once; returns how much of it was done, in the amounts that a rate counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line asks for."""

    data: Path
    """Folder of recordings in text files."""
    scratch: Path
    """Empty folder for whatever is written; removed afterwards."""
    quick: bool
    """Small and once: to see that it works. Its figures mean little."""
    rounds: int
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way of doing the thing of a case."""

    name: str
    prepare: Callable[[], Once]
    """Makes everything ready, outside the clock."""
    process: str = "ours"
    """Ways of one name share a process, which starts with the section."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing to do."""

    name: str
    unit: str
    """Of a figure: ``s`` and ``ms`` count the time of one amount, all others the amounts in a second."""
    ways: tuple[Way, ...]
    reference: str | None = None
    """The way that the others are compared with."""
    scale: float = 1.0
    """Amounts in one unit: 1e9 for GFLOP/s where a way returns operations."""

    @property
    def is_time(self) -> bool:
        """Whether less is better."""
        return self.unit in ("s", "ms")

    def figure(self, seconds: float, amount: float) -> float:
        """What is told of one measurement."""
        if self.is_time:
            return seconds / amount * (1e3 if self.unit == "ms" else 1)
        return amount / seconds / self.scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The figures of one way of one case, a round each."""

    section: str
    case: str
    way: str
    unit: str
    figures: list[float]
    reference: str | None = None
    speedups: list[float] = field(default_factory=list)
    """How many times as fast as the reference, round by round: more is better whatever the unit."""
    shares: list[float] = field(default_factory=list)
    """Of the speed of the way :data:`LIMIT` of the same case, round by round; none where there is no such way."""
    peak_mib: float = 0.0
    """Largest resident memory of the process up to the end of this way's last round."""

    @property
    def median(self) -> float:
        """Of the figures."""
        return statistics.median(self.figures)

    @property
    def speedup(self) -> float | None:
        """Median of the speed-ups; None without a reference."""
        return statistics.median(self.speedups) if self.speedups else None

    @property
    def share(self) -> float | None:
        """Median of the shares; None without a limit."""
        return statistics.median(self.shares) if self.shares else None


def measure(section: str, options: Options, only: str = "") -> Iterator[Measured]:
    """Measure every case of the module ``section``; those with ``only`` in their name, if it is given."""
    cases = [case for case in _cases(section, options) if only in case.name]
    with _processes(section, options) as ask:
        for case in cases:
            num_ignored = 0 if options.quick else 1
            rounds = [
                {way.name: ask(way.process, case.name, way.name) for way in case.ways}
                for _ in range(num_ignored + options.rounds)
            ][num_ignored:]
            for way in case.ways:
                is_compared = case.reference is not None and way.name != case.reference
                yield Measured(
                    section=section,
                    case=case.name,
                    way=way.name,
                    unit=case.unit,
                    figures=[case.figure(taken[way.name].seconds, taken[way.name].amount) for taken in rounds],
                    reference=case.reference if is_compared else None,
                    speedups=[_speedup(taken[way.name], taken[case.reference]) for taken in rounds]
                    if is_compared and case.reference
                    else [],
                    shares=[_speedup(taken[way.name], taken[LIMIT]) for taken in rounds]
                    if LIMIT in rounds[0] and way.name != LIMIT
                    else [],
                    peak_mib=rounds[-1][way.name].peak_mib,
                )


@dataclass(frozen=True, slots=True)
class _Taken:
    seconds: float
    amount: float
    peak_mib: float


def _speedup(own: _Taken, reference: _Taken) -> float:
    return (reference.seconds / reference.amount) / (own.seconds / own.amount)


def _cases(section: str, options: Options) -> list[Case]:
    cases: list[Case] = importlib.import_module(section).cases(options)
    return cases


@contextmanager
def _processes(section: str, options: Options) -> Iterator[Callable[[str, str, str], _Taken]]:
    """Processes that are started when first asked, and ended together; what is raised in one is raised here."""
    context = multiprocessing.get_context("spawn")
    with ExitStack() as started:

        @cache
        def process_of(name: str) -> ProcessPoolExecutor:  # noqa: ARG001 - one for each name
            executor = ProcessPoolExecutor(1, mp_context=context, initializer=_start, initargs=(section, options))
            return started.enter_context(executor)

        yield lambda process, case, way: process_of(process).submit(_take, case, way).result()


_ways: dict[tuple[str, str], Way] = {}
"""In a process that measures: every way of its section, by case and name."""
_prepared: dict[tuple[str, str], Once] = {}
"""Of them, those of the case that is measured."""


def _start(section: str, options: Options) -> None:
    """Make this process ready to measure."""
    sys.path.insert(0, str(Path(__file__).parent))
    import torch  # noqa: PLC0415 - the parent does without

    torch.set_num_threads(options.threads)
    _ways.update({(case.name, way.name): way for case in _cases(section, options) for way in case.ways})
    gc.freeze()  # no way pays for looking through what the others import


def _take(case: str, way: str) -> _Taken:
    """Measure a way once, made ready outside the clock."""
    if any(name != case for name, _ in _prepared):
        _clear_prepared()
    if (case, way) not in _prepared:
        _prepared[case, way] = _ways[case, way].prepare()
    start = time.perf_counter()
    amount = _prepared[case, way]()
    seconds = time.perf_counter() - start
    return _Taken(seconds, amount, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _clear_prepared() -> None:
    """Let go of what an earlier case had prepared, which takes memory, and end what still runs."""
    for once in _prepared.values():
        if (close := getattr(once, "close", None)) is not None:
            close()
    _prepared.clear()


def pin_threads(threads: int) -> None:
    """Give every pool of threads of processes to come ``threads`` threads."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ[name] = str(threads)
