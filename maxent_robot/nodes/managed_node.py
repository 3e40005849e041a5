"""The lifecycle base class of every node, and the main function of its process."""

from __future__ import annotations

import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import Any

import rclpy
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from rclpy.subscription import Subscription
from rclpy.task import Future

from maxent_robot.errors import MaxentRobotError
from maxent_robot.nodes.polled_subscription import PolledSubscription
from maxent_robot.nodes.transport import avoid_shared_memory


class ManagedNode(LifecycleNode):
    """A lifecycle node whose transitions report their errors.

    Subclasses implement `configure`, `activate`, `deactivate` and `cleanup`, which return nothing and raise on
    failure. A `MaxentRobotError` (a user's mistake) is logged as one line and the transition fails: the node stays in
    the state it was in. Any other exception is logged with its traceback and sends the node through error processing
    to `unconfigured`. rclpy itself swallows exceptions of transition callbacks.

    Parameter `autostart` (bool, default false): `run_node` configures and activates the node by itself.
    """

    def __init__(self, name: str, **kwargs: object) -> None:
        super().__init__(name, **kwargs)  # type: ignore[arg-type]
        self._owned: list[Callable[[], object]] = []
        self.last_error = ""
        self.is_configured = False
        self.is_active = False
        self.declare_parameter(
            "autostart",
            False,
            ParameterDescriptor(description="configure and activate at start-up, without a manager", read_only=True),
        )

    def own(self, undo: Callable[[], object]) -> None:
        """Have `undo` called by `disown`, the latest first."""
        self._owned.append(undo)

    def disown(self) -> None:
        """Destroy what `own` and the `make_...` methods have collected; for `cleanup`."""
        while self._owned:
            self._owned.pop()()

    def make_publisher(self, kind: type[Any], topic: str, qos: QoSProfile) -> Publisher[Any]:
        """A publisher that `disown` destroys."""
        publisher = self.create_publisher(kind, topic, qos)
        self.own(partial(self.destroy_publisher, publisher))
        return publisher

    def make_subscription(
        self, kind: type[Any], topic: str, callback: Callable[[Any], None], qos: QoSProfile
    ) -> Subscription[Any]:
        """A subscription that `disown` destroys."""
        subscription = self.create_subscription(kind, topic, callback, qos)
        self.own(partial(self.destroy_subscription, subscription))
        return subscription

    def make_polled(self, kind: type[Any], topic: str, qos: QoSProfile) -> PolledSubscription:
        """A polled subscription that `disown` destroys."""
        polled = PolledSubscription(self, kind, topic, qos)
        self.own(polled.destroy)
        return polled

    def make_service(self, kind: type[Any], name: str, answer: Callable[[Any, Any], Any]) -> None:
        """A service that `disown` destroys."""
        self.own(partial(self.destroy_service, self.create_service(kind, name, answer)))

    def configure(self) -> None:
        """Read parameters, load files, create publishers, subscriptions, services and timers."""

    def activate(self) -> None:
        """Begin to act."""

    def deactivate(self) -> None:
        """Stop acting; what `configure` made stays."""

    def cleanup(self) -> None:
        """Destroy what `configure` made; also called after a `configure` that failed half-way."""

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        result = self._attempt("configure", self.configure)
        if result is TransitionCallbackReturn.SUCCESS:
            self.is_configured = True
            return super().on_configure(state)
        self._attempt("cleanup after a failed configure", self.cleanup, keep_error=True)
        return result

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        entities = super().on_activate(state)
        if entities is not TransitionCallbackReturn.SUCCESS:
            return entities
        result = self._attempt("activate", self.activate)
        if result is TransitionCallbackReturn.SUCCESS:
            self.is_active = True
        else:
            super().on_deactivate(state)
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        result = self._attempt("deactivate", self.deactivate)
        if result is not TransitionCallbackReturn.SUCCESS:
            return result
        self.is_active = False
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        result = self._attempt("cleanup", self.cleanup)
        if result is not TransitionCallbackReturn.SUCCESS:
            return result
        self.is_configured = False
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._stop()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._stop()
        return super().on_error(state)

    def _stop(self) -> None:
        was_active, self.is_active = self.is_active, False
        was_configured, self.is_configured = self.is_configured, False
        if was_active:
            self._attempt("deactivate", self.deactivate, keep_error=True)
        if was_configured:
            self._attempt("cleanup", self.cleanup, keep_error=True)

    def _attempt(self, action: str, step: Callable[[], None], keep_error: bool = False) -> TransitionCallbackReturn:
        try:
            step()
        except MaxentRobotError as error:
            result, text = TransitionCallbackReturn.FAILURE, f"cannot {action}: {error}"
        except Exception as error:  # reported and turned into a result; rclpy would drop it in silence
            result, text = TransitionCallbackReturn.ERROR, f"cannot {action}: {type(error).__name__}: {error}"
            self.get_logger().error(traceback.format_exc())
        else:
            return TransitionCallbackReturn.SUCCESS
        self.get_logger().error(text)
        if not keep_error:
            self.last_error = text
        return result


def run_node(factory: Callable[[], ManagedNode], args: Sequence[str] | None = None) -> int:
    """Main function of a node process: build it, spin it, end it cleanly.

    SIGINT and SIGTERM end the spinning while the node can still publish; it then goes through the lifecycle shutdown
    transition (`deactivate` and `cleanup` of the node) before its context is closed.

    Returns:
        The exit status: 0 after a signal or an external shutdown, 1 when the node could not start or failed.
    """
    avoid_shared_memory()
    rclpy.init(args=list(args) if args is not None else None, signal_handler_options=SignalHandlerOptions.NO)
    stop: Future[None] = Future()
    release_signals = _complete_on_signal(stop)
    node: ManagedNode | None = None
    try:
        node = factory()
        if node.get_parameter("autostart").value and not _autostart(node):
            return 1
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        executor.spin_until_future_complete(stop)
        return 0
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    except MaxentRobotError as error:
        print(f"{node.get_name() if node else 'node'}: {error}", file=sys.stderr)
        return 1
    except Exception as error:
        traceback.print_exc()
        print(f"{node.get_name() if node else 'node'}: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    finally:
        if node is not None:
            if rclpy.ok():
                node.trigger_shutdown()
            node.destroy_node()
        rclpy.try_shutdown()
        release_signals()


def _autostart(node: ManagedNode) -> bool:
    return all(step() is TransitionCallbackReturn.SUCCESS for step in (node.trigger_configure, node.trigger_activate))


def _complete_on_signal(future: Future[None]) -> Callable[[], None]:
    """Complete `future` on SIGINT or SIGTERM, from a thread of its own; returns what undoes it.

    A Python signal handler runs only when the main thread is back in Python, and an executor may wait in C for ever;
    the wake-up descriptor is written by the C handler at once.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)

    def note(signum: int, frame: FrameType | None) -> None:
        """Replaces the default action; the byte on the wake-up descriptor does the rest."""

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    previous_fd = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)

    def wait() -> None:
        while byte := reader.recv(1):
            if byte[0] in previous and not future.done():
                future.set_result(None)

    thread = threading.Thread(target=wait, name="signals", daemon=True)
    thread.start()

    def release() -> None:
        signal.set_wakeup_fd(previous_fd)
        for number, handler in previous.items():
            signal.signal(number, handler)
        writer.close()
        thread.join()
        reader.close()

    return release
