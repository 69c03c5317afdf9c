"""One ``har ui`` for a home, and where its servers listen."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from assets.resources.home import Home
from assets.resources.processes import current_process
from har_core.base.errors import HomeBusyError
from pipelines.servers.claim import claimed, folder_of_sockets, links_file, write_links


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.dagster.mkdir()
    return home


def test_a_second_claim_is_told_who_has_it_and_not_the_secret(home: Home) -> None:
    with claimed(home):
        write_links(home, {"Dagster": "http://127.0.0.1:1/?key=hidden", "MLflow": "http://127.0.0.1:2/?key=hidden"})
        assert stat.S_IMODE(links_file(home).stat().st_mode) == 0o600
        with pytest.raises(HomeBusyError) as caught, claimed(home):
            pass
    told = str(caught.value)
    assert f"process {os.getpid()} since" in told
    assert "Dagster at http://127.0.0.1:1/, MLflow at http://127.0.0.1:2/" in told
    assert "hidden" not in told
    assert not links_file(home).exists()
    with claimed(home):
        pass


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"process": 3}'])
def test_a_claim_of_which_nothing_is_known(home: Home, content: str) -> None:
    with claimed(home):
        links_file(home).write_text(content)
        with pytest.raises(HomeBusyError, match="is served by another process"), claimed(home):
            pass


def test_a_claim_ends_with_its_process(home: Home) -> None:
    code = """
import os, sys
from pathlib import Path
from assets.resources.home import Home
from pipelines.servers.claim import claimed, write_links
with claimed(Home(Path(sys.argv[1]))):
    write_links(Home(Path(sys.argv[1])), {"Dagster": "", "MLflow": ""})
    os._exit(9)
"""
    done = subprocess.run([sys.executable, "-c", code, str(home.root)], check=False)
    assert done.returncode == 9
    assert json.loads(links_file(home).read_text())["process"] != current_process()
    with claimed(home):
        pass


def test_sockets_lie_in_a_private_folder_of_the_home_that_is_empty() -> None:
    with tempfile.TemporaryDirectory() as short:
        _check_folder_of_sockets(Home(Path(short)))


def _check_folder_of_sockets(home: Home) -> None:
    (home.dagster / "ui").mkdir(parents=True)
    (home.dagster / "ui" / "mlflow.py").touch()
    before = os.umask(0)
    try:
        with folder_of_sockets(home) as folder:
            assert folder == home.dagster / "ui"
            assert [*folder.iterdir()] == []
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        os.umask(before)
    assert not folder.exists()


def test_sockets_lie_elsewhere_where_the_home_has_too_long_a_path(tmp_path: Path) -> None:
    home = Home(tmp_path / ("x" * 60) / ("é" * 30))
    home.dagster.mkdir(parents=True)
    with folder_of_sockets(home) as folder:
        assert len(os.fsencode(folder)) < 80
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()
