"""What the project asks of its own speed, and whether a run of the benches met it. Nothing fails where it did not."""

from __future__ import annotations

from dataclasses import dataclass

from measure import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One target."""

    what: str
    asked: str
    measured: str
    met: bool

    def row(self) -> str:
        """Of a Markdown table."""
        return f"| {self.what} | {self.asked} | {self.measured} | {'yes' if self.met else '**no**'} |"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    case: str
    ways: tuple[str, ...]
    """The best of them counts: they are what a user can choose from."""
    at_most: float | None = None
    """Of the median figure: seconds."""
    at_least: float | None = None
    """Of the median ratio to the plain way."""
    at_most_times: float | None = None
    """What the reference takes, that this may take."""


_BF16 = ("auto",)
_ANSWERS = ("torch auto", "openvino auto")
TARGETS = (
    _Target(case="unpacked text to windows", ways=("ours",), at_most=3.5),
    _Target(case="unpacked text to windows", ways=("ours",), at_least=4.0),
    _Target(case="audit", ways=("ours",), at_most=4.0),
    _Target(case="zip to windows", ways=("ours",), at_most=6.0),
    _Target(case="windows to normalised tensors", ways=("fold",), at_most=0.6),
    *(
        _Target(case=f"training {name}", ways=_BF16, at_least=ratio)
        for name, ratio in {"cnn": 3.5, "resnet": 4.0, "shufflenet": 3.5, "lstm": 1.7}.items()
    ),
    *(
        _Target(case=f"answers {name}", ways=_ANSWERS, at_least=ratio)
        for name, ratio in {"cnn": 4.0, "resnet": 4.0, "shufflenet": 4.0, "lstm": 1.8}.items()
    ),
    *(
        _Target(case=f"one window {name}", ways=_ANSWERS, at_least=2.0)
        for name in ("cnn", "resnet", "shufflenet", "lstm")
    ),
    *(
        _Target(case=f"`har {command}`", ways=("ours",), at_most_times=times)
        for command, times in {
            "--help": 0.3,
            "run with a mistyped file name": 0.5,
            "models": 1.5,
            "status": 2.0,
            "run with nothing to do": 2.5,
            "trace": 3.0,
        }.items()
    ),
    _Target(case="`har predict of 5 files`", ways=("ours",), at_most_times=1.5),
    _Target(case="a materialisation of nothing", ways=("ours",), at_most=3.0),
)
MEMORY_LIMIT_MIB = 1024
SHARE_ASKED = {"training cnn": 0.45, "training resnet": 0.45}


def verdicts(measured: list[Measured]) -> list[Verdict]:
    """Of every target whose case was measured."""
    by_case: dict[str, dict[str, Measured]] = {}
    for each in measured:
        by_case.setdefault(each.case, {})[each.way] = each
    found = [_judge(target, by_case[target.case]) for target in TARGETS if target.case in by_case]
    for case, asked in SHARE_ASKED.items():
        share = by_case[case]["auto"].share if case in by_case else None
        if share is not None:
            what = f"{case}: share of the bf16 limit"
            found.append(Verdict(what=what, asked=f"≥ {asked}", measured=f"{share:.2f}", met=share >= asked))
    if "unpacked text to windows" in by_case:
        peak = by_case["unpacked text to windows"]["ours"].peak_mib
        what = "unpacked text to windows: peak memory"
        asked_for = f"≤ {MEMORY_LIMIT_MIB} MiB"
        found.append(Verdict(what=what, asked=asked_for, measured=f"{peak:.0f} MiB", met=peak <= MEMORY_LIMIT_MIB))
    return found


def _judge(target: _Target, ways: dict[str, Measured]) -> Verdict:
    own = [ways[way] for way in target.ways if way in ways]
    if target.at_most is not None:
        best = min(own, key=lambda each: each.median)
        met, asked, told = best.median <= target.at_most, f"≤ {target.at_most:g} s", f"{best.median:.2f} s"
    elif target.at_most_times is not None:
        best = max(own, key=lambda each: each.speedup or 0)
        times = 1 / best.speedup if best.speedup else float("inf")
        met, asked = times <= target.at_most_times, f"≤ {target.at_most_times:g} × {best.reference}"
        told = f"{times:.2f} ×"
    else:
        best = max(own, key=lambda each: each.speedup or 0)
        least, speedup = target.at_least or 0, best.speedup or 0
        met, asked, told = speedup >= least, f"≥ {least:g} × {best.reference}", f"{speedup:.2f} ×"
    chosen = f" ({best.way})" if len(target.ways) > 1 else ""
    return Verdict(what=target.case + chosen, asked=asked, measured=told, met=met)
