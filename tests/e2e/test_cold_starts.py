"""Every command as a shell starts it, in a home where everything ran: it finds its imports, and ends well."""

import pytest
from typer.main import get_command

from pipelines.cli.main import app

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

COMMANDS = {*get_command(app).commands}
ENDLESS = {"ui"}
"""Started cold in ``test_servers``."""


@pytest.fixture(scope="module", autouse=True)
def _ran(har):
    har("run", har.experiment, "--data", har.data)


@pytest.mark.parametrize("command", sorted(COMMANDS - ENDLESS))
def test_it_does_its_work_and_says_no_more(har, command):
    arguments = {"run": [har.experiment], "status": [har.experiment], "predict": [har.data], "audit": [har.data]}
    done = har.cold(command, *arguments.get(command, []))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == har(command, *arguments.get(command, [])).stdout


def test_help_and_mistakes(har):
    told = har.cold("--help").stdout
    assert {command for command in COMMANDS if command in told} == COMMANDS
    assert "No such command 'fly'" in har.cold("fly").stderr
