"""Runs a module until standard input ends, which is a request to stop as by SIGTERM.

`python -m maxent_robot.learning.campaigns.child MODULE ARGUMENTS...` (see `maxent_robot.child_process`). So a training
run writes its checkpoint and ends both when its parent asks for it and when the parent is dead.
"""

from __future__ import annotations

import os
import signal

from maxent_robot.child_process import run_module


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)  # SIGINT is blocked in what a worker of Ray starts


if __name__ == "__main__":
    run_module(_stop)
