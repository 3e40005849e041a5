"""Lifecycle node `recorder`: writes every topic of its namespace to an MCAP file, as the messages come over the wire.

Messages are never deserialised, and no callback runs for them: a timer empties the queues of the subscriptions. The
times in the file are those that the middleware noted, not those of the timer.

Parameters: `output` (path of the file, required), `decimation` (keep each n-th message of a topic, default 1: all).
"""

from __future__ import annotations

from dataclasses import dataclass

import yaml
from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.timer import Timer
from rclpy.topic_endpoint_info import TopicEndpointInfo

from maxent_robot.errors import ConfigError
from maxent_robot.nodes.managed_node import ManagedNode, run_node
from maxent_robot.nodes.parameters import declare
from maxent_robot.nodes.polled_subscription import PolledSubscription
from maxent_robot.nodes.steady_clock import STEADY_CLOCK
from maxent_robot.trials.definitions import DefinitionError, message_class
from maxent_robot.trials.mcap_writer import McapWriter

RESCAN_PERIOD_S = 0.5
DRAIN_PERIOD_S = 0.05
QUEUE_DEPTH = 256
"""Messages a topic that may wait for the timer: a 1 kHz topic fills it in five periods."""


@dataclass
class _Channel:
    """One recorded topic: its subscription and how many messages it has had."""

    subscription: PolledSubscription
    seen: int = 0


class RecorderNode(ManagedNode):
    """Records while active; the file is complete when it is deactivated, shut down, or gets SIGINT or SIGTERM."""

    def __init__(self) -> None:
        super().__init__("recorder")
        declare(self, "output", "", "path of the MCAP file to write")
        declare(self, "decimation", 1, "keep each n-th message of a topic", (1, 1000))
        self._channels: dict[str, _Channel] = {}
        self._unknown: set[str] = set()
        self._timers: list[Timer] = []
        self._writer: McapWriter | None = None
        self._output = ""
        self._decimation = 1

    def configure(self) -> None:
        self._output = str(self.get_parameter("output").value)
        self._decimation = int(self.get_parameter("decimation").value)
        if not self._output:
            raise ConfigError("recorder: parameter output is '', allowed is the path of the file to write")

    def activate(self) -> None:
        self._writer = McapWriter(self._output)
        self._scan()
        self._timers = [
            self.create_timer(RESCAN_PERIOD_S, self._scan, clock=STEADY_CLOCK),
            self.create_timer(DRAIN_PERIOD_S, self._drain, clock=STEADY_CLOCK),
        ]

    def deactivate(self) -> None:
        for timer in self._timers:
            self.destroy_timer(timer)
        self._timers = []
        self._drain()
        for channel in self._channels.values():
            channel.subscription.destroy()
        self._channels = {}
        if self._writer is not None:
            self._writer.close()
            total = sum(self._writer.counts.values())
            self.get_logger().info(f"{total} messages of {len(self._writer.counts)} topics in {self._output}")
            self._writer = None

    def _scan(self) -> None:
        """Subscribe to the topics of the namespace that have appeared, with a QoS that their publishers match."""
        prefix = self.get_namespace().rstrip("/") + "/"
        for topic, types in self.get_topic_names_and_types():
            if topic.startswith(prefix) and topic not in self._channels and topic not in self._unknown:
                publishers = self.get_publishers_info_by_topic(topic)
                if publishers:
                    self._subscribe(topic, types[0], publishers)
        if self._writer is not None:
            self._writer.sync()

    def _subscribe(self, topic: str, type_name: str, publishers: list[TopicEndpointInfo]) -> None:
        if self._writer is None:
            return
        qos = matching_qos(publishers)
        try:
            kind = message_class(type_name)
            self._writer.add_topic(topic, type_name, offered_qos_text(publishers))
        except DefinitionError as error:
            self._unknown.add(topic)
            self.get_logger().warning(f"{topic} is not recorded: {error}")
            return
        self._channels[topic] = _Channel(PolledSubscription(self, kind, topic, qos, raw=True))

    def _drain(self) -> None:
        """Write what has arrived since the last call."""
        if self._writer is None:
            return
        for topic, channel in self._channels.items():
            for received in channel.subscription.take():
                if channel.seen % self._decimation == 0:
                    self._writer.write(topic, received.message, received.received_ns, received.published_ns)
                channel.seen += 1


def matching_qos(publishers: list[TopicEndpointInfo]) -> QoSProfile:
    """A profile that every one of the publishers can serve: reliable or latched only if all of them are."""
    profiles = [publisher.qos_profile for publisher in publishers]
    reliable = all(profile.reliability == ReliabilityPolicy.RELIABLE for profile in profiles)
    latched = all(profile.durability == DurabilityPolicy.TRANSIENT_LOCAL for profile in profiles)
    return QoSProfile(
        depth=QUEUE_DEPTH,
        history=HistoryPolicy.KEEP_LAST,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def offered_qos_text(publishers: list[TopicEndpointInfo]) -> str:
    """The publishers' profiles as rosbag2 writes them in `offered_qos_profiles` (YAML)."""
    profiles = []
    for publisher in publishers:
        qos = publisher.qos_profile
        profiles.append(
            {
                "history": qos.history.name.lower(),
                "depth": qos.depth,
                "reliability": qos.reliability.name.lower(),
                "durability": qos.durability.name.lower(),
                "deadline": _seconds(qos.deadline),
                "lifespan": _seconds(qos.lifespan),
                "liveliness": qos.liveliness.name.lower(),
                "liveliness_lease_duration": _seconds(qos.liveliness_lease_duration),
                "avoid_ros_namespace_conventions": False,
            }
        )
    return yaml.safe_dump(profiles, sort_keys=False)


def _seconds(duration: Duration) -> dict[str, int]:
    seconds, nanoseconds = divmod(duration.nanoseconds, 10**9)
    return {"sec": seconds, "nsec": nanoseconds}


def main() -> None:
    """Run the node as a process."""
    raise SystemExit(run_node(RecorderNode))


if __name__ == "__main__":
    main()
