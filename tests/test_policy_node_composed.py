"""The policy node composing skills, as a process over DDS: live weights, refusals, and what happens to the files."""

from __future__ import annotations

import dataclasses
import re
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from policy_surroundings import Feeder, at_rest, bring_up, feed_until, start
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters, SetParametersAtomically
from ros_support import RosGraph, ros_graph, wait_until  # noqa: F401
from skill_bundles import make_bundle
from std_msgs.msg import Float32MultiArray

from maxent_robot.control.robot import load_robot
from maxent_robot.inference.calibration import Calibration
from maxent_robot.nodes.messages import diagnostic_values
from maxent_robot.nodes.qos import SENSOR
from maxent_robot.skill.bundle import SkillBundle
from maxent_robot.skill.layout import FULL_SIZE, INSERTION_LAYOUTS

pytestmark = pytest.mark.realtime

PERIOD_S = 0.05
GOOD = {"calibration": dataclasses.asdict(Calibration(slope=45.0, r2=0.9, r2_policy=0.8, disagreement=0.1, states=10))}
NAN = float("nan")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[SkillBundle, SkillBundle]:
    """A primary skill whose Q is not calibrated, and one whose Q is."""
    return make_bundle(tmp_path, "insert", 1), make_bundle(tmp_path, "avoid", 2, evaluation=GOOD)


def weights_of(values: list[float]) -> Parameter:
    value = ParameterValue(type=ParameterType.PARAMETER_DOUBLE_ARRAY, double_array_value=values)
    return Parameter(name="weights", value=value)


def text(name: str, value: str) -> Parameter:
    return Parameter(name=name, value=ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=value))


def set_one(graph: RosGraph, parameter: Parameter) -> Any:
    request = SetParameters.Request(parameters=[parameter])
    return graph.call(SetParameters, "policy/set_parameters", request).results[0]


def test_weights_take_effect_within_a_period_and_bad_ones_are_refused(
    ros_graph: RosGraph,  # noqa: F811
    pair: tuple[SkillBundle, SkillBundle],
) -> None:
    insert, avoid = pair
    telemetry = ros_graph.collect(DiagnosticStatus, "policy/telemetry")
    twists = ros_graph.collect(TwistStamped, "candidate_twist")
    robot = load_robot("sim")
    feeder = Feeder(ros_graph, robot)
    bring_up(ros_graph, insert, compose=str(avoid.directory), mode="sample", seed=5, deadline_ms=200.0)
    feeder.take(at_rest(robot))

    def composed() -> list[dict[str, str]]:
        """What came with actions; between them the node may have missed an input."""
        return [diagnostic_values(status) for status in telemetry if status.level == DiagnosticStatus.OK]

    def now() -> dict[str, str]:
        return composed()[-1]

    feed_until(feeder, lambda: len(twists) > 3 and len(composed()) > 3, "composed actions")
    assert (now()["operator"], now()["weights"]) == ("hybrid", "insert 1, avoid 1")
    assert 0.0 < float(now()["ess_share"]) <= 1.0
    assert float(now()["divergence"]) >= 0.0
    assert (now()["fallback"], now()["mode"], now()["seed"]) == ("", "sample", "5")
    assert {"composed_entropy", "entropy", "temperature", "actor_sha256"} <= set(now())

    for weights, reason in (
        ([1.0, NAN], "weights are .*nan.*finite and not negative"),
        ([1.0, -0.5], "weights are .*-0.5.*not negative"),
        ([0.0, 0.0], "at least one must be positive"),
        ([0.0, 1.0], "operator 'hybrid' needs a positive one of the primary skill"),
        ([1.0, 1.0, 1.0], "one for each skill: insert, avoid"),
    ):
        result = set_one(ros_graph, weights_of(weights))
        assert not result.successful, weights
        assert re.search(reason, result.reason), result.reason
    assert not set_one(ros_graph, text("operator", "median")).successful
    refused = set_one(ros_graph, text("operator", "mean"))
    assert "skill insert does not say whether log pi follows its Q" in refused.reason
    feed_until(feeder, lambda: now()["weights"] == "insert 1, avoid 1", "the weights as they were")

    telemetry.clear()
    assert set_one(ros_graph, weights_of([1.0, 3.0])).successful
    answered = len(composed())
    feed_until(feeder, lambda: len(composed()) > answered + 2, "actions after the weights were set")
    first = next(i for i, values in enumerate(composed()) if values["weights"] == "insert 1, avoid 3")
    assert first <= answered + 1  # the one that was under way when the answer came may be of the old ones

    both = [weights_of([0.0, 1.0]), text("operator", "mean")]
    answer = ros_graph.call(
        SetParametersAtomically, "policy/set_parameters_atomically", SetParametersAtomically.Request(parameters=both)
    )
    assert answer.result.successful, answer.result.reason
    feed_until(feeder, lambda: (now()["weights"], now()["operator"]) == ("insert 0, avoid 1", "mean"), "both at once")


def test_bundles_that_vanish_do_not_stop_the_node(
    ros_graph: RosGraph,  # noqa: F811
    pair: tuple[SkillBundle, SkillBundle],
) -> None:
    insert, avoid = pair
    twists = ros_graph.collect(TwistStamped, "candidate_twist")
    robot = load_robot("sim")
    feeder = Feeder(ros_graph, robot)
    process = bring_up(ros_graph, insert, compose=str(avoid.directory), deadline_ms=200.0)
    feeder.take(at_rest(robot))
    feed_until(feeder, lambda: len(twists) > 3, "twists")
    shutil.rmtree(avoid.directory)
    shutil.rmtree(insert.directory)
    count, began_s = len(twists), time.monotonic()
    feed_until(feeder, lambda: len(twists) >= count + 20, "twists without the files")
    assert time.monotonic() - began_s < 20 * PERIOD_S + 5.0
    assert process.is_running()
    for transition in ("deactivate", "cleanup"):
        assert ros_graph.change_state("policy", transition)
    assert not ros_graph.change_state("policy", "configure")  # but it does not begin anew without them
    wait_until(lambda: "no skill" in process.output() or "no such skill" in process.output(), "the reason")


def test_a_skill_that_sees_an_obstacle_waits_until_one_is_measured(
    ros_graph: RosGraph,  # noqa: F811
    pair: tuple[SkillBundle, SkillBundle],
    tmp_path: Path,
) -> None:
    insert, _ = pair
    layout = INSERTION_LAYOUTS[-1]
    avoid = make_bundle(
        tmp_path, "avoid_ball", 3, evaluation=GOOD, observation=layout.fields, history_ages=layout.history_ages
    )
    telemetry = ros_graph.collect(DiagnosticStatus, "policy/telemetry")
    observations = ros_graph.collect(Float32MultiArray, "policy/observation")
    robot = load_robot("sim")
    feeder = Feeder(ros_graph, robot)
    publisher = ros_graph.node.create_publisher(Odometry, "obstacle", SENSOR)
    bring_up(ros_graph, insert, compose=str(avoid.directory), deadline_ms=200.0)
    snapshot = at_rest(robot)
    feeder.take(snapshot)

    def complains(text: str) -> bool:
        return any(text in status.message for status in telemetry if status.level == DiagnosticStatus.WARN)

    feed_until(feeder, lambda: complains("obstacle: nothing received yet"), "the missing obstacle")
    assert not observations
    centre = snapshot.target.position + snapshot.socket.rotate(np.array([0.0, 0.004, 0.02]))
    velocity = snapshot.socket.rotate(np.array([0.03, 0.0, 0.0]))

    def send(frame: str) -> None:
        message = Odometry()
        message.header.frame_id, message.child_frame_id = robot.base_frame, frame
        at, rate = message.pose.pose.position, message.twist.twist.linear
        at.x, at.y, at.z = centre.tolist()
        rate.x, rate.y, rate.z = velocity.tolist()
        publisher.publish(message)
        feeder.send()

    deadline = time.monotonic() + 15.0
    while not complains("obstacle: frame_id is 'map', must be 'fr3_link0'"):
        assert time.monotonic() < deadline
        send("map")
        time.sleep(0.02)
    while len(observations) < 3:
        assert time.monotonic() < deadline
        send(robot.base_frame)
        time.sleep(0.02)
    seen = np.array(observations[-1].data)
    assert len(seen) == FULL_SIZE
    np.testing.assert_allclose(seen[-6:], [0.0, 0.004, 0.02, 0.03, 0.0, 0.0], atol=1e-6)
    wait_until(lambda: complains("obstacle: stale") or complains("joint_states: stale"), "staleness")


def test_skills_that_do_not_go_together_are_refused_with_the_reason(
    ros_graph: RosGraph,  # noqa: F811
    pair: tuple[SkillBundle, SkillBundle],
    tmp_path: Path,
) -> None:
    insert, _ = pair
    other = make_bundle(tmp_path, "other_gamma", gamma=0.9, evaluation=GOOD)
    poor = {"calibration": {**GOOD["calibration"], "r2": 0.2}}
    swamped = make_bundle(tmp_path, "swamped", evaluation=poor)
    process = start(ros_graph, insert, compose=str(other.directory))
    for compose, reason in (
        (other, "skills insert and other_gamma can't be composed: gamma is 0.98 and 0.9, must agree"),
        (swamped, "the Q of skill swamped explains 20 % of its log pi, must be at least 60 %"),
    ):
        assert set_one(ros_graph, text("compose", str(compose.directory))).successful
        assert not ros_graph.change_state("policy", "configure")
        wait_until(lambda: reason in process.output(), reason)  # noqa: B023
    assert "Traceback" not in process.output()
