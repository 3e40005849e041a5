"""Where a figure comes from: command, revision, date and machine, as plain data beside it."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from maxent_robot.cores import usable_cores
from maxent_robot.learning.run_directory import revision

ROOT = Path(__file__).resolve().parent.parent


def provenance(command: Sequence[str]) -> dict[str, Any]:
    """Command, git revision, date, CPU, cores and load average as they are now."""
    return {
        "command": portable(command),
        "revision": revision(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machine(),
    }


def machine() -> dict[str, Any]:
    """Model of the CPU, cores that this process may use, and the load averages over 1, 5 and 15 minutes."""
    return {
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def cpu_model() -> str:
    """The model as the kernel names it; where it does not, the architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def portable(command: Sequence[str]) -> str:
    """A command line without what is peculiar to this machine: the path of the checkout and of the interpreter."""
    words = ["python" if word == sys.executable else word.replace(f"{ROOT}{os.sep}", "") for word in command]
    return shlex.join(words)
