"""How the commands of this folder end."""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from types import FrameType

from maxent_robot.errors import MaxentRobotError


def exit_status(parser: ArgumentParser, work: Callable[[], int]) -> int:
    """What `work` returns; 1, with one line, where it raises an error of ours, and 130 where it is interrupted."""
    end_in_order()
    try:
        return work()
    except MaxentRobotError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def end_in_order() -> None:
    """Let SIGTERM leave the `with` blocks of this process, and so end its contenders."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)
