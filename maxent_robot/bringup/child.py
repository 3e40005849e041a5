"""Runs one node module and ends it when the process that started it is gone, however that one ended.

`python -m maxent_robot.bringup.child MODULE ARGUMENTS...` (see `maxent_robot.child_process`). When the parent is dead,
the node gets SIGINT, so that it can stop what it moves, and SIGKILL if that does not end it.
"""

from __future__ import annotations

import os
import signal
import time

from maxent_robot.child_process import run_module

GRACE_S = 5.0
"""From SIGINT to SIGKILL after the parent's death."""


def _end() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE_S)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    run_module(_end)
