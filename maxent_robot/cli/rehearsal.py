"""What rehearsals share: a place for the results, a ROS domain of their own, an end that leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from maxent_robot.errors import ConfigError

if TYPE_CHECKING:
    from rclpy.context import Context

    from maxent_robot.bringup import BringupError, LifecycleManager, NodeProcess, ProcessGroup

START_TIMEOUT_S, STATUS_PERIOD_S = 60.0, 0.1
_REVIVALS = 5
"""Times that processes may die while they are brought up."""


def output_directory(chosen: Path | None) -> Path:
    """The directory for the results, made and empty: the chosen one, or one named by the time.

    Raises:
        ConfigError: it exists and is not empty, or can't be made.
    """
    directory = chosen or Path("reports") / datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigError(f"--output: '{directory}' exists and is not an empty directory")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--output: '{directory}' cannot be made: {error.strerror}") from error
    return directory


def free_domain(listen_s: float = 0.5) -> int:
    """A ROS domain of 1 to 100 on which no node of this machine is seen: the demo must reach no other arm."""
    import rclpy

    for attempt in range(10):
        domain_id = 1 + (os.getpid() + 37 * attempt) % 100
        context = rclpy.Context()
        rclpy.init(args=[], context=context, domain_id=domain_id)
        node = rclpy.create_node("listener", context=context, use_global_arguments=False, enable_rosout=False)
        try:
            time.sleep(listen_s)
            if set(node.get_node_names()) <= {"listener"}:
                return domain_id
        finally:
            node.destroy_node()
            context.try_shutdown()
    raise ConfigError("no free ROS domain found: name one with --domain-id")


class Interruption:
    """Ctrl-C, SIGTERM and SIGHUP end the run where it next asks, so that no process stays behind.

    Raised wherever it came, an interruption is lost in a call of the middleware, which makes a RuntimeError of it. The
    second one does not wait.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self._came = False

    def check(self) -> None:
        """Raise KeyboardInterrupt if one came."""
        if self._came:
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.check()
        self._came = True

    def __enter__(self) -> Interruption:
        self._previous = {number: signal.signal(number, self._note) for number in self.SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        if kind is None:
            self.check()


@dataclass(frozen=True)
class Rehearsal:
    """A graph that runs.

    Attributes:
        group: its processes.
        manager: of the lifecycle of its nodes.
        context: of ROS, for nodes of this process.
        alive: raises when a process has ended, or an interruption came.
    """

    group: ProcessGroup
    manager: LifecycleManager
    context: Context
    alive: Callable[[], None]


@contextlib.contextmanager
def rehearsal(
    processes: Sequence[NodeProcess],
    names: Sequence[str],
    directory: Path,
    domain_id: int | None,
    interruption: Interruption,
    revived: Sequence[str] = (),
    private: bool = True,
) -> Iterator[Rehearsal]:
    """Start the processes, bring them up, and end every one of them, whatever happens.

    Args:
        processes: in the order they are started.
        names: of all of them, in the order they are activated.
        directory: for `nodes.log`, what they print.
        domain_id: of ROS; where not given, one that nothing uses, or that of the environment where not private.
        interruption: ends it.
        revived: names of processes whose end is no end of the graph; whoever runs it starts them again.
        private: whether no node of another machine is to be seen.

    Raises:
        BringupError: a node did not come up.
    """
    import rclpy
    from rclpy.executors import ExternalShutdownException

    from maxent_robot.bringup import BringupError, GraphOptions, LifecycleManager, ProcessGroup

    if private:
        os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
        domain_id = free_domain() if domain_id is None else domain_id
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((directory / "nodes.log").open("a", encoding="utf-8"))
        group = ProcessGroup(
            processes,
            GraphOptions(domain_id=domain_id),
            echo=lambda name, line: print(f"[{name}] {line}", file=log, flush=True),
        )
        stack.enter_context(group)
        started = ", ".join(process.name for process in group.processes)
        where = "" if domain_id is None else f" on ROS domain {domain_id}"
        print(f"starting {started}{where}", flush=True)

        up = False

        def alive() -> None:
            interruption.check()
            for name, reason in group.ended().items():
                if not up or name not in revived:
                    raise BringupError(f"{name}: {reason}")

        manager = stack.enter_context(LifecycleManager("", domain_id, alive, group.reason))
        _bring_up(group, manager, names, revived)
        up = True
        context = rclpy.Context()
        rclpy.init(args=[], context=context, domain_id=domain_id)
        stack.callback(context.try_shutdown)
        try:
            yield Rehearsal(group, manager, context, alive)
        except ExternalShutdownException as error:
            raise KeyboardInterrupt from error


def _bring_up(group: ProcessGroup, manager: LifecycleManager, names: Sequence[str], revived: Sequence[str]) -> None:
    """Bring every process up; those that may die meanwhile are started again.

    Raises:
        BringupError: one did not come up, or died that must not, or died too often.
    """
    waiting, left = list(names), _REVIVALS
    while waiting:
        if (problem := _problem(manager, waiting[0])) is None:
            del waiting[0]
            continue
        died = [name for name in group.ended() if name in revived]
        left -= 1
        if not died or not left:
            raise problem
        for name in died:
            group.restart(name)
        waiting += [name for name in died if name not in waiting]


def _problem(manager: LifecycleManager, name: str) -> BringupError | None:
    """Why a process could not be brought up; None if it could."""
    from maxent_robot.bringup import BringupError

    try:
        manager.bring_up([name], START_TIMEOUT_S)
    except BringupError as error:
        return error
    return None


class StatusLine:
    """One line that is written over; nothing where standard output is not a terminal."""

    def __init__(self) -> None:
        self._shown_s = 0.0
        self._enabled = sys.stdout.isatty()

    def show(self, text: str) -> None:
        """Write it, but not too often."""
        now_s = time.monotonic()
        if self._enabled and now_s - self._shown_s >= STATUS_PERIOD_S:
            self._shown_s = now_s
            print(f"\r\x1b[K{text}", end="", flush=True)

    def clear(self) -> None:
        """Make room for a line that stays."""
        if self._enabled:
            print("\r\x1b[K", end="")
