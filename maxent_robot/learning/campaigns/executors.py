"""Where the processes of a campaign run: on this machine, or on the nodes of a Ray cluster.

Both start `maxent-robot` with given words in a process of its own, a few at a time, and answer with a future of its
exit status. A stop closes the standard input of what runs (see `child`) and starts nothing more.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock
from types import TracebackType
from typing import Any

from maxent_robot.errors import MaxentRobotError

POLL_S = 0.1
"""Time between two looks at whether a stop was asked for."""

KNOCK_S = 10.0
"""Time that a Ray cluster has to take a connection."""


class ExecutorError(MaxentRobotError):
    """A process can't be run where it should."""


class AbandonedError(ExecutorError):
    """Nobody waits for the process any more."""


class Executor(ABC):
    """Runs commands, `jobs` at a time; leaving the `with` block kills what still runs."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._stopped, self._abandoned = Event(), Event()
        self._pool = ThreadPoolExecutor(jobs, thread_name_prefix="run")

    def submit(self, words: Sequence[str], log: Path) -> Future[int | None]:
        """Run `maxent-robot WORDS`, its output added to the file `log`.

        Returns:
            A future of the exit status, negative for a signal; None if a stop came before the start.
        """
        return self._pool.submit(self._run, list(words), log)

    def stop(self) -> None:
        """Start nothing more, and ask what runs to stop at its next safe point."""
        self._stopped.set()

    def close(self) -> None:
        """Kill what still runs."""
        self._stopped.set()
        self._abandoned.set()
        self._pool.shutdown()

    @abstractmethod
    def _run(self, words: list[str], log: Path) -> int | None:
        """Run one command to its end, in a thread of its own."""

    def __enter__(self) -> Executor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class LocalExecutor(Executor):
    """Runs commands on this machine."""

    def _run(self, words: list[str], log: Path) -> int | None:
        return run_command(words, log, self._is_stopped)

    def _is_stopped(self) -> bool:
        if self._abandoned.is_set():
            raise AbandonedError("the campaign has ended")
        return self._stopped.is_set()


class RayExecutor(Executor):
    """Runs commands on the nodes of a Ray cluster, one core each; all of them must see the files under the same paths.

    Args:
        address: of a running cluster; None for that of the environment variable RAY_ADDRESS, else one that runs on this
            machine, else one that is started here and ends with this process.
        jobs: commands at a time; None for the cores of the cluster.

    Raises:
        ModuleNotFoundError: Ray is not installed.
        ExecutorError: there is no cluster at the address.
    """

    def __init__(self, address: str | None, jobs: int | None) -> None:
        import ray

        try:
            if address is not None:
                _knock(address)
            ray.init(address=address, log_to_driver=False, logging_level="error")
        except (OSError, ValueError, RuntimeError) as error:
            first_line = (str(error).splitlines() or [type(error).__name__])[0]
            raise ExecutorError(
                f"--ray: no cluster can be used at {address or 'this machine'}: {first_line}"
            ) from error
        super().__init__(jobs or max(1, int(ray.cluster_resources().get("CPU", 1))))
        # A second try of a run would find the directory of the first, so there is none.
        self._task = ray.remote(num_cpus=1, max_retries=0)(_run_on_node)
        self._switch = ray.remote(num_cpus=0)(StopSwitch).remote()
        self._references: list[Any] = []
        self._lock = Lock()

    def _run(self, words: list[str], log: Path) -> int | None:
        import ray

        with self._lock:
            if self._stopped.is_set():
                return None
            number = len(self._references)
            reference = self._task.remote(words, str(log.absolute()), str(Path.cwd()), self._switch, number)
            self._references.append(reference)
        try:
            status: int | None = ray.get(reference)
        except ray.exceptions.TaskCancelledError:
            return None
        except ray.exceptions.RayError as error:
            raise ExecutorError(f"Ray: {type(error).__name__}: {str(error).strip().splitlines()[0]}") from error
        return status

    def stop(self) -> None:
        """As `Executor.stop`; what still waits for a node is taken back."""
        import ray

        with self._lock:
            super().stop()
            begun = ray.get(self._switch.stop.remote())
            for number, reference in enumerate(self._references):
                if number not in begun:
                    ray.cancel(reference)

    def close(self) -> None:
        """Leave the cluster; what still runs there stops at its next safe point."""
        import ray

        with self._lock:
            self._stopped.set()
            for reference in self._references:
                ray.cancel(reference, force=True)
        super().close()
        ray.shutdown()


class StopSwitch:
    """What the nodes are asked by: which commands have begun, and whether to stop. A Ray actor of the executor."""

    def __init__(self) -> None:
        self._begun: set[int] = set()
        self._stopped = False

    def begin(self, number: int) -> bool:
        """Note that a command begins; False if a stop was asked for, so that it must not."""
        if not self._stopped:
            self._begun.add(number)
        return not self._stopped

    def stop(self) -> set[int]:
        """Ask for a stop. Returns the commands that have begun: no other one will."""
        self._stopped = True
        return self._begun

    def is_stopped(self) -> bool:
        """Whether a stop was asked for."""
        return self._stopped


def run_command(
    words: Sequence[str], log: Path, stopped: Callable[[], bool], directory: Path | None = None
) -> int | None:
    """Run `maxent-robot WORDS` to its end.

    Args:
        log: the output is added to this file.
        stopped: asked every `POLL_S`; when true, the process is asked to stop at its next safe point. What it raises
            kills the process.
        directory: where the process runs; that of this process by default.

    Returns:
        The exit status, negative for a signal; None if `stopped()` was true before the start.
    """
    if stopped():
        return None
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "maxent_robot.learning.campaigns.child", "maxent_robot.cli.main", *words]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # else Ctrl-C on the terminal reaches it twice, and the second interrupts at once
        )
    assert process.stdin is not None
    try:
        while not _has_ended(process):
            if stopped():
                process.stdin.close()
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        process.stdin.close()
    return process.returncode


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(POLL_S)
    except subprocess.TimeoutExpired:
        return False
    return True


def _knock(address: str) -> None:
    """Raise OSError if nothing listens at host:port: Ray itself tries for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), KNOCK_S).close()


def _run_on_node(words: list[str], log: str, directory: str, switch: Any, number: int) -> int | None:
    """The Ray task: `run_command` on a node, for as long as the executor lives."""
    import ray

    def is_stopped() -> bool:
        try:
            answer: bool = ray.get(switch.is_stopped.remote())
        except ray.exceptions.RayError:  # the executor is gone
            return True
        return answer

    def run() -> int | None:
        if not ray.get(switch.begin.remote(number)):
            return None
        return run_command(words, Path(log), is_stopped, Path(directory))

    # A task that waits for an answer in its main thread lends its core to another task meanwhile.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()
