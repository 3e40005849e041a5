"""Recordings: definitions parse, messages come back, and a crash leaves what was written."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("mcap_ros2")

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped, WrenchStamped
from mcap.exceptions import EndOfFile
from mcap.reader import make_reader
from mcap.records import Message
from mcap.stream_reader import StreamReader
from mcap_ros2.decoder import DecoderFactory
from rclpy.serialization import serialize_message
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from maxent_robot.trials import definitions
from maxent_robot.trials.definitions import DefinitionError, message_class, message_definition
from maxent_robot.trials.mcap_writer import CHUNK_BYTES, McapWriter, RecordingError


def joint_state(i: int) -> JointState:
    message = JointState(name=["a", "b"], position=[0.1 * i, -math.pi], velocity=[], effort=[1e-9])
    message.header.stamp.sec, message.header.stamp.nanosec, message.header.frame_id = 7, i, "base"
    return message


def trajectory() -> JointTrajectory:
    points = [JointTrajectoryPoint(positions=[1.0, 2.0]), JointTrajectoryPoint(positions=[3.0, 4.0], effort=[5.0])]
    return JointTrajectory(joint_names=["a", "b"], points=points)


def status() -> DiagnosticStatus:
    return DiagnosticStatus(
        level=b"\x02", name="supervisor", message="FAULT", values=[KeyValue(key="fault", value="é")]
    )


def wrench() -> WrenchStamped:
    message = WrenchStamped()
    message.wrench.force.z = -12.5
    return message


MESSAGES = {
    "sensor_msgs/msg/JointState": joint_state(3),
    "trajectory_msgs/msg/JointTrajectory": trajectory(),
    "diagnostic_msgs/msg/DiagnosticStatus": status(),
    "geometry_msgs/msg/WrenchStamped": wrench(),
    "geometry_msgs/msg/PoseStamped": PoseStamped(),
}


def same(decoded: object, message: object) -> bool:
    """Whether a decoded message has the values of a ROS message, field by field."""
    if hasattr(message, "get_fields_and_field_types"):
        return all(same(getattr(decoded, f), getattr(message, f)) for f in message.get_fields_and_field_types())
    if isinstance(message, bytes) and len(message) == 1:
        return decoded in (message, message[0])
    if isinstance(message, (str, int, float)):
        return decoded == message
    left, right = list(decoded), list(message)  # type: ignore[call-overload]
    return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))


@pytest.fixture(params=["files", "classes"])
def source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Definitions from `.msg` files, and from the message classes where there are none."""
    message_definition.cache_clear()
    if request.param == "classes":
        monkeypatch.setattr(definitions, "definition_from_files", lambda type_name: None)
    yield request.param
    message_definition.cache_clear()


@pytest.mark.parametrize("type_name", MESSAGES)
def test_messages_come_back_as_they_were(tmp_path: Path, source: str, type_name: str) -> None:
    message = MESSAGES[type_name]
    with McapWriter(tmp_path / "run.mcap") as writer:
        writer.add_topic("/x", type_name, qos="- depth: 1")
        writer.write("/x", serialize_message(message), log_time_ns=20, publish_time_ns=10)
    with (tmp_path / "run.mcap").open("rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        assert reader.get_header().profile == "ros2"
        [(schema, channel, record, decoded)] = reader.iter_decoded_messages()
    assert schema is not None
    assert (schema.name, schema.encoding, channel.message_encoding) == (type_name, "ros2msg", "cdr")
    assert (record.log_time, record.publish_time, channel.topic) == (20, 10, "/x")
    assert channel.metadata["offered_qos_profiles"] == "- depth: 1"
    assert same(decoded, message)
    assert not same(decoded, type(message)()) or message == type(message)()


def test_definitions_hold_each_dependency_once_under_its_full_name(source: str) -> None:
    text = message_definition("geometry_msgs/msg/PoseStamped")
    headings = [line for line in text.splitlines() if line.startswith("MSG: ")]
    assert sorted(headings) == [
        "MSG: builtin_interfaces/Time",
        "MSG: geometry_msgs/Point",
        "MSG: geometry_msgs/Pose",
        "MSG: geometry_msgs/Quaternion",
        "MSG: std_msgs/Header",
    ]


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("double", "float64"),
        ("octet", "byte"),
        ("sequence<double>", "float64[]"),
        ("sequence<geometry_msgs/Point, 8>", "geometry_msgs/Point[<=8]"),
        ("double[36]", "float64[36]"),
        ("string<10>", "string<=10"),
        ("sequence<string>", "string[]"),
    ],
)
def test_class_types_are_written_as_msg_types(declared: str, expected: str) -> None:
    assert definitions._msg_type(declared) == expected


@pytest.mark.parametrize("type_name", ["JointState", "sensor_msgs/JointState", "no_such_msgs/msg/X", "std_msgs/msg/No"])
def test_an_unknown_type_is_named(type_name: str) -> None:
    with pytest.raises(DefinitionError, match=type_name.split("/")[-1]):
        message_class(type_name)


def test_a_recording_that_was_never_closed_keeps_its_finished_chunks(tmp_path: Path) -> None:
    path, message = tmp_path / "run.mcap", serialize_message(joint_state(1))
    writer = McapWriter(path)
    writer.add_topic("/joint_states", "sensor_msgs/msg/JointState")
    total = 4 * CHUNK_BYTES // len(message)
    for i in range(total):
        writer.write("/joint_states", message, i, i)
    writer.sync()
    kept = 0
    with path.open("rb") as file:
        records = StreamReader(file, record_size_limit=None).records
        with contextlib.suppress(EndOfFile):
            for record in records:
                kept += isinstance(record, Message)
    writer.close()
    assert kept > total / 2


def test_a_topic_that_was_not_announced_and_a_file_that_cannot_be_made_are_named(tmp_path: Path) -> None:
    with McapWriter(tmp_path / "new folder" / "run.mcap") as writer:
        writer.add_topic("/a", "std_msgs/msg/String")
        with pytest.raises(RecordingError, match="/b"):
            writer.write("/b", b"", 0, 0)
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match="cannot be written"):
        McapWriter(tmp_path / "file" / "run.mcap")
