"""``[evaluation]`` and ``[report]``: what is measured of a trained model, and how it is shown."""

from pydantic import Field

from har_core.settings.base import Settings


class EvaluationSettings(Settings):
    """How latency and throughput are measured."""

    latency_repeats: int = Field(default=50, ge=3)
    """Timed batch-1 calls, after the warm-up."""
    latency_warmup: int = Field(default=10, ge=1)
    """Calls before the clock starts."""
    throughput_batch_size: int = Field(default=128, ge=1)
    """Windows in one call when throughput is measured."""


class ReportSettings(Settings):
    """The comparison report."""

    title: str = "Human-activity recognition: a comparison"
    """Heading of the report."""
