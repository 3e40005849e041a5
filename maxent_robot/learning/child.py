"""Runs a module as `__main__` until standard input ends, which is a request to stop as by SIGTERM.

`python -m maxent_robot.learning.child MODULE ARGUMENTS...`: standard input is a pipe that the parent holds open and
never writes to. So a training run writes its checkpoint and ends both when its parent asks for it and when the parent
is dead, however that died.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def _stop_with_input() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)  # SIGINT is blocked in what a worker of Ray starts


def main() -> None:
    """Run the module named by the first argument, with the arguments after it."""
    threading.Thread(target=_stop_with_input, name="parent", daemon=True).start()
    module = sys.argv[1]
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
