"""Quality of service of the graph's topics, and who publishes on one."""

from __future__ import annotations

from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

SENSOR = QoSProfile(depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Sensor streams: the newest sample or none; also receives from reliable publishers."""

STREAM = QoSProfile(depth=256, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Sensor streams of which every sample is needed, taken once a period."""

RELIABLE = QoSProfile(depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE)
"""Commands: delivered, and only the newest kept."""

EVENTS = QoSProfile(depth=64, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE)
"""What was said, all of it, taken once a period."""

LATCHED = QoSProfile(
    depth=1,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
"""Estimates and states: a late subscriber gets the last one."""

LATCHED_EVENTS = QoSProfile(
    depth=64,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
"""Likewise, and the last one for a late subscriber."""

DIAGNOSTICS = QoSProfile(depth=10, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)
"""To listen to `/diagnostics`, on which many nodes publish at 1 Hz each, reliably or not."""


STANDBY_NODE = "standby"
"""Name of the node that may publish commands beside the supervisor, and does when that one is dead."""

_UNNAMED = "_NODE_NAME_UNKNOWN_"
"""What the middleware calls a node between the discovery of its publisher and that of its name, some 0.1 s."""


def standby_count(node: Node, topic: str, unnamed: bool = False) -> int:
    """1 where the standby is among the publishers of a topic, else 0; a second one of its name does not count.

    With `unnamed`, a publisher whose node has no name yet may be it.
    """
    names = [publisher.node_name for publisher in node.get_publishers_info_by_topic(topic)]
    return int(STANDBY_NODE in names or (unnamed and _UNNAMED in names))


def publisher_count(node: Node, subscription: Subscription[Any]) -> int:
    """How many publishers a subscription's topic has, by its own matches and by the graph, whichever knows more.

    A match comes before the first message of that publisher, while the graph may learn of it later. The graph also
    counts publishers whose quality of service does not match.
    """
    return max(subscription.get_publisher_count(), node.count_publishers(subscription.topic_name))
