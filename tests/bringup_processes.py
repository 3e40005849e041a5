"""Processes that misbehave, for the tests of the bring-up: `python -m bringup_processes` with the node's ROS arguments.

The node name says what it does: `deaf` ignores SIGINT and SIGTERM, `broken` prints an error and ends, any other waits
for SIGINT. Each writes its process identifier to a file named after it in the directory PROCESS_DIRECTORY.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    name = next(word.split(":=")[1] for word in sys.argv if word.startswith("__node:="))
    if name == "deaf":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(os.environ["PROCESS_DIRECTORY"], name).write_text(str(os.getpid()))
    print(f"{name} is up", flush=True)
    if name == "broken":
        print("[ERROR] [1.0] [broken]: cannot configure: the sensor is unplugged", file=sys.stderr, flush=True)
        sys.exit(3)
    try:
        while True:
            time.sleep(0.05)
    except KeyboardInterrupt:
        print(f"{name} ends", flush=True)


if __name__ == "__main__":
    main()
