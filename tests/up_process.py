"""A `maxent-robot up` as a process, for the tests that need the whole graph.

from up_process import Up, ups  # the fixture
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ros_support import RosGraph

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT_S = 90.0


class Up:
    """A `maxent-robot up` and what it prints."""

    def __init__(self, graph: RosGraph, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "maxent_robot.cli.main", "up", "--domain-id", str(graph.domain_id), *arguments],
            env=graph.environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(line.rstrip("\n") for line in self.process.stderr)

    def wait_for(self, pattern: str) -> str:
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            for line in self.output().splitlines():
                if re.search(pattern, line):
                    return line
            assert self.process.poll() is None, self.output()
            time.sleep(0.05)
        raise AssertionError(f"no line {pattern!r}\n{self.output()}")

    def output(self) -> str:
        return "\n".join(self.lines)

    def pids(self) -> dict[str, int]:
        line = self.wait_for("started ")
        return {name: int(pid) for name, pid in re.findall(r"(\w+) \(pid (\d+)\)", line)}

    def end(self, number: signal.Signals | None = None) -> int:
        if number is not None:
            self.process.send_signal(number)
        status = self.process.wait(TIMEOUT_S)
        self._reader.join(TIMEOUT_S)
        return status


@pytest.fixture
def ups() -> Iterator[list[Up]]:
    started: list[Up] = []
    yield started
    for up in started:
        if up.process.poll() is None:
            up.end(signal.SIGKILL)
