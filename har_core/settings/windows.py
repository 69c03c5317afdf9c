"""``[windows]``: how recordings are cut and labelled, and what happens to damage that the audit found."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from har_core.settings.base import Settings

MAX_LENGTH = 7500
"""Longest window, in samples: five minutes at 25 Hz."""

_Names = Annotated[tuple[str, ...], Field(min_length=1)]


class WindowSettings(Settings):
    """How recordings are cut."""

    activities: _Names | Annotated[dict[str, _Names], Field(min_length=1)] | None = None
    """Activities that are cut, in class order: names, or a table from new names to the names that each merges."""
    none: Literal["drop", "class", "test"] = "drop"
    """Rows that are none of the activities: cut none, make a class of them, or make one that stands in test alone."""
    label_rule: Literal["pure", "majority"] = "pure"
    """A window has the activity of all of its rows, or of most of them; where it has none, it is not cut."""
    label_share: float = Field(default=0.5, ge=0.5, lt=1.0)
    """Share of the rows above which ``majority`` counts."""
    sampling_rate_hz: float | None = Field(default=None, ge=0.01, le=100_000)
    """Rate of the windows; that of the recordings if absent."""
    longest_gap_s: float = Field(default=0.5, gt=0)
    """Longest time without a row that does not break a recording, where its rows have times."""
    longest_interpolation_s: float = Field(default=0.2, ge=0)
    """Longest stretch of missing values of a channel that is interpolated; a longer one breaks the recording."""
    join_segments: bool = False
    """Whether a window may run on into the next part of a recording, where the audit found the join continuous."""
    length: int = Field(default=125, ge=1, le=MAX_LENGTH)
    """Samples in a window; a part of a DSADS recording has 125, so longer windows need ``join_segments``."""
    length_s: float | None = Field(default=None, gt=0)
    """The same in seconds; one of the two may be written."""
    overlap: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of a window that the next one repeats."""
    step: int | None = Field(default=None, ge=1)
    """In its place: samples from the start of a window to the next."""
    step_s: float | None = Field(default=None, gt=0)
    """In their place: the same in seconds."""
    damaged: Literal["flag", "keep", "repair", "fill", "drop"] = "flag"
    """What to do with windows that touch a damaged run: flag, use as they are, repair or fill them, or cut none."""
    longest_repair: int = Field(default=5, ge=1, le=125)
    """Longest damaged run that ``repair`` interpolates, in samples; 5 samples are 0.2 s at 25 Hz."""

    @model_validator(mode="after")
    def _one_way_each(self) -> Self:
        for ways in (("length", "length_s"), ("overlap", "step", "step_s")):
            written = [name for name in ways if name in self.model_fields_set and getattr(self, name) is not None]
            if len(written) > 1:
                raise ValueError(f"one of {', '.join(ways)}; written: {', '.join(written)}")
        if "label_share" in self.model_fields_set and self.label_rule != "majority":
            raise ValueError('label_share only with label_rule = "majority"')
        return self

    @property
    def fills_gaps(self) -> bool:
        """Whether zeros of a unit are filled, in windows and by the models that are made from them."""
        return self.damaged == "fill"

    def samples(self, sampling_rate_hz: float) -> int:
        """Samples in a window at this rate: ``length``, or the whole number nearest to ``length_s``, at least 1.

        >>> WindowSettings().samples(50.0), WindowSettings(length_s=2.56).samples(50.0)
        (125, 128)
        """
        return self.length if self.length_s is None else max(1, round(self.length_s * sampling_rate_hz))

    def stride(self, sampling_rate_hz: float) -> int:
        """Samples from the start of a window to the next at this rate, at least 1.

        >>> [WindowSettings(**way).stride(50.0) for way in ({}, {"overlap": 0.5}, {"step": 10}, {"step_s": 1.0})]
        [125, 63, 10, 50]
        """
        if self.step_s is not None:
            return max(1, round(self.step_s * sampling_rate_hz))
        return self.step or stride_of(self.samples(sampling_rate_hz), self.overlap)


def stride_of(length: int, overlap: float) -> int:
    """Samples from the start of one window to the next: what the overlap leaves, in whole samples, at least 1.

    >>> stride_of(125, 0.0), stride_of(50, 0.5), stride_of(50, 0.999)
    (125, 25, 1)
    """
    return max(1, length - round(length * overlap))
