"""Subscriptions that are emptied when their owner wants, and not one callback a message by an executor.

At a few hundred messages a second an executor spends most of its time waking up; taking what has queued a few times a
second is several times cheaper. The middleware notes when each message was sent and when it came, so no time is lost.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile


@dataclass(frozen=True)
class Received:
    """One message (bytes in CDR if raw), when it was published and when it arrived, in ns since the epoch."""

    message: Any
    published_ns: int
    received_ns: int

    @property
    def age_s(self) -> float:
        """Time since it arrived."""
        return max(0.0, 1e-9 * (time.time_ns() - self.received_ns))


class PolledSubscription:
    """A subscription that no executor serves. The queue's depth must hold what comes between two calls of `take`.

    Attributes:
        subscription: for whoever asks of its topic and publishers.
    """

    def __init__(self, node: Node, kind: type[Any], topic: str, qos: QoSProfile, raw: bool = False) -> None:
        self._node = node
        self._raw = raw
        self._depth = max(1, qos.depth)
        self.subscription = node.create_subscription(kind, topic, _ignore, qos, callback_group=_NeverReady(), raw=raw)

    def take(self) -> Iterator[Received]:
        """What has arrived since the last call, oldest first, at most one full queue."""
        handle: Any = self.subscription.handle
        kind = self.subscription.msg_type
        for _ in range(self._depth):
            with handle:
                taken = handle.take_message(kind, self._raw)
            if taken is None:
                break
            message, info = taken
            received_ns = info["received_timestamp"] or time.time_ns()
            yield Received(message, info["source_timestamp"] or received_ns, received_ns)

    def destroy(self) -> None:
        """Unsubscribe."""
        self._node.destroy_subscription(self.subscription)


class _NeverReady(CallbackGroup):
    """Keeps its entities out of the wait set of the executor that its node is added to."""

    def can_execute(self, entity: Any) -> bool:
        return False

    def beginning_execution(self, entity: Any) -> bool:
        return False

    def ending_execution(self, entity: Any) -> None:
        """Nothing was begun."""


def _ignore(message: Any) -> None:
    """Never called."""
