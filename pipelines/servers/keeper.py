"""Ends a process group once the process that keeps it is gone, however that ended: killed, crashed, or out of memory.

Run as a script, as the leader of the group, with a pipe as its input that the keeping process alone holds open. It
imports nothing of ours, so that it is small.
"""

import os
import signal
import sys
import time

GRACE_S = 10.0
"""From asking to killing: a run that is asked to end closes what it has open."""


def main() -> None:
    """Wait for the end of the input, then end the group, this process included."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_S)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
