"""The links of a chain from a model to its data, and what was found of each. How they are found is not said here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """What looking again came to."""

    VERIFIED = "verified"
    DIFFERS = "differs"
    UNVERIFIABLE = "cannot be verified"
    """What it would take is not there any more: no contradiction."""


@dataclass(frozen=True, slots=True)
class LinkCheck:
    """One thing that was looked at again."""

    what: str
    detail: str
    verdict: Verdict
    reason: str = ""
    """Why it cannot be verified, in a few words."""


@dataclass(frozen=True, slots=True)
class Link:
    """One station of the chain: a model, a run, a file, a table."""

    title: str
    name: str
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    """What is known of it; hashes and ids whole."""
    checks: Sequence[LinkCheck] = ()

    def to_dict(self) -> dict[str, object]:
        """As ``har trace --json`` prints it."""
        checks = [
            {"check": it.what, "detail": it.detail, "verdict": it.verdict, "reason": it.reason} for it in self.checks
        ]
        return {"link": self.title, "name": self.name, "facts": self.facts, "checks": checks}


def verified(what: str, detail: str) -> LinkCheck:
    """It is what it was."""
    return LinkCheck(what, detail, Verdict.VERIFIED)


def differs(what: str, detail: str) -> LinkCheck:
    """It contradicts what was recorded."""
    return LinkCheck(what, detail, Verdict.DIFFERS)


def unverifiable(what: str, detail: str, reason: str) -> LinkCheck:
    """Nothing contradicts, and nothing can be shown."""
    return LinkCheck(what, detail, Verdict.UNVERIFIABLE, reason)


def same(what: str, mlflow: str, dagster: str) -> LinkCheck:
    """Whether both records say the same."""
    if mlflow == dagster:
        return verified(what, f"{mlflow or 'none'} in both records")
    return differs(what, f"{mlflow or 'none'} in MLflow, {dagster or 'none'} in Dagster")
