"""A node in the process that runs a session: calls that wait, and one thread.

It is spun by whoever calls it: each wait lets service answers come in, empties the subscriptions and asks whether the
graph is still alive. So there is no lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_srvs.srv import Trigger

from maxent_robot.errors import MaxentRobotError
from maxent_robot.nodes.polled_subscription import PolledSubscription

POLL_PERIOD_S = 0.02
ANSWER_TIMEOUT_S = 10.0


class TrialError(MaxentRobotError):
    """A session cannot go on: a part of the graph does not answer or refuses."""


class WaitingNode(Node):
    """See the module.

    Args:
        name: of the node.
        context: of ROS.
        alive: raises when a process of the graph has ended; it is asked on every wait.
        services: that are called, by name, with their types.
        namespace: of the node.
    """

    def __init__(
        self,
        name: str,
        context: Context,
        alive: Callable[[], None],
        services: Mapping[str, Any],
        namespace: str = "",
    ) -> None:
        super().__init__(
            name, context=context, namespace=namespace or None, use_global_arguments=False, enable_rosout=False
        )
        self._alive = alive
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self)
        # Made now: a server drops its answer where it has not discovered the client yet.
        self._service_clients: dict[str, Any] = {
            service: self.create_client(kind, service) for service, kind in services.items()
        }
        self._readers: list[tuple[PolledSubscription, Callable[[Any], None]]] = []

    def read(self, kind: type[Any], topic: str, qos: QoSProfile, take: Callable[[Any], None]) -> None:
        """Have `take` called with each message of a topic, whenever there is a wait."""
        self._readers.append((PolledSubscription(self, kind, topic, qos), take))

    def poll(self) -> None:
        """Take in what has come, and raise if the graph is not alive."""
        self._alive()
        self._executor.spin_once(timeout_sec=0.0)
        for subscription, take in self._readers:
            for received in subscription.take():
                take(received.message)

    def wait(self, done: Callable[[], bool], what: str, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        """Poll until `done()`.

        Raises:
            TrialError: it is not within `timeout_s`; the message names `what`.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            self.poll()
            if done():
                return
            if time.monotonic() > deadline:
                raise TrialError(f"{what}: not within {timeout_s:g} s")
            time.sleep(POLL_PERIOD_S)

    def pause(self, duration_s: float) -> None:
        """Poll for a time."""
        end = time.monotonic() + duration_s
        while time.monotonic() < end:
            self.poll()
            time.sleep(POLL_PERIOD_S)

    def trigger(self, service: str) -> tuple[bool, str]:
        """Call a std_srvs/Trigger service: whether it did it, and what it said."""
        response = self.call(service, Trigger.Request())
        return bool(response.success), str(response.message)

    def call(self, service: str, request: Any) -> Any:
        """The response of a service.

        Raises:
            TrialError: there is none in time.
        """
        client = self._service_clients[service]
        self.wait(client.service_is_ready, f"service {service}")
        future = client.call_async(request)
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        while not future.done():
            self._alive()
            self._executor.spin_until_future_complete(future, timeout_sec=0.1)
            if time.monotonic() > deadline:
                raise TrialError(f"answer of service {service}: not within {ANSWER_TIMEOUT_S:g} s")
        return future.result()

    def ask_at_last(self, requests: Mapping[str, Any], timeout_s: float = 2.0) -> None:
        """Send requests to services and wait a moment for the answers, whatever `alive` says; those absent are left."""
        futures = [
            self._service_clients[service].call_async(request)
            for service, request in requests.items()
            if self._service_clients[service].service_is_ready()
        ]
        deadline = time.monotonic() + timeout_s
        while not all(future.done() for future in futures) and time.monotonic() < deadline:
            self._executor.spin_once(timeout_sec=0.05)

    def close(self) -> None:
        """Leave the graph."""
        for subscription, _ in self._readers:
            subscription.destroy()
        self._readers = []
        self._executor.shutdown()
        self.destroy_node()
