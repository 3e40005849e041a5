"""Lifecycle node `recorder`: writes every topic of its namespace to an MCAP file, as the messages come over the wire.

Messages are never deserialised, and no callback runs for them: a timer empties the queues of the subscriptions. The
times in the file are those that the middleware noted, not those of the timer.

Parameters: `output` (path of the file; empty: nothing is recorded), `decimation` (keep each n-th message of a topic,
default 1: all). `output` may be set while the node is active: the file is closed and the next one begun, with the last
message of each latched topic at its beginning, so that every file tells the whole state. `recorder/status` says which
file is written.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import yaml
from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.msg import SetParametersResult
from rclpy.duration import Duration
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.timer import Timer
from rclpy.topic_endpoint_info import TopicEndpointInfo

from maxent_robot.errors import MaxentRobotError
from maxent_robot.nodes.managed_node import ManagedNode, run_node
from maxent_robot.nodes.messages import diagnostic_status
from maxent_robot.nodes.parameters import declare
from maxent_robot.nodes.polled_subscription import PolledSubscription
from maxent_robot.nodes.qos import LATCHED
from maxent_robot.nodes.steady_clock import STEADY_CLOCK
from maxent_robot.trials.definitions import DefinitionError, message_class, message_definition
from maxent_robot.trials.mcap_writer import McapWriter

RESCAN_PERIOD_S = 0.5
DRAIN_PERIOD_S = 0.05
QUEUE_DEPTH = 256
"""Messages a topic that may wait for the timer: a 1 kHz topic fills it in five periods."""


STATUS_PERIOD_S = 0.5
STATUS_TOPIC = "recorder/status"


@dataclass
class _Channel:
    """One recorded topic: its subscription, how many messages it has had, and the last one where it is latched."""

    subscription: PolledSubscription
    type_name: str
    qos: str
    latched: bool
    seen: int = 0
    last: Any = None


class RecorderNode(ManagedNode):
    """Records while active; the file is complete when it is deactivated, shut down, or gets SIGINT or SIGTERM."""

    def __init__(self) -> None:
        super().__init__("recorder")
        declare(self, "output", "", "path of the MCAP file to write; empty: nothing is recorded")
        declare(self, "decimation", 1, "keep each n-th message of a topic", (1, 1000))
        self._channels: dict[str, _Channel] = {}
        self._unknown: set[str] = set()
        self._timers: list[Timer] = []
        self._writer: McapWriter | None = None
        self._output = ""
        self._decimation = 1
        self.add_on_set_parameters_callback(self._on_set_parameters)

    def configure(self) -> None:
        self._output = str(self.get_parameter("output").value)
        self._decimation = int(self.get_parameter("decimation").value)
        self._status_publisher = self.make_publisher(DiagnosticStatus, STATUS_TOPIC, LATCHED)

    def activate(self) -> None:
        self._open(self._output)
        self._scan()
        self._timers = [
            self.create_timer(RESCAN_PERIOD_S, self._scan, clock=STEADY_CLOCK),
            self.create_timer(DRAIN_PERIOD_S, self._drain, clock=STEADY_CLOCK),
            self.create_timer(STATUS_PERIOD_S, self._say, clock=STEADY_CLOCK),
        ]
        self._say()

    def deactivate(self) -> None:
        for timer in self._timers:
            self.destroy_timer(timer)
        self._timers = []
        self._drain()
        for channel in self._channels.values():
            channel.subscription.destroy()
        self._channels = {}
        self._close()

    def cleanup(self) -> None:
        self.disown()

    def _on_set_parameters(self, parameters: list[Parameter[Any]]) -> SetParametersResult:
        """Begin the next file."""
        outputs = [str(parameter.value) for parameter in parameters if parameter.name == "output"]
        if self.is_active and outputs and outputs[-1] != self._output:
            self._drain()
            self._close()
            try:
                self._open(outputs[-1])
            except MaxentRobotError as error:
                return SetParametersResult(successful=False, reason=str(error))
            finally:
                self._say()
        return SetParametersResult(successful=True)

    def _open(self, output: str) -> None:
        """Begin a file with the topics that are known, and what the latched ones last said.

        Raises:
            RecordingError: it cannot be written; then nothing is recorded.
        """
        self._output = ""
        if not output:
            return
        self._writer = writer = McapWriter(output)
        self._output = output
        now_ns = time.time_ns()
        for topic, channel in self._channels.items():
            writer.add_topic(topic, channel.type_name, channel.qos)
            if channel.last is not None:
                writer.write(topic, channel.last.message, now_ns, channel.last.published_ns)

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            total = sum(self._writer.counts.values())
            self.get_logger().info(f"{total} messages of {len(self._writer.counts)} topics in {self._output}")
            self._writer = None

    def _say(self) -> None:
        counts = {} if self._writer is None else self._writer.counts
        values = {"output": self._output, "topics": len(counts), "messages": sum(counts.values())}
        message = "recording" if self._writer is not None else "idle"
        self._status_publisher.publish(diagnostic_status(DiagnosticStatus.OK, self.get_name(), message, values))

    def _scan(self) -> None:
        """Subscribe to the topics of the namespace that have appeared, with a QoS that their publishers match."""
        prefix = self.get_namespace().rstrip("/") + "/"
        for topic, types in self.get_topic_names_and_types():
            if topic.startswith(prefix) and topic not in self._channels and topic not in self._unknown:
                publishers = self.get_publishers_info_by_topic(topic)
                if publishers:
                    self._subscribe(topic, types[0], publishers)

    def _subscribe(self, topic: str, type_name: str, publishers: list[TopicEndpointInfo]) -> None:
        qos, offered = matching_qos(publishers), offered_qos_text(publishers)
        try:
            kind = message_class(type_name)
            message_definition(type_name)  # so that it is known that later files can have it too
            if self._writer is not None:
                self._writer.add_topic(topic, type_name, offered)
        except DefinitionError as error:
            self._unknown.add(topic)
            self.get_logger().warning(f"{topic} is not recorded: {error}")
            return
        latched = qos.durability == DurabilityPolicy.TRANSIENT_LOCAL
        self._channels[topic] = _Channel(
            PolledSubscription(self, kind, topic, qos, raw=True), type_name, offered, latched
        )

    def _drain(self) -> None:
        """Write what has arrived since the last call."""
        for topic, channel in self._channels.items():
            for received in channel.subscription.take():
                if self._writer is not None and channel.seen % self._decimation == 0:
                    self._writer.write(topic, received.message, received.received_ns, received.published_ns)
                channel.seen += 1
                if channel.latched:
                    channel.last = received
        if self._writer is not None:
            self._writer.sync()


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
