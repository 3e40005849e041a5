"""The policy node as a process over DDS: the observation it builds is the simulator's, and what it refuses it says."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy")
pytest.importorskip("mujoco")

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import TwistStamped
from policy_surroundings import Feeder, Snapshot, at_rest, bring_up, feed_until, start
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from ros_support import NodeProcess, RosGraph, ros_graph, wait_until  # noqa: F401
from skill_bundles import make_bundle
from std_msgs.msg import Float32MultiArray

from maxent_robot.config import to_mapping
from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import ImpedanceSetting, RobotConfig, ToolSetting, load_robot
from maxent_robot.inference import EntropyAwareSampler, OnnxActor
from maxent_robot.nodes.messages import diagnostic_values
from maxent_robot.nodes.qos import LATCHED
from maxent_robot.safety.wrench import tool_weight
from maxent_robot.skill import FRAME_SIZE, action_to_twist
from maxent_robot.skill.bundle import SkillBundle, load_bundle
from sim.plug.config import PlugConfig, Randomisation, Start
from sim.plug.scenario import tool_center_of_mass, tool_mass
from sim.plug.task import PlugTask

pytestmark = pytest.mark.realtime

FORCE, PREVIOUS_ACTION = slice(6, 9), slice(18, 24)


@dataclasses.dataclass(frozen=True)
class Recording:
    """A run of the simulator, and the robot with the tool that it carried."""

    robot: RobotConfig
    snapshots: list[Snapshot]


def simulate(bundle: SkillBundle, steps: int, seed: int) -> Recording:
    """Run the simulator's core under the skill, from a start inside the socket, with sensors that are exact."""
    exact = Randomisation(
        force_bias_n=0.0, torque_bias_nm=0.0, force_noise_n=0.0, torque_noise_nm=0.0, force_dead_zone_n=0.0,
        observation_delay_max=0, command_delay_max=0,
    )  # fmt: skip
    config = PlugConfig(randomisation=exact, start=Start(on_axis_fraction=1.0, on_axis_depth_m=(0.006, 0.012)))
    task, actor, sampler = PlugTask(config, 1), OnnxActor(bundle), EntropyAwareSampler("mean")
    raw: list[np.ndarray] = []
    means = task.physics._means

    def record(reading: np.ndarray, tcp: Pose) -> Any:
        raw.append(-reading[0])  # (10, 6), 1 kHz, environment on tool
        return means(reading, tcp)

    task.physics._means = record  # type: ignore[method-assign]
    task.begin(0, (seed,))
    model = task.physics.models[0]
    tool = ToolSetting(tool_mass(model), tuple(tool_center_of_mass(model, task.robot).tolist()))
    ft = task.chain.forward(task.physics.joint_positions[0]) @ task.robot.T_ft_tcp().inverse()
    wrenches = np.tile(tool_weight(tool.mass, tool.center_of_mass, ft.quaternion), (60, 1))
    snapshots = []
    for _ in range(steps):
        observation = task.observe()
        snapshots.append(
            Snapshot(task.physics.joint_positions[0], wrenches, task.target[0], task.estimate[0], observation[0])
        )
        task.advance(sampler(*actor(observation)).action)
        wrenches = np.concatenate(raw).reshape(-1, 5, 6).mean(axis=1)
        raw.clear()
    return Recording(dataclasses.replace(task.robot, tool=tool), snapshots)


def last_frame(observations: Sequence[Any], part: slice) -> np.ndarray:
    """A part of the newest frame of the newest observation."""
    return np.array(observations[-1].data)[-FRAME_SIZE:][part]


def longer(received: Sequence[object], count: int) -> Callable[[], bool]:
    return lambda: len(received) > count


def says(process: NodeProcess, text: str) -> bool:
    return text in process.output()


@pytest.fixture
def slow_bundle(tmp_path: Path) -> SkillBundle:
    """A skill with time between two steps to exchange the messages in."""
    return make_bundle(tmp_path, seed=3, policy_period_s=0.2)


def test_the_node_observes_what_the_simulator_observes(
    ros_graph: RosGraph,  # noqa: F811
    slow_bundle: SkillBundle,
    tmp_path: Path,
) -> None:
    recording = simulate(slow_bundle, steps=12, seed=5)
    snapshots = recording.snapshots
    assert max(np.linalg.norm(s.observation[-FRAME_SIZE:][FORCE]) for s in snapshots) > 1.0, (
        "the comparison needs contact"
    )
    robot_file = tmp_path / "robot.yaml"
    robot_file.write_text(yaml.safe_dump(to_mapping(recording.robot)))
    observations = ros_graph.collect(Float32MultiArray, "policy/observation")
    twists = ros_graph.collect(TwistStamped, "candidate_twist")
    feeder = Feeder(ros_graph, recording.robot)
    lost = []
    for _ in range(3):
        process = bring_up(ros_graph, slow_bundle, robot=str(robot_file))
        for number, snapshot in enumerate(snapshots):
            feeder.take(snapshot)
            feed_until(feeder, longer(observations, number), f"observation {number}")
        observed = np.array([observation.data for observation in observations[: len(snapshots)]])
        error = np.abs(observed - np.array([snapshot.observation for snapshot in snapshots])).max(axis=1)
        if error.max() <= 1e-6:
            break
        # Best effort may lose a sample, and a step that came late may be followed by one amid the next messages.
        lost.append(f"step {int(np.argmax(error > 1e-6))} by {error.max():.2g}")
        process.stop()
        observations.clear()
        twists.clear()
    assert len(lost) < 3, f"differs in each of three runs: {', '.join(lost)}"
    wait_until(lambda: len(twists) >= len(snapshots), "twists")
    actor, sampler = OnnxActor(slow_bundle), EntropyAwareSampler("mean")
    for twist, snapshot in zip(twists, snapshots, strict=False):
        action = sampler(*actor(snapshot.observation[None])).action[0]
        linear, angular = twist.twist.linear, twist.twist.angular
        seen = [linear.x, linear.y, linear.z, angular.x, angular.y, angular.z]
        assert seen == pytest.approx(action_to_twist(action, snapshot.socket), abs=1e-7)
        assert twist.header.frame_id == "fr3_link0"


def set_parameters(graph: RosGraph, **values: str) -> None:
    request = SetParameters.Request(
        parameters=[
            Parameter(name=name, value=ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=value))
            for name, value in values.items()
        ]
    )
    assert all(result.successful for result in graph.call(SetParameters, "policy/set_parameters", request).results)


def test_each_missing_input_is_named_and_nothing_is_published(ros_graph: RosGraph, tmp_path: Path) -> None:  # noqa: F811
    telemetry = ros_graph.collect(DiagnosticStatus, "policy/telemetry")
    twists = ros_graph.collect(TwistStamped, "candidate_twist")
    robot = load_robot("sim")
    feeder = Feeder(ros_graph, robot)
    bring_up(ros_graph, make_bundle(tmp_path))
    feeder.take(at_rest(robot))
    parts = {"joints": False, "wrench": False, "socket": False, "target": False}

    def complains_of(text: str) -> Callable[[], bool]:
        return lambda: any(t.level == DiagnosticStatus.WARN and text in t.message for t in telemetry)

    for part, topic in (
        ("joints", "joint_states"),
        ("wrench", "wrench"),
        ("socket", "socket_pose"),
        ("target", "commanded_pose"),
    ):
        feed_until(feeder, complains_of(f"{topic}: nothing received yet"), topic, **parts)
        assert not twists
        parts[part] = True
    feeder.take(at_rest(robot))
    feed_until(feeder, lambda: len(twists) > 2, "twists")
    wait_until(complains_of("joint_states: stale"), "staleness")
    count = len(twists)
    time.sleep(0.3)
    assert len(twists) == count
    feeder.take(at_rest(robot))
    feed_until(feeder, complains_of("wrench: stale"), "staleness", wrench=False)


def test_messages_that_make_no_sense_are_as_good_as_none(ros_graph: RosGraph, tmp_path: Path) -> None:  # noqa: F811
    telemetry = ros_graph.collect(DiagnosticStatus, "policy/telemetry")
    twists = ros_graph.collect(TwistStamped, "candidate_twist")
    robot = load_robot("sim")
    good = at_rest(robot)
    bring_up(ros_graph, make_bundle(tmp_path))
    feeder = Feeder(ros_graph, robot)
    feeder.take(good)
    feed_until(feeder, lambda: len(twists) > 2, "twists")
    strangers = [dataclasses.replace(joint, name=f"other_{joint.name}") for joint in robot.joints]
    for other, snapshot, text in (
        (dataclasses.replace(robot, joints=tuple(strangers)), good, "joint_states: joint fr3_joint1, .* not in"),
        (robot, dataclasses.replace(good, joints=np.full(7, np.nan)), "joint_states: value 0 is nan"),
        (dataclasses.replace(robot, ft_frame="wrist"), good, "wrench: frame_id is 'wrist', must be 'ft'"),
        (robot, dataclasses.replace(good, wrenches_ft=good.wrenches_ft * np.inf), "wrench: value 0 is .*inf|nan"),
        (dataclasses.replace(robot, base_frame="map"), good, "socket_pose: frame_id is 'map', must be 'fr3_link0'"),
        (
            robot,
            dataclasses.replace(good, target=Pose(np.zeros(3), np.zeros(4))),
            "commanded_pose: quaternion has norm 0",
        ),
    ):
        bad, telemetry[:] = Feeder(ros_graph, other), []
        bad.take(snapshot)

        def refused(text: str = text) -> bool:
            return any(t.level == DiagnosticStatus.WARN and re.search(text, t.message) for t in telemetry)

        feed_until(bad, refused, text)
        time.sleep(0.1)
        count = len(twists)
        for _ in range(15):
            bad.send()
            time.sleep(0.02)
        assert len(twists) == count, text
        bad.close()
        feeder.take(good)
        feed_until(feeder, longer(twists, count), f"recovery after {text}")


def test_the_wrench_is_tared_on_activation_and_contact_after_it_is_seen(
    ros_graph: RosGraph,  # noqa: F811
    tmp_path: Path,
) -> None:
    observations = ros_graph.collect(Float32MultiArray, "policy/observation")
    robot = load_robot("sim")
    feeder = Feeder(ros_graph, robot)
    bring_up(ros_graph, make_bundle(tmp_path))
    feeder.take(at_rest(robot, bias=0.8))
    feed_until(feeder, lambda: len(observations) > 0, "an observation")
    assert last_frame(observations, FORCE) == pytest.approx(np.zeros(3), abs=1e-5)
    feeder.take(at_rest(robot, bias=0.8, contact=2.0))
    count = len(observations)
    feed_until(feeder, lambda: len(observations) > count + 2, "observations")
    assert np.linalg.norm(last_frame(observations, FORCE)) == pytest.approx(2.0 * np.sqrt(3.0), abs=1e-4)


def test_telemetry_and_reset_when_the_supervisor_starts_the_skill(ros_graph: RosGraph, tmp_path: Path) -> None:  # noqa: F811
    telemetry = ros_graph.collect(DiagnosticStatus, "policy/telemetry")
    observations = ros_graph.collect(Float32MultiArray, "policy/observation")
    state = ros_graph.node.create_publisher(DiagnosticStatus, "supervisor/state", LATCHED)
    robot = load_robot("sim")
    feeder = Feeder(ros_graph, robot)
    bring_up(ros_graph, make_bundle(tmp_path), mode="sample", seed=11)
    feeder.take(at_rest(robot))

    def supervisor_says(label: str, source: str) -> None:
        message = DiagnosticStatus(name="supervisor", message=label)
        message.values = [KeyValue(key="source", value=source)]
        state.publish(message)

    supervisor_says("ARMED", "hold")
    feed_until(feeder, lambda: any(int(diagnostic_values(t)["step"]) > 3 for t in telemetry), "telemetry")
    values = diagnostic_values(telemetry[-1])
    assert {key: values[key] for key in ("mode", "seed", "temperature")} == {
        "mode": "sample", "seed": "11", "temperature": "1"
    }  # fmt: skip
    assert int(values["step"]) >= 4
    assert {"entropy", "latency_ms", "inference_ms", "log_prob"} <= set(values)
    assert (values["robot"], values["period_s"], values["novelty"]) == (robot.fingerprint(), "0.05", "nan")
    assert values["actor_sha256"] == load_bundle(tmp_path / "random_skill").manifest.files["actor.onnx"]
    assert np.abs(last_frame(observations, PREVIOUS_ACTION)).max() > 0.0  # the previous action
    for label, temperature in (("DEGRADED", "0"), ("RUNNING", "1")):
        supervisor_says(label, "policy")
        feed_until(feeder, lambda: diagnostic_values(telemetry[-1])["temperature"] == temperature, label)  # noqa: B023
    for label, source, resets in (("RUNNING", "move", False), ("ARMED", "hold", False), ("RAMPING", "policy", True)):
        telemetry.clear()
        supervisor_says(label, source)
        feed_until(feeder, lambda: len(telemetry) > 5, "telemetry")
        steps = [int(diagnostic_values(t)["step"]) for t in telemetry]
        assert (0 in steps) is resets, f"{label} {source}: steps {steps}"


def test_a_skill_that_does_not_fit_is_refused_in_one_line_and_another_can_follow(
    ros_graph: RosGraph,  # noqa: F811
    tmp_path: Path,
) -> None:
    wrong = make_bundle(tmp_path, "too_stiff", impedance=ImpedanceSetting(stiffness_translation=1200.0))
    right = make_bundle(tmp_path, "fitting")
    damaged = make_bundle(tmp_path, "damaged")
    damaged.actor_path.write_bytes(damaged.actor_onnx[:-7])
    process = start(ros_graph, wrong, connector="two_pin")
    assert not ros_graph.change_state("policy", "configure")
    expected = (
        "CONTRACT_MISMATCH: skill 'too_stiff' assumes impedance.stiffness_translation 1200.0, robot 'sim' has 800.0"
    )
    wait_until(lambda: expected in process.output(), "the reason")
    for skill, connector, reason in (
        (str(damaged.directory), "two_pin", "actor.onnx: damaged or replaced"),
        (str(right.directory), "usb_a", "assumes connector two_pin, robot 'sim' has usb_a"),
        ("nowhere", "two_pin", "no skill 'nowhere'"),
    ):
        set_parameters(ros_graph, skill=skill, connector=connector)
        assert not ros_graph.change_state("policy", "configure"), skill
        wait_until(partial(says, process, reason), reason)
    assert "Traceback" not in process.output()
    set_parameters(ros_graph, skill=str(right.directory), connector="two_pin")
    for transition in ("configure", "activate", "deactivate", "cleanup", "configure", "activate"):
        assert ros_graph.change_state("policy", transition), f"{transition}\n{process.output()}"
