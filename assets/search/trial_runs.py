"""Shows the trials of a search in MLflow: a run each, below the run of the materialisation."""

from contextlib import ExitStack
from statistics import fmean
from types import TracebackType
from typing import TYPE_CHECKING, Self

from har_core.base.errors import HarError
from har_core.search.events import SearchEvent, TrialFinished, TrialProgress, TrialStarted

if TYPE_CHECKING:
    from assets.resources.runs import TrackedRun

STATE_TAG = "har.trial_state"
"""``complete``, ``pruned`` or ``failed``."""


class TrialRuns:
    """Opens and closes the runs as their trials begin and end; as a context manager, whatever is open at the end."""

    def __init__(self, parent: "TrackedRun", architecture: str) -> None:
        self._parent, self._architecture = parent, architecture
        self._open: dict[int, tuple[ExitStack, TrackedRun]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stack, _ in self._open.values():
            stack.__exit__(kind, error, trace)
        self._open.clear()

    def listen(self, event: SearchEvent) -> None:
        """A :data:`~har_core.search.events.SearchListener`."""
        from har_core.search.space import as_toml

        if isinstance(event, TrialStarted):
            stack = ExitStack()
            run = stack.enter_context(self._parent.nested(f"trial {event.number}"))
            self._open[event.number] = stack, run
            run.log_params({"trial": event.number, **event.values})
            run.log_bytes("settings.toml", f"{as_toml(self._architecture, event.values)}\n".encode())
        elif isinstance(event, TrialProgress):
            self._open[event.number][1].log_metrics({"validation/macro_f1_so_far": event.score}, event.step)
        else:
            self._close(event)

    def _close(self, event: TrialFinished) -> None:
        stack, run = self._open.pop(event.number)
        run.set_tags({STATE_TAG: event.state})
        metrics = {f"validation/macro_f1_fold_{index}": score for index, score in enumerate(event.scores, start=1)}
        if event.scores:
            metrics["validation/macro_f1"] = fmean(event.scores)
        if event.macs is not None:
            metrics["macs"] = event.macs
        if metrics:
            run.log_metrics(metrics)
        error = HarError(event.error) if event.state == "failed" else None
        stack.__exit__(None if error is None else type(error), error, None)
