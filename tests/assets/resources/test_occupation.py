import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import dagster as dg
import pytest
from narrowing import present

from assets.resources.home import Home
from assets.resources.occupation import HomeResource, is_occupied, occupied
from har_core.base.errors import HomeBusyError


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.dagster.mkdir(parents=True)
    return home


@pytest.fixture
def holder(home: Home) -> Iterator[subprocess.Popen[str]]:
    """Another process at work in the home."""
    with subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:
        try:
            stdin = present(it.stdin)
            stdin.write(f"{home.root}\n")
            stdin.flush()
            assert present(it.stdout).readline() == "held\n"
            yield it
        finally:
            it.send_signal(signal.SIGKILL)


HOLD = """
import sys, time
from pathlib import Path
from assets.resources.home import Home
from assets.resources.occupation import occupied
sys.argv = ["har", "run", "a.toml"]
with occupied(Home(Path(sys.stdin.readline().strip()))):
    print("held", flush=True)
    time.sleep(60)
"""


def test_second_process_names_the_holder_and_a_dead_one_does_not_block(
    home: Home, holder: subprocess.Popen[str]
) -> None:
    for _ in range(2):  # a refused attempt must not lose the holder's name
        with pytest.raises(HomeBusyError) as caught, occupied(home):
            pass
        assert f"process {holder.pid} (har run a.toml) since 20" in str(caught.value)
        assert caught.value.exit_code == 1
    assert is_occupied(home)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert home.lock.with_suffix(".holder.json").exists()
    assert not is_occupied(home)
    with occupied(home):
        assert json.loads(home.lock.with_suffix(".holder.json").read_text())["pid"] == os.getpid()
    with occupied(home):
        pass


def test_a_holder_of_another_host_is_told_by_the_lock(home: Home, holder: subprocess.Popen[str]) -> None:
    file = home.lock.with_suffix(".holder.json")
    told = json.loads(file.read_text())
    file.write_text(json.dumps(told | {"process": "elsewhere:1:2"}))
    assert is_occupied(home)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert not is_occupied(home)


def test_the_holder_itself_may_enter_again(home: Home) -> None:
    with occupied(home, "outer") as outer, occupied(home, "inner") as inner:
        assert (outer, inner) == (True, False)
        assert json.loads(home.lock.with_suffix(".holder.json").read_text())["command"] == "outer"
    assert not home.lock.with_suffix(".holder.json").exists()
    assert not is_occupied(home)


@pytest.fixture
def job(home: Home) -> dg.JobDefinition:
    """A Dagster run that needs the home, and says what it saw there."""

    @dg.op
    def look(context: dg.OpExecutionContext, home: HomeResource) -> str:
        with pytest.raises(HomeBusyError) as caught:
            in_another_thread(lambda: occupied(home.home()))
        return str(caught.value)

    @dg.job(resource_defs={"home": HomeResource(root=str(home.root))})
    def job() -> None:
        look()

    return job


def in_another_thread(make: Callable[[], AbstractContextManager[object]]) -> None:
    """Enter the context that ``make`` gives; what it raises is raised here. A thread counts as another process."""
    raised = []

    def enter() -> None:
        try:
            with make():
                pass
        except HomeBusyError as error:
            raised.append(error)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def test_a_dagster_run_holds_the_home_until_it_ends(home: Home, job: dg.JobDefinition) -> None:
    result = job.execute_in_process()
    assert f"(Dagster run {result.run_id})" in result.output_for_node("look")
    with occupied(home) as is_new:
        assert is_new


def test_a_dagster_run_waits_for_who_is_at_work_and_says_so(
    home: Home, job: dg.JobDefinition, holder: subprocess.Popen[str]
) -> None:
    threading.Timer(1.0, holder.send_signal, [signal.SIGKILL]).start()
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance)
        logged = [entry.message for entry in instance.all_logs(result.run_id)]
    assert result.success
    assert any(f"Waits for process {holder.pid} (har run a.toml) since" in message for message in logged), logged
