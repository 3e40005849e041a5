"""Runs one node module and ends it when the process that started it is gone, however that one ended.

`python -m maxent_robot.bringup.child MODULE ARGUMENTS...`: standard input is a pipe that the parent holds open and
never writes to. Its end means that the parent is dead: the node gets SIGINT, so that it can stop what it moves, and
SIGKILL if that does not end it.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

GRACE_S = 5.0
"""From SIGINT to SIGKILL after the parent's death."""


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE_S)
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Run the module named by the first argument as `__main__`, with the arguments after it."""
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    module = sys.argv[1]
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
