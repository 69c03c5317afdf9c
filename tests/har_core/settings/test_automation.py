import pytest
from pydantic import ValidationError

from har_core.settings.automation import AutomationSettings


@pytest.mark.parametrize("line", ["* * * * *", "0 2 * * *", "*/5 1-3 1,15 * 0", "59 23 31 12 7", "0 0 1-31/2 */3 *"])
def test_cron_lines(line: str) -> None:
    assert AutomationSettings(refresh=line, retraining=line).refresh == line


NO_CRON_LINES = """

0 2 * *
0 2 * * * *
60 * * * *
* 24 * * *
* * 0 * *
* * * 13 *
5-1 * * * *
a * * * *
*/0 * * * *
1, * * * *
@daily"""


@pytest.mark.parametrize("line", NO_CRON_LINES.splitlines()[1:])
def test_what_is_no_cron_line_is_refused_with_what_was_expected(line: str) -> None:
    with pytest.raises(ValidationError, match="a cron line"):
        AutomationSettings(refresh=line)


def test_time_zones() -> None:
    assert AutomationSettings(timezone="Europe/Berlin").timezone == "Europe/Berlin"
    with pytest.raises(ValidationError, match="IANA"):
        AutomationSettings(timezone="Berlin")


def test_looks_need_some_time_between_them() -> None:
    with pytest.raises(ValidationError):
        AutomationSettings(seconds_between_looks=0)


@pytest.mark.parametrize("minute", ["*", "0", "59", "*/7", "3-9", "3-9/2", "1,2,3"])
def test_dagster_agrees_on_what_a_cron_line_is(minute: str) -> None:
    from dagster._utils.schedules import is_valid_cron_schedule  # noqa: PLC0415 - the core knows nothing of Dagster

    assert is_valid_cron_schedule(AutomationSettings(refresh=f"{minute} 1 * * *").refresh)
