"""Hears every topic of a ROS domain until SIGTERM, as bytes, and writes them down: `python eavesdropper.py OUTPUT`.

OUTPUT is a pickle of {topic: (type, {time of publishing [ns]: message in CDR})}. It shares nothing with the recorder
but the way a subscription is emptied.
"""

from __future__ import annotations

import pickle
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import rclpy
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions

from maxent_robot.nodes.polled_subscription import PolledSubscription
from maxent_robot.nodes.transport import avoid_shared_memory
from maxent_robot.trials.definitions import message_class

PERIOD_S = 0.02


def main() -> None:
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    avoid_shared_memory()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("eavesdropper")
    ears: dict[str, PolledSubscription] = {}
    heard: dict[str, tuple[str, dict[int, bytes]]] = {}
    while not ended.is_set():
        for topic, (kind, *_) in node.get_topic_names_and_types():
            publishers = node.get_publishers_info_by_topic(topic)
            if topic not in ears and publishers:
                ears[topic] = PolledSubscription(node, message_class(kind), topic, _offered(publishers), raw=True)
                heard[topic] = (kind, {})
        for topic, ear in ears.items():
            heard[topic][1].update({received.published_ns: received.message for received in ear.take()})
        time.sleep(PERIOD_S)
    Path(sys.argv[1]).write_bytes(pickle.dumps(heard))


def _offered(publishers: list[Any]) -> QoSProfile:
    """Reliable and latched where every publisher is."""
    profiles = [publisher.qos_profile for publisher in publishers]
    reliable = all(profile.reliability == ReliabilityPolicy.RELIABLE for profile in profiles)
    latched = all(profile.durability == DurabilityPolicy.TRANSIENT_LOCAL for profile in profiles)
    return QoSProfile(
        depth=1000,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


if __name__ == "__main__":
    main()
