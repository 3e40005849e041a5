"""The supervisor as a process, over DDS on a private domain, with a small ideal arm in the test process."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter
from ros_support import NodeProcess, RosGraph, ros_graph, wait_until  # noqa: F401  the fixture
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from maxent_robot.config import to_mapping
from maxent_robot.control.kinematics import InverseKinematicsError
from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import load_robot
from maxent_robot.nodes.messages import (
    diagnostic_status,
    diagnostic_values,
    joint_positions,
    pose_from_msg,
    pose_stamped,
)
from maxent_robot.nodes.qos import LATCHED, RELIABLE, SENSOR
from maxent_robot.paths import find_skill
from maxent_robot.safety.limits import load_limits
from maxent_robot.safety.wrench import tool_weight
from maxent_robot.skill.bundle import load_bundle

pytestmark = pytest.mark.realtime

MODULE = "maxent_robot.nodes.supervisor_node"
ROBOT = load_robot("sim")
CHAIN = ROBOT.chain()
HOME = CHAIN.forward(np.array(ROBOT.home))


@dataclass
class IdealArm:
    """Publishes joint states and wrenches at 100 Hz and goes to each target pose within one cycle."""

    node: Node
    controller: Node
    joint_names: list[str] = field(default_factory=lambda: list(ROBOT.joint_names))
    force_z: float = 0.0
    publishes_joint_states: bool = True
    publishes_wrench: bool = True
    stuck: bool = False

    def __post_init__(self) -> None:
        self.q = np.array(ROBOT.home)
        self.targets: list[Pose] = []
        self._lock = threading.Lock()
        self._joint_states = self.node.create_publisher(JointState, "joint_states", SENSOR)
        self._wrenches = self.node.create_publisher(WrenchStamped, "wrench", SENSOR)
        self.listener = self.controller.create_subscription(PoseStamped, "target_pose", self._on_target, RELIABLE)
        self.node.create_timer(0.01, self._publish)

    @property
    def travelled_m(self) -> float:
        """Largest distance of any target from where the arm began."""
        with self._lock:
            return max((float(np.linalg.norm(t.position - HOME.position)) for t in self.targets), default=0.0)

    def _on_target(self, message: PoseStamped) -> None:
        with self._lock:
            self.targets.append(pose_from_msg(message.pose))

    def _publish(self) -> None:
        with self._lock:
            target = self.targets[-1] if self.targets else None
        previous = self.q
        if target is not None and not self.stuck:
            try:
                self.q = CHAIN.inverse(target, self.q)
            except InverseKinematicsError:
                self.q = previous
        stamp = self.node.get_clock().now().to_msg()
        if self.publishes_joint_states:
            state = JointState(name=self.joint_names, position=self.q.tolist())
            state.header.stamp = stamp
            self._joint_states.publish(state)
        if self.publishes_wrench:
            wrench = WrenchStamped()
            wrench.header.stamp, wrench.header.frame_id = stamp, ROBOT.ft_frame
            weight = tool_weight(ROBOT.tool.mass, ROBOT.tool.center_of_mass, CHAIN.forward(self.q).quaternion)
            wrench.wrench.force.x, wrench.wrench.force.y = weight[0], weight[1]
            wrench.wrench.force.z = weight[2] + self.force_z
            wrench.wrench.torque.x, wrench.wrench.torque.y, wrench.wrench.torque.z = weight[3:]
            self._wrenches.publish(wrench)


@dataclass
class Bench:
    """The graph, the arm, and what the supervisor says."""

    graph: RosGraph
    arm: IdealArm
    states: list[DiagnosticStatus]
    faults: list[DiagnosticStatus]
    supervisor: NodeProcess

    @property
    def state(self) -> str:
        return self.states[-1].message if self.states else ""

    @property
    def values(self) -> dict[str, str]:
        return diagnostic_values(self.states[-1])

    def request(self, name: str) -> tuple[bool, str]:
        response = self.graph.call(Trigger, f"supervisor/{name}")
        return response.success, response.message

    def arm_it(self) -> None:
        """Arm as soon as it agrees: discovery and the tare take a moment."""
        wait_until(lambda: self.request("arm")[0], "arming", 30.0)
        self.wait_for("ARMED")

    def wait_for(self, state: str) -> None:
        wait_until(lambda: self.state == state, f"state {state} (last {self.states[-1:]})", 30.0)

    def fault_names(self) -> list[str]:
        return [diagnostic_values(fault)["fault"] for fault in self.faults]


@pytest.fixture
def limits_file(tmp_path: Path) -> Path:
    """The limits of the simulated arm with the ages of a machine that does ten other things."""
    mapping = to_mapping(load_limits("sim"))
    mapping["ages"] |= {
        "joint_state_s": 0.6,
        "wrench_s": 0.6,
        "message_s": 1.0,
        "heartbeat_s": 0.5,
        "action_hold_s": 0.6,
    }
    mapping["joints"]["acceleration_fraction"] = 4.0  # the ideal arm has no inertia
    mapping["reactions"] = {"OUT_OF_DISTRIBUTION": "hold"}
    path = tmp_path / "limits.yaml"
    path.write_text(yaml.safe_dump(mapping))
    return path


@pytest.fixture
def bench(ros_graph: RosGraph, limits_file: Path) -> Bench:  # noqa: F811
    return start_bench(ros_graph, limits_file)


def make_arm(graph: RosGraph, names: list[str] | None = None) -> IdealArm:
    """The arm of the graph's node, with a controller of the name that the supervisor looks for."""
    return IdealArm(graph.node, graph.add_node(ROBOT.controller), names or list(ROBOT.joint_names))


def start_bench(graph: RosGraph, limits: Path, arm: IdealArm | None = None, **parameters: object) -> Bench:
    arm = arm or make_arm(graph)
    states = graph.collect(DiagnosticStatus, "supervisor/state", LATCHED)
    faults = graph.collect(DiagnosticStatus, "supervisor/fault", LATCHED)
    values = {"robot": "sim", "limits": str(limits), "policy_period_s": 0.2, "autostart": True, **parameters}
    process = graph.start(MODULE, "supervisor", values)
    for service in ("arm", "start", "stop", "reset"):
        graph.client(Trigger, f"supervisor/{service}")
    graph.wait_for_state("supervisor", "active")
    wait_until(lambda: bool(states), "a state", 30.0)
    return Bench(graph, arm, states, faults, process)


def publish_twist(bench: Bench, linear_x: float, rate_hz: float = 25.0) -> None:
    """Publish a candidate twist until the graph ends."""
    publisher = bench.graph.node.create_publisher(TwistStamped, "candidate_twist", RELIABLE)

    def publish() -> None:
        message = TwistStamped()
        message.header.stamp = bench.graph.node.get_clock().now().to_msg()
        message.header.frame_id = ROBOT.base_frame
        message.twist.linear.x = linear_x
        publisher.publish(message)

    bench.graph.node.create_timer(1.0 / rate_hz, publish)


def test_it_arms_follows_the_policy_stops_and_ends_cleanly(bench: Bench) -> None:
    assert bench.state == "INACTIVE"
    assert "not safety-rated" in bench.values["safety"]
    assert not bench.request("start")[0]
    bench.arm_it()
    publish_twist(bench, 0.02)
    assert bench.request("start") == (True, "started")
    bench.wait_for("RUNNING")
    wait_until(lambda: bench.arm.travelled_m > 0.01, "motion of the target", 30.0)
    assert bench.request("arm")[0] is False
    assert bench.request("stop")[0]
    bench.wait_for("HOLD")
    held = bench.arm.travelled_m
    assert "latency_p50_ms" in bench.values
    assert bench.request("reset") == (True, "reset to ARMED")
    bench.wait_for("ARMED")
    assert bench.arm.travelled_m == pytest.approx(held, abs=1e-4)
    assert bench.supervisor.stop(signal.SIGTERM) == 0
    assert "not safety-rated" in bench.supervisor.output()
    np.testing.assert_allclose(bench.arm.targets[-1].position, CHAIN.forward(bench.arm.q).position, atol=1e-3)


def test_a_move_goes_to_its_goal_and_back_to_armed(bench: Bench) -> None:
    bench.arm_it()
    goals = bench.graph.node.create_publisher(PoseStamped, "supervisor/move_target", RELIABLE)
    now = bench.graph.node.get_clock().now().to_msg()
    far = pose_stamped(Pose(np.array([9.0, 0.0, 0.0]), HOME.quaternion), ROBOT.base_frame, now)
    # The two sides of a connection do not find each other at the same moment: repeat until it is heard.
    repeat = bench.graph.node.create_timer(0.3, lambda: goals.publish(far))
    wait_until(lambda: bench.values["move"].startswith("refused: WORKSPACE"), "the refusal", 30.0)
    repeat.cancel()
    time.sleep(0.3)
    asked = int(bench.values["move_count"])
    goal = Pose(HOME.position + np.array([0.03, -0.02, 0.02]), HOME.quaternion)
    goals.publish(pose_stamped(goal, ROBOT.base_frame, now))
    wait_until(lambda: bench.values["move"] == "reached", "the goal", 30.0, lambda: (bench.state, bench.values))
    assert bench.state == "ARMED"
    assert int(bench.values["move_count"]) == asked + 1
    np.testing.assert_allclose(CHAIN.forward(bench.arm.q).position, goal.position, atol=0.003)


@pytest.mark.parametrize("topic", ["joint_states", "wrench"])
def test_it_does_not_arm_without_a_topic(ros_graph: RosGraph, limits_file: Path, topic: str) -> None:  # noqa: F811
    arm = make_arm(ros_graph)
    arm.publishes_joint_states, arm.publishes_wrench = topic != "joint_states", topic != "wrench"
    bench = start_bench(ros_graph, limits_file, arm)
    wait_until(lambda: f"{topic}: no message yet" in bench.request("arm")[1], f"a refusal that names {topic}", 30.0)
    assert bench.state == "INACTIVE"
    assert bench.arm.targets == []


def test_it_does_not_arm_when_a_joint_name_is_not_there(ros_graph: RosGraph, limits_file: Path) -> None:  # noqa: F811
    names = ["elbow" if name == "fr3_joint4" else name for name in ROBOT.joint_names]
    bench = start_bench(ros_graph, limits_file, make_arm(ros_graph, names))
    wait_until(lambda: "fr3_joint4 is not there" in bench.request("arm")[1], "a refusal that names the joint", 30.0)
    assert bench.arm.targets == []


def test_a_stale_input_stops_it_and_stays_latched_until_a_reset(bench: Bench) -> None:
    bench.arm_it()
    bench.arm.publishes_joint_states = False
    bench.wait_for("FAULT")
    assert "STALE_JOINT_STATE" in bench.fault_names()
    success, message = bench.request("reset")
    assert not success
    assert "joint_states" in message
    bench.arm.publishes_joint_states = True
    assert bench.state == "FAULT"
    wait_until(lambda: bench.request("reset")[0], "the reset", 30.0)
    bench.wait_for("INACTIVE")
    bench.arm_it()


def test_a_contact_force_over_the_ceiling_lets_go(bench: Bench) -> None:
    bench.arm_it()
    publish_twist(bench, -0.02)
    assert bench.request("start")[0]
    bench.wait_for("RUNNING")
    bench.arm.force_z = 45.0
    bench.wait_for("FAULT")
    assert "FORCE" in bench.fault_names()
    count = len(bench.arm.targets)
    wait_until(lambda: len(bench.arm.targets) > count + 20, "more targets")
    after = np.array([target.position for target in bench.arm.targets[count + 5 :]])
    assert np.ptp(after, axis=0).max() < 1e-4


@pytest.mark.parametrize(("lives", "fault"), [(True, "STALE_ACTION"), (False, "HEARTBEAT_LOST")])
def test_silence_of_the_policy_ends_in_hold(bench: Bench, lives: bool, fault: str) -> None:
    telemetry = bench.graph.node.create_publisher(DiagnosticStatus, "policy/telemetry", RELIABLE)
    if lives:
        bench.graph.node.create_timer(0.05, lambda: telemetry.publish(DiagnosticStatus(message="no action")))
        wait_until(lambda: telemetry.get_subscription_count() > 0, "the supervisor listens", 30.0)
    bench.arm_it()
    assert bench.request("start")[0]
    bench.wait_for("HOLD")
    assert bench.fault_names()[-1] == fault
    assert bench.arm.travelled_m < 1e-3


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"robot": "other 0123456789ab"}, "CONTRACT_MISMATCH"),
        ({"novelty": 2.5, "strangest": "force.z"}, "OUT_OF_DISTRIBUTION"),
        ({"entropy": "nan"}, "NONFINITE"),
        ({"inference_ms": "soon"}, "NAME_OR_SIZE_MISMATCH"),
    ],
)
def test_what_the_policy_says_of_itself_stops_it(bench: Bench, said: dict[str, object], fault: str) -> None:
    telemetry = bench.graph.node.create_publisher(DiagnosticStatus, "policy/telemetry", RELIABLE)
    saying: dict[str, object] = {"robot": ROBOT.fingerprint(), "period_s": 0.2, "entropy": -5.0, "novelty": "nan"}

    def say() -> None:
        telemetry.publish(diagnostic_status(DiagnosticStatus.OK, "policy", "skill", saying))

    bench.graph.node.create_timer(0.05, say)
    bench.arm_it()
    publish_twist(bench, 0.02)
    assert bench.request("start")[0]
    bench.wait_for("RUNNING")
    saying.update(said)
    wait_until(lambda: fault in bench.fault_names(), f"{fault} (last {bench.faults[-1:]})", 30.0)
    bench.wait_for("HOLD" if fault == "OUT_OF_DISTRIBUTION" else "FAULT")
    success, message = bench.request("start")
    assert not success
    assert message.startswith("start refused")


def test_a_skill_that_is_not_the_expected_one_is_not_followed(ros_graph: RosGraph, limits_file: Path) -> None:  # noqa: F811
    bench = start_bench(ros_graph, limits_file, skill="plug_insertion", policy_period_s=0.05)
    telemetry = ros_graph.node.create_publisher(DiagnosticStatus, "policy/telemetry", RELIABLE)
    saying = {"robot": ROBOT.fingerprint(), "actor_sha256": "0" * 64}
    bench.arm_it()
    assert "the policy has not told which actor it runs" in bench.request("start")[1]
    ros_graph.node.create_timer(
        0.05, lambda: telemetry.publish(diagnostic_status(DiagnosticStatus.OK, "policy", "skill", saying))
    )
    wait_until(lambda: "BUNDLE_HASH: SHA-256 of the policy's actor is 000000000000" in bench.request("start")[1], "it")
    saying["actor_sha256"] = load_bundle(find_skill("plug_insertion")).manifest.files["actor.onnx"]
    wait_until(lambda: bench.request("start")[0], "the start", 30.0)


def test_limits_can_not_be_changed_once_they_are_in_force(bench: Bench) -> None:
    def change(name: str, value: bool | float | str) -> tuple[bool, str]:
        request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
        result = bench.graph.call(SetParameters, "supervisor/set_parameters", request).results[0]
        return result.successful, result.reason

    changes: dict[str, bool | float | str] = {
        "limits": "sim",
        "robot": "fr3",
        "skill": "plug_insertion",
        "policy_period_s": 0.5,
        "dry_run": True,
        "use_sim_time": True,
    }
    for state in ("INACTIVE", "ARMED"):
        if state == "ARMED":
            bench.arm_it()
        for name, value in changes.items():
            assert change(name, value) == (
                False,
                f"{name}: fixed in {state}; read by configure, so cleanup first",
            )
    for transition in ("deactivate", "cleanup"):
        assert bench.graph.change_state("supervisor", transition)
    assert change("policy_period_s", 0.1) == (True, "")


def test_a_controller_that_is_gone_is_a_fault(bench: Bench) -> None:
    bench.graph.collect(PoseStamped, "target_pose", RELIABLE)  # a recorder is not a controller
    bench.arm_it()
    bench.arm.controller.destroy_subscription(bench.arm.listener)
    bench.wait_for("FAULT")
    assert bench.fault_names()[-1] == "CONTROLLER_INACTIVE"
    assert "number of controllers sim_arm that listen to /target_pose is 0" in bench.request("reset")[1]


@pytest.mark.parametrize("key", ["sim_arm", "sim_arm.state"])
def test_a_controller_that_its_manager_has_deactivated_is_a_fault(bench: Bench, key: str) -> None:
    publisher = bench.graph.node.create_publisher(DiagnosticArray, "/diagnostics", 10)

    def say(state: str) -> None:
        values = [KeyValue(key="joint_state_broadcaster", value="active"), KeyValue(key=key, value=state)]
        status = DiagnosticStatus(name="controller_manager: Controllers Activity", values=values)
        publisher.publish(DiagnosticArray(status=[status]))

    bench.arm_it()
    say("active")
    time.sleep(0.5)
    assert bench.state == "ARMED"
    say("inactive")
    bench.wait_for("FAULT")
    assert (
        bench.faults[-1].message
        == "CONTROLLER_INACTIVE: state of the controller sim_arm is inactive, allowed is active"
    )
    say("active")
    wait_until(lambda: bench.request("reset")[0], "the reset", 30.0)


@pytest.mark.parametrize(("kind", "topic"), [(TwistStamped, "candidate_twist"), (DiagnosticStatus, "policy/telemetry")])
def test_a_policy_whose_quality_of_service_does_not_fit_is_named(bench: Bench, kind: type, topic: str) -> None:
    bench.graph.node.create_publisher(kind, topic, SENSOR)
    named = f"QOS_INCOMPATIBLE: number of publishers on /{topic} whose quality of service does not fit is 1"
    wait_until(lambda: named in bench.values["problem"], "a state that names it", 30.0)
    assert named in bench.request("arm")[1]


def diagnoses(told: list[DiagnosticArray]) -> set[tuple[str, str]]:
    """Name and message of everything diagnosed so far."""
    return {(status.name, status.message) for message in list(told) for status in message.status}


def test_what_the_robot_says_of_itself_stops_the_arm(ros_graph: RosGraph, limits_file: Path, tmp_path: Path) -> None:  # noqa: F811
    mapping = to_mapping(ROBOT)
    mapping["hardware"], mapping["topics"]["running"] = ["driver"], "robot_running"
    robot = tmp_path / "robot.yaml"
    robot.write_text(yaml.safe_dump(mapping))
    bench = start_bench(ros_graph, limits_file, robot=str(robot))
    running = ros_graph.node.create_publisher(Bool, "robot_running", LATCHED)
    diagnostics = ros_graph.node.create_publisher(DiagnosticArray, "/diagnostics", 10)
    told = ros_graph.collect(DiagnosticArray, "/diagnostics", 10)

    def diagnose(level: bytes, name: str = "driver: joint 3", text: str = "too hot") -> None:
        diagnostics.publish(DiagnosticArray(status=[DiagnosticStatus(level=level, name=name, message=text)]))

    running.publish(Bool(data=True))
    bench.arm_it()
    diagnose(DiagnosticStatus.ERROR, "camera")
    running.publish(Bool(data=False))
    bench.wait_for("FAULT")
    assert bench.fault_names()[-1] == "ROBOT_SAFETY_STOP"
    running.publish(Bool(data=True))
    wait_until(lambda: bench.request("reset")[0], "the reset", 30.0)
    bench.arm_it()
    diagnose(DiagnosticStatus.ERROR)
    bench.wait_for("FAULT")
    assert bench.faults[-1].message == "HARDWARE: diagnosis of driver: joint 3 is too hot, allowed is no error"
    assert diagnostic_values(bench.faults[-1])["reaction"] == "release"
    wait_until(lambda: ("supervisor", "FAULT") in diagnoses(told), "the fault on /diagnostics", 30.0)
    diagnose(DiagnosticStatus.OK)
    wait_until(lambda: bench.request("reset")[0], "the reset", 30.0)


@pytest.mark.parametrize("topic", ["target_pose", "candidate_twist"])
def test_a_second_publisher_is_a_fault(bench: Bench, topic: str) -> None:
    bench.arm_it()
    kind = PoseStamped if topic == "target_pose" else TwistStamped
    intruders = [bench.graph.node.create_publisher(kind, topic, RELIABLE) for _ in range(2)]
    bench.wait_for("FAULT")
    assert "SECOND_PUBLISHER" in bench.fault_names()
    assert topic in bench.request("reset")[1]
    for intruder in intruders:
        bench.graph.node.destroy_publisher(intruder)
    wait_until(lambda: bench.request("reset")[0], "the reset", 30.0)


def test_dry_run_publishes_what_it_would_send_but_sends_nothing(ros_graph: RosGraph, limits_file: Path) -> None:  # noqa: F811
    bench = start_bench(ros_graph, limits_file, dry_run=True)
    commanded = ros_graph.collect(PoseStamped, "commanded_pose", RELIABLE)
    bench.arm_it()
    wait_until(lambda: len(commanded) > 10, "commanded poses", 30.0)
    assert ros_graph.node.count_publishers("target_pose") == 0
    assert bench.arm.targets == []


def test_a_wrong_parameter_is_one_line_and_exit_status_1(ros_graph: RosGraph) -> None:  # noqa: F811
    process = ros_graph.start(MODULE, "supervisor", {"robot": "no_such_robot", "autostart": True})
    assert process.wait() == 1
    lines = [line for line in process.output().splitlines() if "no_such_robot" in line]
    assert len(lines) == 1
    assert "sim" in lines[0]
    assert "Traceback" not in process.output()


def test_joint_positions_are_found_by_name_and_a_missing_one_lists_the_names() -> None:
    message = JointState(name=["b", "a"], position=[2.0, 1.0])
    np.testing.assert_array_equal(joint_positions(message, ["a", "b"]), [1.0, 2.0])
    with pytest.raises(Exception, match="joint c is not in the JointState, which has b, a"):
        joint_positions(message, ["a", "c"])
