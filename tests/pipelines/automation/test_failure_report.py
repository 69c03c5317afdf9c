from pathlib import Path

import dagster as dg
import pytest

from assets.resources.home import Home
from har_core.base.errors import InputError, Problem
from pipelines.automation.failure_report import write_failure_report


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def page_of(home: Home, error: Exception, tags: dict[str, str] | None = None) -> str:
    """The page that the sensor writes of a run whose one asset raises ``error``."""

    @dg.asset(key=["models", "lstm"])
    def asset() -> None:
        try:
            raise error
        except ValueError as cause:
            raise RuntimeError("around it") from cause

    with dg.DagsterInstance.ephemeral() as instance:
        job = dg.Definitions([asset]).resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
        context = dg.build_run_status_sensor_context(
            sensor_name="failure_report",
            dagster_event=result.get_run_failure_event(),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
        ).for_run_failure()
        path = write_failure_report(context, home)
    assert path.parent == home.failures
    assert path.name.endswith(f"-{result.run_id[:8]}.md")
    return path.read_text(encoding="utf-8")


def test_a_refused_input_is_told_in_its_own_words(home: Home) -> None:
    problem = Problem(path="a01/p1/s01.txt", line=3, value="none", expected="a number")
    home.problems.write_text("...")
    page = page_of(
        home, InputError("The recordings cannot be read", [problem]), {"dagster/schedule_name": "nightly_refresh"}
    )
    assert page.startswith("# models/lstm failed\n")
    assert "started by the schedule nightly_refresh" in page
    assert "    The recordings cannot be read" in page
    assert "a01/p1/s01.txt" in page
    assert f"`{home.problems}`" in page
    assert "Traceback" not in page
    assert "http://127.0.0.1:3000/runs/" in page


def test_a_mistake_of_ours_is_told_by_its_innermost_cause(home: Home) -> None:
    page = page_of(home, ValueError("deep down"))
    assert "    ValueError: deep down" in page
    assert "started by `har run`" in page
    assert "problems" not in page
