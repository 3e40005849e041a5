"""The node `sim_arm` as a process over DDS: real time, the arm's topics, and the semantics of the real controllers."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("mujoco")

import rclpy.parameter
from builtin_interfaces.msg import Duration, Time
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped, WrenchStamped
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from ros_support import NodeProcess, RosGraph, ros_graph, wait_until  # noqa: F401
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import load_robot
from maxent_robot.nodes.messages import diagnostic_values, joint_positions, pose_stamped, stamp_to_s
from maxent_robot.nodes.pacer import MAX_CATCH_UP, RealTimePacer
from maxent_robot.nodes.qos import LATCHED, RELIABLE

pytestmark = pytest.mark.realtime

ROBOT = load_robot("sim")
CHAIN = ROBOT.chain()
STREAM = QoSProfile(depth=500, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)
NOW = Time(sec=0, nanosec=0)


def bring_up(graph: RosGraph, **parameters: Any) -> NodeProcess:
    return graph.bring_up("maxent_robot.nodes.sim_arm", "sim_arm", {"robot": "sim", **parameters})


def tcp(message: JointState) -> Pose:
    return CHAIN.forward(joint_positions(message, ROBOT.joint_names))


def new_scenario(graph: RosGraph, connector: str, seed: int) -> Trigger.Response:
    kinds = ParameterType
    request = SetParameters.Request(
        parameters=[
            Parameter(name="connector", value=ParameterValue(type=kinds.PARAMETER_STRING, string_value=connector)),
            Parameter(name="scenario_seed", value=ParameterValue(type=kinds.PARAMETER_INTEGER, integer_value=seed)),
        ]
    )
    assert all(result.successful for result in graph.call(SetParameters, "sim_arm/set_parameters", request).results)
    return graph.call(Trigger, "sim_arm/new_scenario")


def test_the_pacer_keeps_time_and_never_spirals() -> None:
    pacer = RealTimePacer(0.005, now_s=100.0)
    assert pacer.due(100.0) == 0
    assert pacer.due(100.0101) == 2
    pacer.run += 2
    assert pacer.due(100.0101) == 0
    # A stall of one second: a few cycles are made up for, the rest is dropped, and then time goes on as before.
    assert pacer.due(101.0101) == MAX_CATCH_UP
    pacer.run += MAX_CATCH_UP
    assert pacer.dropped == 200 - MAX_CATCH_UP
    assert pacer.due(101.0101) == 0
    assert pacer.scheduled_s == pytest.approx(1.01)
    assert pacer.due(101.0151) == 1
    pacer.run += 1
    assert pacer.realtime_factor(102.0) == pytest.approx(7 * 0.005 / 2.0)


def test_it_publishes_what_the_arms_driver_publishes_in_real_time(ros_graph: RosGraph) -> None:  # noqa: F811
    joints = ros_graph.collect(JointState, "joint_states", STREAM)
    wrenches = ros_graph.collect(WrenchStamped, "wrench", STREAM)
    sockets = ros_graph.collect(PoseStamped, "socket_pose", LATCHED)
    insertions = ros_graph.collect(PoseStamped, "sim_arm/insertion", RELIABLE)
    diagnostics = ros_graph.collect(DiagnosticStatus, "sim_arm/diagnostics", RELIABLE)
    bring_up(ros_graph)
    wait_until(lambda: len(diagnostics) >= 2, "diagnostics")
    assert list(joints[-1].name) == list(ROBOT.joint_names)
    assert tcp(joints[-1]).position == pytest.approx(CHAIN.forward(ROBOT.home).position, abs=2e-3)
    assert len(joints[-1].velocity) == len(joints[-1].effort) == 7
    assert joints[-1].header.frame_id == sockets[0].header.frame_id == "fr3_link0"
    assert wrenches[-1].header.frame_id == "ft"
    assert np.linalg.norm([getattr(wrenches[-1].wrench.force, axis) for axis in "xyz"]) == pytest.approx(7.4, abs=4.0)
    assert insertions[-1].header.frame_id == "socket"
    assert insertions[-1].pose.position.z < -0.005
    stamps = np.array([stamp_to_s(message.header.stamp) for message in joints])
    steps = np.diff(stamps) / 0.005
    assert steps == pytest.approx(np.round(steps), abs=1e-3)  # whole cycles, whatever was lost on the way
    values = diagnostic_values(diagnostics[-1])
    assert float(values["realtime_factor"]) == pytest.approx(1.0, abs=0.1)
    assert {"overruns", "cycles", "controller", "connector", "scenario_seed"} <= set(values)


def test_the_latest_target_is_followed_but_not_while_a_second_publisher_exists(ros_graph: RosGraph) -> None:  # noqa: F811
    joints = ros_graph.collect(JointState, "joint_states", STREAM)
    process = bring_up(ros_graph)
    wait_until(lambda: len(joints) > 5, "joint states")
    start = tcp(joints[-1])
    publisher = ros_graph.node.create_publisher(PoseStamped, "target_pose", RELIABLE)
    wait_until(lambda: publisher.get_subscription_count() > 0, "the arm's subscription")
    there = Pose(start.position + [0.0, 0.0, 0.01], start.quaternion)
    publisher.publish(pose_stamped(there, ROBOT.base_frame, NOW))
    wait_until(lambda: abs(tcp(joints[-1]).position[2] - there.position[2]) < 2e-3, "the target")
    second = ros_graph.node.create_publisher(PoseStamped, "target_pose", RELIABLE)
    wait_until(lambda: second.get_subscription_count() > 0, "the arm's subscription")
    for source in (second, publisher):
        source.publish(pose_stamped(start, ROBOT.base_frame, NOW))
    wait_until(lambda: "target ignored: /target_pose has 2 publishers" in process.output(), "the warning")
    assert tcp(joints[-1]).position[2] == pytest.approx(there.position[2], abs=2e-3)
    ros_graph.node.destroy_publisher(second)
    wait_until(lambda: ros_graph.node.count_publishers("target_pose") == 1, "one publisher")

    def back() -> bool:
        publisher.publish(pose_stamped(start, ROBOT.base_frame, NOW))
        return bool(abs(tcp(joints[-1]).position[2] - start.position[2]) < 2e-3)

    wait_until(back, "the way back")


def test_a_target_that_makes_no_sense_is_ignored(ros_graph: RosGraph) -> None:  # noqa: F811
    joints = ros_graph.collect(JointState, "joint_states", STREAM)
    process = bring_up(ros_graph)
    wait_until(lambda: len(joints) > 5, "joint states")
    start = tcp(joints[-1])
    publisher = ros_graph.node.create_publisher(PoseStamped, "target_pose", RELIABLE)
    wait_until(lambda: publisher.get_subscription_count() > 0, "the arm's subscription")
    away = Pose(start.position + 0.1, start.quaternion)
    for pose, frame in ((away, "map"), (Pose(away.position * np.nan, away.quaternion), ROBOT.base_frame)):
        publisher.publish(pose_stamped(pose, frame, NOW))
        joints.clear()
        wait_until(lambda: len(joints) > 60, "joint states")
        assert tcp(joints[-1]).position == pytest.approx(start.position, abs=2e-3)
    assert "target ignored: frame_id is 'map', must be 'fr3_link0'" in process.output()


def test_a_new_scenario_and_its_refusal(ros_graph: RosGraph) -> None:  # noqa: F811
    sockets = ros_graph.collect(PoseStamped, "socket_pose", LATCHED)
    joints = ros_graph.collect(JointState, "joint_states", STREAM)
    bring_up(ros_graph)
    wait_until(lambda: len(sockets) == 1 and len(joints) > 5, "the first socket")
    answer = new_scenario(ros_graph, "usb_a", 7)
    assert answer.success, answer.message
    wait_until(lambda: len(sockets) == 2, "the new socket")
    assert sockets[0].pose != sockets[1].pose
    answer = new_scenario(ros_graph, "schuko", 7)
    assert (answer.success, answer.message) == (False, "connector is 'schuko', must be one of two_pin, usb_a")
    # Down to where the plug would be in the way.
    publisher = ros_graph.node.create_publisher(PoseStamped, "target_pose", RELIABLE)
    wait_until(lambda: publisher.get_subscription_count() > 0, "the arm's subscription")
    place = sockets[-1].pose.position

    def down() -> bool:
        now = tcp(joints[-1])
        goal = np.array([place.x, place.y, place.z + 0.002])
        step = np.clip(goal - now.position, -0.008, 0.008)
        publisher.publish(pose_stamped(Pose(now.position + step, now.quaternion), ROBOT.base_frame, NOW))
        return bool(now.position[2] - place.z < 0.004)

    wait_until(down, "the way down", timeout_s=20.0)
    answer = new_scenario(ros_graph, "two_pin", 8)
    assert not answer.success
    assert "must be 5.0 mm" in answer.message


def test_trajectories_are_followed_and_malformed_ones_refused(ros_graph: RosGraph) -> None:  # noqa: F811
    joints = ros_graph.collect(JointState, "joint_states", STREAM)
    process = bring_up(ros_graph, controller="jtc")
    topic = ROBOT.topics.joint_trajectory
    publisher = ros_graph.node.create_publisher(JointTrajectory, topic, RELIABLE)
    wait_until(lambda: publisher.get_subscription_count() > 0 and len(joints) > 5, "the arm")
    goal = np.array(ROBOT.home) + 0.04

    def trajectory(velocity: float) -> JointTrajectory:
        point = JointTrajectoryPoint(
            positions=goal.tolist(), velocities=[velocity] * 7, time_from_start=Duration(sec=0, nanosec=400_000_000)
        )
        return JointTrajectory(joint_names=list(ROBOT.joint_names), points=[point])

    publisher.publish(trajectory(velocity=0.3))
    wait_until(lambda: "trajectory ignored: the last point moves at 0.3 rad/s" in process.output(), "the refusal")
    assert joint_positions(joints[-1], ROBOT.joint_names) == pytest.approx(ROBOT.home, abs=3e-3)
    publisher.publish(trajectory(velocity=0.0))
    wait_until(lambda: bool(np.abs(joint_positions(joints[-1], ROBOT.joint_names) - goal).max() < 5e-3), "the goal")


def test_sim_time_is_published_on_the_clock(ros_graph: RosGraph) -> None:  # noqa: F811
    clocks = ros_graph.collect(Clock, "/clock", RELIABLE)
    joints = ros_graph.collect(JointState, "joint_states", STREAM)
    bring_up(ros_graph, use_sim_time=True)
    wait_until(lambda: len(clocks) > 50 and len(joints) > 50, "the clock")
    times = np.array([stamp_to_s(clock.clock) for clock in clocks])
    assert (np.diff(times) > 0.0).all()
    assert stamp_to_s(joints[-1].header.stamp) == pytest.approx(times[-1], abs=0.5)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"connector": "schuko"}, "connector is 'schuko', must be one of two_pin, usb_a"),
        ({"controller": "pid"}, "controller is 'pid', must be one of crisp, jtc"),
        ({"robot": "lathe"}, "no robot 'lathe'"),
    ],
)
def test_a_mistake_in_the_parameters_is_one_clear_line(
    ros_graph: RosGraph,  # noqa: F811
    parameters: dict[str, str],
    reason: str,
) -> None:
    process = ros_graph.start("maxent_robot.nodes.sim_arm", "sim_arm", {"autostart": True, **parameters})
    assert process.wait() == 1
    assert reason in process.output()
    assert "Traceback" not in process.output()


def test_it_can_be_disturbed_while_it_runs_and_tells_a_judge_the_truth(ros_graph: RosGraph) -> None:  # noqa: F811
    joints = ros_graph.collect(JointState, "joint_states", STREAM)
    wrenches = ros_graph.collect(WrenchStamped, "wrench", STREAM)
    truth = ros_graph.collect(JointState, "sim_arm/truth/joint_states", RELIABLE)
    contacts = ros_graph.collect(WrenchStamped, "sim_arm/truth/contact", RELIABLE)
    bring_up(ros_graph, publish_truth=True)
    wait_until(lambda: len(contacts) > 5 and len(wrenches) > 5, "the truth")

    def disturb(**values: Any) -> tuple[bool, str]:
        parameters = [rclpy.parameter.Parameter(f"disturbance.{name}", value=value) for name, value in values.items()]
        request = SetParameters.Request(parameters=[parameter.to_parameter_msg() for parameter in parameters])
        results = ros_graph.call(SetParameters, "sim_arm/set_parameters", request).results
        return all(result.successful for result in results), "".join(result.reason for result in results)

    assert disturb(payload_kg=20.0) == (False, "disturbance: payload_kg: 20.0 kg is too large (allowed: 0 to 10 kg)")
    assert disturb(stuck_joint="elbow")[1].startswith("stuck_joint is 'elbow'")
    assert disturb(wrench_dropout=True, joint_state_delay_s=0.3)[0]
    time.sleep(0.6)
    silent = len(wrenches)
    delay_s = stamp_to_s(truth[-1].header.stamp) - stamp_to_s(joints[-1].header.stamp)
    assert delay_s == pytest.approx(0.3, abs=0.15)
    assert disturb(joint_state_dropout=True)[0]
    time.sleep(0.2)
    still, true = len(joints), len(truth)
    time.sleep(0.3)
    assert (len(joints), len(wrenches)) == (still, silent)
    assert len(truth) > true
    assert disturb(joint_state_dropout=False, wrench_dropout=False, joint_state_delay_s=0.0, payload_kg=1.0)[0]
    wait_until(lambda: len(joints) > still + 5 and len(wrenches) > silent + 5, "both again")
    wait_until(lambda: abs(wrenches[-1].wrench.force.z - wrenches[0].wrench.force.z) > 6.0, "the payload")
    target = ros_graph.node.create_publisher(PoseStamped, "target_pose", RELIABLE)
    for inactive, listeners in ((False, 1), (True, 0), (False, 1)):
        assert disturb(controller_inactive=inactive)[0]
        wait_until(lambda n=listeners: target.get_subscription_count() == n, "the controller")  # type: ignore[misc]
