"""Real ROS graphs for tests: node processes on a private domain, and a peer node in the test process.

    from ros_support import RosGraph, ros_graph  # the fixture

    def test_it_comes_up(ros_graph: RosGraph) -> None:
        supervisor = ros_graph.start("maxent_robot.nodes.supervisor_node", "supervisor", {"robot": "sim"})
        ros_graph.wait_for_state("supervisor", "unconfigured")
        ros_graph.change_state("supervisor", "configure")

Everything that a test starts ends with it: processes by their own id, SIGTERM first, then SIGKILL.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("rclpy")

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.client import Client
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.task import Future

ROOT = Path(__file__).resolve().parents[1]

START_TIMEOUT_S = 30.0
"""Generous: importing a node on a busy machine takes seconds."""

_TRANSITIONS = {
    "configure": Transition.TRANSITION_CONFIGURE,
    "activate": Transition.TRANSITION_ACTIVATE,
    "deactivate": Transition.TRANSITION_DEACTIVATE,
    "cleanup": Transition.TRANSITION_CLEANUP,
}


def private_domain_id() -> int:
    """A ROS domain from this process's id, within the range whose ports are free on every system (1 to 100).

    The caller's ROS_DOMAIN_ID is not used: a test must never reach a robot.
    """
    return 1 + os.getpid() % 100


def wait_until(
    predicate: Callable[[], bool], what: str, timeout_s: float = 10.0, tell: Callable[[], object] = str
) -> None:
    """Poll until `predicate` holds; fails the test, naming `what` and what `tell` knows, after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {timeout_s} s {tell()}".rstrip())
        time.sleep(0.005)


@dataclass
class NodeProcess:
    """One node, running as a process of its own."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def output(self) -> str:
        """Everything it has written to stdout and stderr."""
        return self.log.read_text(errors="replace")

    def is_running(self) -> bool:
        return self.process.poll() is None

    def wait(self, timeout_s: float = START_TIMEOUT_S) -> int:
        """Its exit status, once it ends by itself."""
        return self.process.wait(timeout_s)

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout_s: float = 10.0) -> int:
        """Ask it to end and return its exit status; kill it when it does not."""
        if self.is_running():
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


@dataclass
class RosGraph:
    """A private domain: processes started in it and one peer node, spun by a thread."""

    directory: Path
    domain_id: int = field(default_factory=private_domain_id)
    processes: list[NodeProcess] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.environment = {
            **os.environ,
            "ROS_DOMAIN_ID": str(self.domain_id),
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
        }
        self._clients: dict[str, Client[Any, Any]] = {}
        self.context = Context()
        self.context.init(args=None, domain_id=self.domain_id)
        self.node = Node("test_peer", context=self.context, use_global_arguments=False)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._done: Future[None] = Future()
        self._thread = threading.Thread(target=self._executor.spin_until_future_complete, args=(self._done,))
        self._thread.start()

    def add_node(self, name: str) -> Node:
        """One more node of this process, spun by the same thread."""
        node = Node(name, context=self.context, use_global_arguments=False)
        self._executor.add_node(node)
        return node

    def start(
        self,
        module: str,
        name: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        arguments: tuple[str, ...] = (),
        remap: Mapping[str, str] | None = None,
    ) -> NodeProcess:
        """Start `python -m module` as node `name` with `parameters`; it ends with the graph."""
        number = len(self.processes)
        params_file = self.directory / f"{number}_{name}.yaml"
        params_file.write_text(yaml.safe_dump({"/**": {"ros__parameters": dict(parameters or {})}}))
        remappings = [f"{old}:={new}" for old, new in {"__node": name, **(remap or {})}.items()]
        ros_arguments = ["--params-file", str(params_file)]
        for remapping in remappings:
            ros_arguments += ["-r", remapping]
        log = self.directory / f"{number}_{name}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments, "--ros-args", *ros_arguments],
                cwd=self.directory,
                env=self.environment,
                stdout=stream,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        started = NodeProcess(name, process, log)
        self.processes.append(started)
        return started

    def client(self, service_type: Any, name: str) -> Client[Any, Any]:
        """A client that lives as long as the graph; made early, both sides know each other when it is used."""
        if name not in self._clients:
            self._clients[name] = self.node.create_client(service_type, name)
        return self._clients[name]

    def call(self, service_type: Any, name: str, request: Any = None, timeout_s: float = START_TIMEOUT_S) -> Any:
        """The response of a service; fails the test when the service is not there or does not answer."""
        response = self._try_call(service_type, name, request, timeout_s)
        if response is None:
            pytest.fail(f"no answer of {name} within {timeout_s} s, or a node has failed\n{self.output()}")
        return response

    def state(self, name: str) -> str:
        """The lifecycle state of a node, for example `active`."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and not self.failed():
            # A server that has not found the client yet drops the response, so this harmless question is repeated.
            response = self._try_call(GetState, f"{name}/get_state", None, 1.0)
            if response is not None:
                return str(response.current_state.label)
        pytest.fail(f"node {name} does not tell its state\n{self.output()}")

    def wait_for_state(self, name: str, label: str, timeout_s: float = START_TIMEOUT_S) -> None:
        """Wait for a lifecycle state; fails at once when a process has ended with an error."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and not self.failed():
            if self.state(name) == label:
                return
            time.sleep(0.02)
        pytest.fail(f"node {name} did not become {label} within {timeout_s} s\n{self.output()}")

    def change_state(self, name: str, transition: str) -> bool:
        """Request `configure`, `activate`, `deactivate` or `cleanup`; whether it succeeded."""
        request = ChangeState.Request(transition=Transition(id=_TRANSITIONS[transition]))
        return bool(self.call(ChangeState, f"{name}/change_state", request).success)

    def bring_up(self, module: str, name: str, parameters: Mapping[str, Any] | None = None) -> NodeProcess:
        """Start a lifecycle node, configure and activate it; fails the test where it does not get there."""
        process = self.start(module, name, parameters)
        self.wait_for_state(name, "unconfigured")
        for transition in ("configure", "activate"):
            assert self.change_state(name, transition), self.output()
        return process

    def collect(self, message_type: Any, topic: str, qos: QoSProfile | int = 10) -> list[Any]:
        """A list that grows with every message of a topic."""
        received: list[Any] = []
        self.node.create_subscription(message_type, topic, received.append, qos)
        return received

    def failed(self) -> bool:
        """Whether any process has ended with an error of its own (not by a signal)."""
        return any((started.process.poll() or 0) > 0 for started in self.processes)

    def output(self) -> str:
        """What all processes have written, for the message of a failed test."""
        return "\n".join(f"--- {p.name} (exit {p.process.poll()})\n{p.output()[-3000:]}" for p in self.processes)

    def close(self) -> None:
        """End every process, then the peer."""
        for started in self.processes:
            if started.is_running():
                started.process.send_signal(signal.SIGTERM)
        for started in self.processes:
            started.stop()
        self._done.set_result(None)
        self._thread.join(10.0)
        nodes = self._executor.get_nodes()
        self._executor.shutdown(timeout_sec=1.0)
        for node in nodes:
            node.destroy_node()
        self.context.try_shutdown()

    def _try_call(self, service_type: Any, name: str, request: Any, timeout_s: float) -> Any:
        client = self.client(service_type, name)
        deadline = time.monotonic() + timeout_s
        if not client.wait_for_service(timeout_s):
            return None
        future = client.call_async(service_type.Request() if request is None else request)
        while not future.done() and time.monotonic() < deadline and not self.failed():
            time.sleep(0.002)
        return future.result() if future.done() else None


@pytest.fixture
def ros_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RosGraph]:
    """A private ROS graph that ends with the test."""
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    graph = RosGraph(tmp_path)
    try:
        yield graph
    finally:
        graph.close()
