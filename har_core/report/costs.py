"""What models cost, beside the score that an honest protocol gives them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from har_core.evaluation.latency import Machine, Times
from har_core.report.charts import scatter
from har_core.report.honest import ProtocolView
from har_core.report.inputs import ReportEntry

_INT8 = ("int8", "int8_trained", "dynamic")
"""Recipes that make weights of 8 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InPrecision:
    """A model that answers in some precision."""

    model: ReportEntry
    precision: str
    """``fp32``, ``bf16``, ``int8``."""
    times: Times
    speed: float
    """Windows per second, as a multiple of those of the same model in fp32."""
    size_bytes: int
    """In memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """All models with what they cost."""

    models: tuple[ReportEntry, ...]
    scored_by: str
    """Whose macro-F1 :attr:`scores` are: ``over the folds of leave one subject out``."""
    scores: dict[str, float]
    """By architecture, of those that can be compared."""
    machines: tuple[tuple[Machine, int], ...]
    """Where latency was measured, with the number of threads; with more than one, times cannot be compared."""

    @property
    def unscored(self) -> list[str]:
        """Names of the models that no chart shows."""
        return [model.name for model in self.models if model.result.architecture not in self.scores]

    @property
    def by_parameters(self) -> Markup | None:
        """Learnt numbers against score."""
        return self._chart(lambda model: model.result.complexity.num_parameters, "parameters", "Parameters")

    @property
    def by_size(self) -> Markup | None:
        """Size on disk against score; nothing where it was not recorded."""
        return self._chart(lambda model: (model.result.file_bytes or 0) / 1e3, "kB on disk", "Size on disk")

    @property
    def by_latency(self) -> Markup | None:
        """Time against score."""
        return self._chart(lambda model: model.result.latency.batch1_median_ms, "ms for one window", "Latency")

    @property
    def precisions(self) -> list[InPrecision]:
        """Each model that was timed in more than one precision, in each of them; fp32 first."""
        int8: dict[str | None, list[ReportEntry]] = {}
        for model in self.models:
            if model.result.training_settings.get("kind") in _INT8:
                int8.setdefault(model.result.parent, []).append(model)
        of_8_bits = [model for models in int8.values() for model in models]
        rows = []
        for model in self.models:
            if model in of_8_bits:
                continue
            latency = model.result.latency
            others = [("bf16", model, latency.bf16)] if latency.bf16 else []
            others += [("int8", child, child.result.latency) for child in int8.get(model.result.architecture, ())]
            for precision, of, times in [("fp32", model, latency), *others] if others else []:
                rows.append(
                    InPrecision(
                        model=of,
                        precision=precision,
                        times=times,
                        speed=times.throughput_windows_per_s / latency.throughput_windows_per_s,
                        size_bytes=of.result.complexity.size_bytes,
                    )
                )
        return rows

    def _chart(self, cost: Callable[[ReportEntry], float], x_label: str, title: str) -> Markup | None:
        scored = [(model, self.scores.get(model.result.architecture)) for model in self.models]
        points = [(model.name, cost(model), score) for model, score in scored if score is not None]
        return scatter(points, x_label=x_label, label=f"{title} against macro-F1 {self.scored_by}")


def view_costs(view: ProtocolView | None, models: Sequence[ReportEntry]) -> Costs | None:
    """The costs of ``models``, scored by the folds of ``view``, or by their test subjects where there are no folds.

    None without models.
    """
    if not models:
        return None
    folds = (
        {row.summary.architecture: row.summary.macro_f1.mean for row in view.rows if row.is_complete} if view else {}
    )
    if view is not None and any(model.result.architecture in folds for model in models):
        scored_by, scores = f"over the folds of {view.title.lower()}", folds
    else:
        scored_by = "on the test subjects"
        scores = {model.result.architecture: model.scores("test").macro_f1 for model in models}
    return Costs(
        models=tuple(models),
        scored_by=scored_by,
        scores=scores,
        machines=tuple(dict.fromkeys((m.result.latency.machine, m.result.latency.num_threads) for m in models)),
    )
