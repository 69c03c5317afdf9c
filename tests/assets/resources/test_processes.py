import os
import subprocess
import sys
from pathlib import Path

import pytest

from assets.resources.processes import is_dead, name_process


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="the system does not say so")
def test_a_process_that_nobody_has_asked_for_its_end_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        name = name_process(child.pid)
        assert not is_dead(name)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert is_dead(name)
