"""Processes of a graph: start them, watch them, and end every one of them, whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO

from maxent_robot.bringup.graph import NodeProcess, ParameterValue
from maxent_robot.errors import MaxentRobotError

STOP_STEPS = ((signal.SIGINT, 5.0), (signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0))
"""Signals that end a process, and the seconds each is given."""

_TAIL_LINES = 60


class BringupError(MaxentRobotError):
    """A process of the graph did not come up, or died."""


@dataclass(frozen=True)
class GraphOptions:
    """What all processes of a graph share.

    Attributes:
        namespace: of every node, for example `/cell_1`; empty for none.
        domain_id: ROS domain; None keeps the environment's.
        log_level: `debug`, `info`, `warn`, `error` or `fatal`.
        params_file: ROS parameter file read by every node; it wins over the graph, the command line over it.
    """

    namespace: str = ""
    domain_id: int | None = None
    log_level: str = "info"
    params_file: Path | None = None


class ProcessGroup:
    """The processes of a graph, as a context manager: leaving it ends all of them.

    Each process runs in its own session, so that a terminal's Ctrl-C reaches the parent only, which then ends them.
    Each also ends by itself when the parent dies, even by SIGKILL (see :mod:`maxent_robot.bringup.child`).

    Args:
        processes: what to start, in this order.
        options: shared by all.
        echo: takes each line that a process prints, as (node name, line without its end); standard error by default.
    """

    def __init__(
        self,
        processes: Sequence[NodeProcess],
        options: GraphOptions | None = None,
        echo: Callable[[str, str], None] | None = None,
    ) -> None:
        self.processes = tuple(processes)
        self.options = options or GraphOptions()
        self._echo = echo or _print_line
        self._children: dict[str, subprocess.Popen[str]] = {}
        self._tails: dict[str, deque[str]] = {}
        self._readers: dict[str, threading.Thread] = {}
        self._scratch = tempfile.TemporaryDirectory(prefix="maxent_robot_")

    def __enter__(self) -> ProcessGroup:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pids(self) -> dict[str, int]:
        """Process identifier of each started node."""
        return {name: child.pid for name, child in self._children.items()}

    def start(self) -> None:
        """Start every process.

        Raises:
            BringupError: a process can't be started; those already running go on until :meth:`stop`.
        """
        for process in self.processes:
            self._start(process)

    def restart(self, name: str, overrides: Mapping[str, ParameterValue] | None = None) -> None:
        """Start a process again that has ended, with other parameters where some are given.

        Raises:
            BringupError: it can't be started.
        """
        self._readers[name].join(timeout=1.0)
        _close_streams(self._children[name])
        process = next(process for process in self.processes if process.name == name)
        self._start(replace(process, overrides={**process.overrides, **(overrides or {})}))

    def ended(self) -> dict[str, str]:
        """Why each process has ended that has: its exit status and the last error it printed, by name."""
        found = {}
        for name, child in self._children.items():
            if child.poll() is not None:
                self._readers[name].join(timeout=1.0)
                found[name] = f"process {_status(child.returncode)}{self.reason(name)}"
        return found

    def check(self) -> None:
        """Say whether every process still runs.

        Raises:
            BringupError: one has ended; the line names it, its exit status and the last error it printed.
        """
        for name, reason in self.ended().items():
            raise BringupError(f"{name}: {reason}")

    def reason(self, name: str) -> str:
        """`: ` and the last error line that a process printed, or nothing when it printed none."""
        lines = [line for line in self._tails.get(name, ()) if line.strip()]
        errors = [line for line in lines if "[ERROR]" in line or "[FATAL]" in line]
        if errors:
            return ": " + errors[-1].split("]: ", 1)[-1].strip()
        died = name in self._children and self._children[name].poll() is not None
        return ": " + lines[-1].strip() if lines and died else ""

    def stop(self) -> None:
        """End every process: SIGINT, then SIGTERM, then SIGKILL; a second Ctrl-C meanwhile does not break it off."""
        with _deferred_interrupt():
            for number, grace_s in STOP_STEPS:
                running = [child for child in reversed(self._children.values()) if child.poll() is None]
                for child in running:
                    _signal_session(child.pid, number)
                deadline = time.monotonic() + grace_s
                for child in running:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        child.wait(timeout=max(0.0, deadline - time.monotonic()))
            for name, child in self._children.items():
                self._readers[name].join(timeout=1.0)
                _close_streams(child)
            self._scratch.cleanup()

    def _start(self, process: NodeProcess) -> None:
        environment = dict(os.environ, PYTHONUNBUFFERED="1")
        if self.options.domain_id is not None:
            environment["ROS_DOMAIN_ID"] = str(self.options.domain_id)
        arguments = process.command(
            Path(self._scratch.name), self.options.namespace, self.options.log_level, self.options.params_file
        )
        try:
            child = subprocess.Popen(
                [sys.executable, "-m", "maxent_robot.bringup.child", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise BringupError(f"{process.name}: can't start the process: {error}") from error
        self._children[process.name] = child
        self._tails[process.name] = deque(maxlen=_TAIL_LINES)
        reader = threading.Thread(target=self._read, args=(process.name, child.stdout), daemon=True)
        reader.start()
        self._readers[process.name] = reader

    def _read(self, name: str, stream: IO[str] | None) -> None:
        if stream is None:
            return
        with contextlib.suppress(ValueError):  # closed while reading: the group is being stopped
            for line in stream:
                text = line.rstrip("\n")
                self._tails[name].append(text)
                self._echo(name, text)


def _close_streams(child: subprocess.Popen[str]) -> None:
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            stream.close()


def _signal_session(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)


def _status(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit status {code}"


def _print_line(name: str, line: str) -> None:
    print(f"[{name}] {line}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _deferred_interrupt() -> Iterator[None]:
    """Ignore SIGINT and SIGTERM inside; only the main thread can, so elsewhere this does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ignore(number: int, frame: FrameType | None) -> None:
        """The group is already being stopped."""

    previous = {number: signal.signal(number, ignore) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
