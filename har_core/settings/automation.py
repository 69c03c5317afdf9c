"""``[automation]``: when schedules start work. Not part of any version, because it changes no result."""

import re
from zoneinfo import available_timezones

from pydantic import Field, field_validator

from har_core.settings.base import Settings

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("day of the week", 0, 7))
_PART = re.compile(r"(?:\*|(?P<first>[0-9]{1,2})(?:-(?P<last>[0-9]{1,2}))?)(?:/(?P<step>[1-9][0-9]?))?")


class AutomationSettings(Settings):
    """Times of the schedules and sensors, which are off until someone switches them on."""

    refresh: str = "0 2 * * *"
    """When to refresh what is stale, as a cron line; every night by default."""
    retraining: str = "0 4 * * 0"
    """When to train the models again with another seed, as a cron line; every Sunday by default."""
    timezone: str = "UTC"
    """Time zone of both, as in ``Europe/Berlin``."""
    seconds_between_looks: int = Field(default=30, ge=1)
    """Seconds between two looks of the sensors at the source and at what is stale."""

    @field_validator("refresh", "retraining")
    @classmethod
    def _is_cron_line(cls, value: str) -> str:
        parts = value.split()
        if len(parts) != len(_FIELDS):
            raise ValueError("a cron line of five fields: minute, hour, day, month, day of the week")
        for text, (name, low, high) in zip(parts, _FIELDS, strict=True):
            if not all(_is_within(part, low, high) for part in text.split(",")):
                raise ValueError(
                    f"a cron line whose {name} is * or numbers from {low} to {high}, such as 5, 1-5, 1,3 or */2"
                )
        return value

    @field_validator("timezone")
    @classmethod
    def _is_timezone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("a time zone of the IANA database, as in Europe/Berlin")
        return value


def _is_within(part: str, low: int, high: int) -> bool:
    """Whether ``part``, one of the entries between commas in a cron field, is valid."""
    found = _PART.fullmatch(part)
    if found is None:
        return False
    first = found["first"] or low  # * is every number
    return low <= int(first) <= int(found["last"] or first) <= high
