"""Lifecycle manager: takes the nodes of a graph to ACTIVE in order, and says why when one does not get there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from maxent_robot.bringup.supervise import BringupError

if TYPE_CHECKING:
    from rclpy.client import Client

TRANSITIONS = {"configure": 1, "cleanup": 2, "activate": 3, "deactivate": 4}
"""Identifiers of lifecycle_msgs/Transition."""

GOALS = {"configure": "inactive", "cleanup": "unconfigured", "activate": "active", "deactivate": "inactive"}
"""The state that each transition ends in."""

ASK_AGAIN_S = 2.0
"""Time without an answer after which a question is put again."""


class LifecycleManager:
    """A client of the lifecycle services of managed nodes, with a ROS context of its own.

    Args:
        namespace: of the nodes, absolute (`/cell_1`) or empty.
        domain_id: ROS domain; None keeps the environment's.
        alive: called while waiting; raises when waiting is pointless, for example :meth:`ProcessGroup.check`.
        reason: gives the cause a node printed, as `: text`, for the error of a failed transition.
    """

    def __init__(
        self,
        namespace: str = "",
        domain_id: int | None = None,
        alive: Callable[[], None] | None = None,
        reason: Callable[[str], str] | None = None,
    ) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor

        self._alive = alive or (lambda: None)
        self._reason = reason or (lambda name: "")
        self._context = rclpy.Context()
        rclpy.init(args=[], context=self._context, domain_id=domain_id)
        self._node = rclpy.create_node(
            "lifecycle_manager",
            namespace=namespace or None,
            context=self._context,
            use_global_arguments=False,
            enable_rosout=False,
            start_parameter_services=False,
        )
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._clients: dict[tuple[str, str], Client[Any, Any]] = {}

    def __enter__(self) -> LifecycleManager:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        self._node.destroy_node()
        self._context.try_shutdown()

    def state(self, name: str, timeout_s: float = 10.0) -> str:
        """Primary or transition state of a node, for example `inactive`.

        Raises:
            BringupError: it does not answer in time.
        """
        from lifecycle_msgs.srv import GetState

        deadline = time.monotonic() + timeout_s
        while True:
            response = self._ask(name, GetState, "get_state", GetState.Request(), deadline)
            if response is not None:
                label: str = response.current_state.label
                return label
            self._check_deadline(name, "get_state", deadline, timeout_s)

    def change(self, name: str, transition: str, timeout_s: float = 20.0) -> None:
        """Take a node through one transition.

        A server drops its answer where it has not discovered the client yet, although it has done what was asked; so
        after a silence the state decides whether the request is put again.

        Raises:
            BringupError: it does not answer in time, or refuses; the line gives the cause that it printed.
        """
        from lifecycle_msgs.srv import ChangeState

        request = ChangeState.Request()
        request.transition.id = TRANSITIONS[transition]
        deadline = time.monotonic() + timeout_s
        while True:
            response = self._ask(name, ChangeState, "change_state", request, deadline)
            if response is not None and response.success:
                return
            if response is not None:
                time.sleep(0.1)  # the cause is printed before the answer is sent, but comes by another way
                self._alive()
                raise BringupError(f"{name}: {transition} failed in state '{self.state(name)}'{self._reason(name)}")
            self._check_deadline(name, "change_state", deadline, timeout_s)
            if self.state(name, deadline - time.monotonic()) == GOALS[transition]:
                return

    def bring_up(self, names: Sequence[str], timeout_s: float = 30.0) -> None:
        """Configure and activate each node, in order; `timeout_s` is for each step of each node.

        Raises:
            BringupError: one does not reach `active`.
        """
        for name in names:
            for transition in ("configure", "activate"):
                self.change(name, transition, timeout_s)
            state = self.state(name)
            if state != "active":
                raise BringupError(f"{name}: is '{state}' after activation, expected 'active'{self._reason(name)}")

    def _ask(self, name: str, kind: Any, service: str, request: Any, deadline: float) -> Any | None:
        """The response to one request; None if there is none within `ASK_AGAIN_S` or by the deadline."""
        client = self._clients.get((name, service))
        if client is None:
            client = self._clients[name, service] = self._node.create_client(kind, f"{name}/{service}")
        while not client.service_is_ready():
            self._alive()
            if time.monotonic() > deadline:
                return None
            self._executor.spin_once(timeout_sec=0.05)
        future = client.call_async(request)
        again_s = min(deadline, time.monotonic() + ASK_AGAIN_S)
        while not future.done():
            self._alive()
            if time.monotonic() > again_s:
                client.remove_pending_request(future)
                return None
            self._executor.spin_until_future_complete(future, timeout_sec=0.1)
        return future.result()

    def _check_deadline(self, name: str, service: str, deadline: float, timeout_s: float) -> None:
        if time.monotonic() > deadline:
            raise BringupError(f"{name}: no answer from {name}/{service} within {timeout_s:g} s{self._reason(name)}")
