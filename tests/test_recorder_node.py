"""The recorder as a process: what was published over DDS is in the file once it is closed, with the right times."""

from __future__ import annotations

import contextlib
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("mcap_ros2")
from geometry_msgs.msg import WrenchStamped
from mcap.exceptions import EndOfFile, McapError
from mcap.reader import NonSeekingReader, make_reader
from mcap_ros2.decoder import DecoderFactory
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterValue, SetParametersResult
from rcl_interfaces.srv import SetParameters
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from ros_support import NodeProcess, RosGraph, ros_graph, wait_until  # noqa: F401  the fixture
from sensor_msgs.msg import JointState
from std_msgs.msg import String

pytestmark = pytest.mark.realtime

BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
MODULE = "maxent_robot.nodes.recorder_node"


def messages(path: Path) -> dict[str, list[Any]]:
    """(record, decoded message) pairs by topic."""
    found: dict[str, list[Any]] = {}
    keys = {"history", "depth", "reliability", "durability", "deadline", "lifespan", "liveliness"}
    with path.open("rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        assert reader.get_summary() is not None, "the file was not closed"
        for _, channel, record, decoded in reader.iter_decoded_messages():
            (profile,) = yaml.safe_load(channel.metadata["offered_qos_profiles"])
            assert keys <= set(profile)
            found.setdefault(channel.topic, []).append((record, decoded))
    return found


def start(graph: RosGraph, path: Path, **parameters: object) -> NodeProcess:
    recorder = graph.start(MODULE, "recorder", {"output": str(path), **parameters})
    graph.wait_for_state("recorder", "unconfigured")
    assert graph.change_state("recorder", "configure")
    assert graph.change_state("recorder", "activate")
    return recorder


def _is_heard(publisher: Any) -> bool:
    return bool(publisher.get_subscription_count() > 0)


def publish_at_200_hz(publishers: list[Any], count: int) -> list[int]:
    """Publish numbered messages on each publisher; returns the publishing times in ns."""
    for publisher in publishers:
        wait_until(partial(_is_heard, publisher), "recorder's subscription")
    times, due = [], time.monotonic()
    for i in range(count):
        times.append(time.time_ns())
        for publisher in publishers:
            message = publisher.msg_type()
            message.header.stamp.sec = i
            publisher.publish(message)
        due += 0.005
        time.sleep(max(0.0, due - time.monotonic()))
    return times


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_everything_published_is_in_the_file_after_a_signal(
    ros_graph: RosGraph,  # noqa: F811
    tmp_path: Path,
    end: signal.Signals,
) -> None:
    latched = ros_graph.node.create_publisher(String, "latched", LATCHED)
    latched.publish(String(data="published before the recorder was there"))
    joints = ros_graph.node.create_publisher(JointState, "joint_states", BEST_EFFORT)
    path = tmp_path / "out" / "run.mcap"
    recorder = start(ros_graph, path)
    wrench = ros_graph.node.create_publisher(WrenchStamped, "sensor/wrench", 10)
    times = publish_at_200_hz([joints, wrench], 300)
    time.sleep(0.2)
    assert recorder.stop(end) == 0, recorder.output()

    found = messages(path)
    assert found["/latched"][0][1].data == "published before the recorder was there"
    for topic in ("/joint_states", "/sensor/wrench"):
        records = found[topic]
        assert [m.header.stamp.sec for _, m in records] == list(range(300)), topic
        for (record, _), published in zip(records, times, strict=True):
            assert -1_000_000 <= record.publish_time - published < 500_000_000
            assert record.publish_time <= record.log_time
    ages = sorted(record.log_time - record.publish_time for record, _ in found["/joint_states"])
    assert ages[150] < 40_000_000, "log_time must be that of arrival, not that of the timer that empties the queues"


def test_deactivation_closes_the_file_and_only_the_namespace_is_recorded(ros_graph: RosGraph, tmp_path: Path) -> None:  # noqa: F811
    inside = ros_graph.node.create_publisher(JointState, "/cell/joint_states", BEST_EFFORT)
    outside = ros_graph.node.create_publisher(String, "/other/text", 10)
    path = tmp_path / "run.mcap"
    recorder = ros_graph.start(
        MODULE, "recorder", {"output": str(path), "decimation": 10, "autostart": True}, remap={"__ns": "/cell"}
    )
    publish_at_200_hz([inside], 100)
    outside.publish(String(data="not recorded"))
    time.sleep(0.2)
    assert ros_graph.change_state("cell/recorder", "deactivate")
    found = messages(path)
    assert [m.header.stamp.sec for _, m in found["/cell/joint_states"]] == list(range(0, 100, 10))
    assert all(topic.startswith("/cell/") for topic in found)
    assert recorder.stop() == 0


def set_output(graph: RosGraph, path: Path | str) -> SetParametersResult:
    parameter = ParameterMessage(name="output", value=ParameterValue(type=4, string_value=str(path)))
    request = SetParameters.Request(parameters=[parameter])
    (result,) = graph.call(SetParameters, "recorder/set_parameters", request).results
    return result


def test_each_file_begins_with_what_the_latched_topics_last_said(ros_graph: RosGraph, tmp_path: Path) -> None:  # noqa: F811
    latched = ros_graph.node.create_publisher(String, "latched", LATCHED)
    joints = ros_graph.node.create_publisher(JointState, "joint_states", BEST_EFFORT)
    latched.publish(String(data="first"))
    recorder = ros_graph.start(MODULE, "recorder", {"autostart": True})
    ros_graph.wait_for_state("recorder", "active")
    publish_at_200_hz([joints], 20)
    paths = [tmp_path / "a.mcap", tmp_path / "b.mcap"]
    assert set_output(ros_graph, paths[0]).successful
    publish_at_200_hz([joints], 40)
    latched.publish(String(data="second"))
    time.sleep(0.2)
    assert set_output(ros_graph, paths[1]).successful
    publish_at_200_hz([joints], 60)
    time.sleep(0.2)
    assert set_output(ros_graph, "").successful
    publish_at_200_hz([joints], 20)
    first, second = (messages(path) for path in paths)
    assert [m.data for _, m in first["/latched"]] == ["first", "second"]
    assert [m.data for _, m in second["/latched"]] == ["second"]
    assert [m.header.stamp.sec for _, m in first["/joint_states"]][-40:] == list(range(40))
    assert [m.header.stamp.sec for _, m in second["/joint_states"]] == list(range(60))
    refused = set_output(ros_graph, tmp_path / "a.mcap" / "c.mcap")
    assert not refused.successful
    assert "cannot be written" in refused.reason
    assert recorder.stop() == 0


def test_what_a_killed_recorder_has_written_can_be_read_to_its_last_chunk(ros_graph: RosGraph, tmp_path: Path) -> None:  # noqa: F811
    joints = ros_graph.node.create_publisher(JointState, "joint_states", BEST_EFFORT)
    path = tmp_path / "run.mcap"
    recorder = start(ros_graph, path)
    wait_until(partial(_is_heard, joints), "recorder's subscription")
    names = [f"a joint with quite a long name, number {number}, so that a chunk fills" for number in range(40)]
    for number in range(400):
        message = JointState(name=[f"{name} {number}" for name in names])
        message.header.stamp.sec = number
        joints.publish(message)
        time.sleep(0.004)
    time.sleep(0.7)
    assert recorder.stop(signal.SIGKILL) == -signal.SIGKILL
    found = []
    with path.open("rb") as file, contextlib.suppress(EndOfFile, McapError):
        for _, _, _, decoded in NonSeekingReader(file, decoder_factories=[DecoderFactory()]).iter_decoded_messages(
            topics=["/joint_states"], log_time_order=False
        ):
            found.append(decoded.header.stamp.sec)
    assert found == list(range(len(found)))
    assert len(found) > 200
