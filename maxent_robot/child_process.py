"""A process that knows when its parent is gone: its standard input is a pipe that the parent never writes to.

The end of that pipe means that the parent is dead, however it died, or that it asks the child to end by closing it.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading
from collections.abc import Callable


def run_module(end: Callable[[], None]) -> None:
    """Run the module named by the first argument as `__main__`, with the arguments after it.

    Args:
        end: called in a thread of its own once standard input has ended.
    """
    threading.Thread(target=_wait_for_end, args=(end,), name="parent", daemon=True).start()
    module = sys.argv[1]
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _wait_for_end(end: Callable[[], None]) -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    end()
