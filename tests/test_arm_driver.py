"""The simulated arm behind its driver: it holds, follows, feels, inserts, and changes its scene only when clear."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

pytest.importorskip("mujoco")

from maxent_robot.control import rotations
from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import load_robot
from maxent_robot.errors import ConfigError
from maxent_robot.safety.wrench import tool_weight
from sim.arm_driver import ArmDriver, ArmReading
from sim.disturbance import Disturbance
from sim.joint_trajectory import TrajectoryRejectedError, TrajectoryTracker, Waypoint
from sim.plug.arm_driver import PlugArmDriver, ScenarioRefusedError
from sim.plug.config import PlugConfig, Randomisation
from sim.plug.connectors import CONNECTOR_NAMES, CONNECTORS

ROBOT = load_robot("sim")
CHAIN = ROBOT.chain()
HOME = np.array(ROBOT.home)

EXACT = PlugConfig(
    randomisation=dataclasses.replace(
        Randomisation(),
        socket_position_m=0.0,
        socket_rotation_deg=0.0,
        plug_in_hand_m=0.0,
        stiffness_factor=1.0,
        damping_factor=1.0,
        joint_friction_nm=(0.0, 0.0),
        tool_mass_factor=1.0,
        force_bias_n=0.0,
        torque_bias_nm=0.0,
        force_noise_n=0.0,
        torque_noise_nm=0.0,
        force_dead_zone_n=0.0,
    )
)
"""Nothing hidden from the robot but where the socket stands."""


def run(driver: ArmDriver, seconds: float) -> ArmReading:
    for _ in range(round(seconds / driver.period_s)):
        reading = driver.cycle()
    return reading


def carry(driver: ArmDriver, goal: Pose, speed: float = 0.05, hold_s: float = 1.0) -> ArmReading:
    """Lead the measured pose to `goal` at `speed` m/s and hold it there, integrating its error away.

    The arm's posture springs and friction pull the TCP off the target by up to a millimetre.
    """
    reading = driver.cycle()
    start = CHAIN.forward(reading.joint_positions)
    cycles = max(1, round(np.linalg.norm(goal.position - start.position) / (speed * driver.period_s)))
    shift, turn = np.zeros(3), np.zeros(3)
    for share in [*np.linspace(0.0, 1.0, cycles), *np.ones(round(hold_s / driver.period_s))]:
        wanted = start.position + share * (goal.position - start.position)
        measured = CHAIN.forward(reading.joint_positions)
        shift = np.clip(shift + 0.02 * (wanted - measured.position), -0.003, 0.003)
        turn = np.clip(turn + 0.02 * rotations.difference(goal.quaternion, measured.quaternion), -0.03, 0.03)
        driver.set_target(Pose(wanted + shift, rotations.multiply(rotations.from_rotvec(turn), goal.quaternion)))
        reading = driver.cycle()
    return reading


@pytest.mark.parametrize("controller", ["crisp", "jtc"])
def test_it_holds_where_it_is_and_weighs_its_tool(controller: str) -> None:
    driver = PlugArmDriver(ROBOT, "two_pin", 1, controller, EXACT)
    reading = run(driver, 1.0)
    assert reading.joint_positions == pytest.approx(HOME, abs=2e-3)
    assert reading.joint_velocities == pytest.approx(np.zeros(7), abs=1e-3)
    ft = CHAIN.forward(reading.joint_positions) @ ROBOT.T_ft_tcp().inverse()
    expected = tool_weight(ROBOT.tool.mass, ROBOT.tool.center_of_mass, ft.quaternion)
    assert reading.wrench_ft == pytest.approx(expected, abs=0.05)
    assert reading.time_s == pytest.approx(1.0)


def test_the_latest_target_is_followed_without_time_out() -> None:
    driver = PlugArmDriver(ROBOT, "two_pin", 1, "crisp", EXACT)
    home = CHAIN.forward(HOME)
    driver.set_target(Pose(home.position + [0.0, 0.0, 0.5], home.quaternion))
    driver.set_target(Pose(home.position + [0.01, -0.008, 0.006], home.quaternion))
    reached = CHAIN.forward(run(driver, 3.0).joint_positions)
    assert reached.position == pytest.approx(home.position + [0.01, -0.008, 0.006], abs=5e-4)
    driver.hold()
    assert CHAIN.forward(run(driver, 2.0).joint_positions).position == pytest.approx(reached.position, abs=3e-4)


def test_pressing_on_the_face_gives_a_force_away_from_it_that_grows_with_the_stiffness() -> None:
    driver = PlugArmDriver(ROBOT, "two_pin", 2, "crisp", EXACT)
    above = carry(driver, driver.scenario.socket @ Pose.of([0.0, 0.006, -0.001]))
    tcp = CHAIN.forward(above.joint_positions)

    def force_of(depth_m: float) -> float:
        driver.set_target(tcp @ Pose.of([0.0, 0.0, depth_m]))
        pressed = run(driver, 1.0)
        assert driver.T_socket_tcp().position[2] == pytest.approx(0.0, abs=5e-4)
        ft = CHAIN.forward(pressed.joint_positions) @ ROBOT.T_ft_tcp().inverse()
        return float(tcp.inverse().rotate(ft.rotate(pressed.wrench_ft[:3] - above.wrench_ft[:3]))[2])

    light, firm = force_of(0.006), force_of(0.010)
    assert firm < light < 0.0
    assert light - firm == pytest.approx(ROBOT.impedance.stiffness_translation * 0.004, rel=0.1)


def test_the_force_never_exceeds_the_ceiling_of_the_impedance() -> None:
    driver = PlugArmDriver(ROBOT, "two_pin", 2, "crisp", EXACT)
    socket = driver.scenario.socket
    free = carry(driver, socket @ Pose.of([0.0, 0.006, -0.004]))
    pressed = carry(driver, socket @ Pose.of([0.0, 0.006, 0.25]))
    assert np.linalg.norm(pressed.wrench_ft[:3] - free.wrench_ft[:3]) < 1.15 * np.linalg.norm(ROBOT.impedance.force_max)


@pytest.mark.parametrize("connector", CONNECTOR_NAMES)
def test_a_plug_led_along_the_true_axis_goes_in(connector: str) -> None:
    driver = PlugArmDriver(ROBOT, connector, 3, "crisp", EXACT)
    socket, depth = driver.scenario.socket, CONNECTORS[connector].depth
    carry(driver, socket @ Pose.of([0.0, 0.0, -0.005]))
    carry(driver, socket @ Pose.of([0.0, 0.0, depth + 0.003]))
    assert driver.T_socket_tcp().position[2] == pytest.approx(depth, abs=1e-3)
    with pytest.raises(ScenarioRefusedError, match="mm above the mouth of the socket"):
        driver.new_scenario(connector, 4)


def test_a_new_scenario_moves_the_socket_and_not_the_arm() -> None:
    driver = PlugArmDriver(ROBOT, "two_pin", 1)
    before = run(driver, 0.2)
    socket = driver.scenario.socket
    driver.new_scenario("usb_a", 2)
    after = driver.cycle()
    assert driver.connector == "usb_a"
    assert not np.allclose(driver.scenario.socket.position, socket.position)
    assert after.joint_positions == pytest.approx(before.joint_positions, abs=1e-3)
    assert after.time_s == pytest.approx(before.time_s + driver.period_s)
    again = PlugArmDriver(ROBOT, "usb_a", 2)
    np.testing.assert_array_equal(again.scenario.socket.position, driver.scenario.socket.position)
    np.testing.assert_array_equal(again.socket_estimate.position, driver.socket_estimate.position)


def test_the_estimate_is_wrong_by_what_the_task_promises() -> None:
    errors = []
    for seed in range(40):
        driver = PlugArmDriver(ROBOT, "two_pin", seed)
        wrong = driver.scenario.socket.inverse() @ driver.socket_estimate
        errors.append(np.abs(np.concatenate([wrong.position / 0.002, np.degrees(wrong.rotvec()) / 2.0])))
    assert 0.5 < np.max(errors) <= 1.01


def test_a_scenario_is_refused_near_the_mouth_and_where_the_new_socket_would_be() -> None:
    driver = PlugArmDriver(ROBOT, "two_pin", 1, "crisp", EXACT)
    carry(driver, driver.scenario.socket @ Pose.of([0.0, 0.0, -0.003]))
    joints = driver.cycle().joint_positions
    with pytest.raises(ScenarioRefusedError, match=r"mm above the mouth of the socket, must be 5.0 mm"):
        driver.new_scenario("two_pin", 2)
    carry(driver, driver.scenario.socket @ Pose.of([0.0, 0.0, -0.008]))
    heights = {
        seed: PlugArmDriver(ROBOT, "two_pin", seed, "crisp", EXACT).scenario.socket.position[2] for seed in range(8)
    }
    highest = max(heights, key=lambda seed: heights[seed])
    assert heights[highest] > driver.scenario.socket.position[2] + 0.005
    with pytest.raises(ScenarioRefusedError, match="the new socket"):
        driver.new_scenario("two_pin", highest)
    assert driver.seed == 1
    assert driver.cycle().joint_positions == pytest.approx(joints, abs=0.02)


def test_what_makes_no_sense_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="connector is 'schuko', must be one of two_pin, usb_a"):
        PlugArmDriver(ROBOT, "schuko", 1)
    with pytest.raises(ConfigError, match="controller is 'pid', must be one of crisp, jtc"):
        PlugArmDriver(ROBOT, "two_pin", 1, "pid")
    with pytest.raises(ConfigError, match="scenario_seed is -4"):
        PlugArmDriver(ROBOT, "two_pin", -4)
    with pytest.raises(ConfigError, match="control_rate_hz is 300"):
        PlugArmDriver(dataclasses.replace(ROBOT, control_rate_hz=300.0), "two_pin", 1)


def test_a_trajectory_is_tracked_to_rest() -> None:
    driver = PlugArmDriver(ROBOT, "two_pin", 1, "jtc", EXACT)
    goal = HOME + np.array([0.05, -0.04, 0.03, 0.06, -0.05, 0.04, 0.08])
    driver.set_trajectory(ROBOT.joint_names, [Waypoint(1.0, goal, np.zeros(7))])
    middle = run(driver, 0.5)
    assert np.abs(middle.joint_velocities).max() > 0.05
    reading = run(driver, 2.5)
    assert reading.joint_positions == pytest.approx(goal, abs=5e-3)
    assert reading.joint_velocities == pytest.approx(np.zeros(7), abs=5e-3)


def test_positions_and_velocities_are_joined_by_cubics_and_positions_alone_by_lines() -> None:
    tracker = TrajectoryTracker(["a", "b"], np.zeros(2))
    # The cubic through rest at 0 and rest at 1 is 3 s^2 - 2 s^3; joints come in any order.
    tracker.follow(["b", "a"], [Waypoint(2.0, np.array([2.0, 1.0]), np.zeros(2))], now_s=10.0)
    positions, velocities = tracker.desired(10.5)
    assert positions == pytest.approx([0.15625, 0.3125])
    assert velocities == pytest.approx([0.5625, 1.125])
    # The next one starts from the state desired at that moment.
    tracker.follow(["a", "b"], [Waypoint(1.0, np.array([1.0, 1.0]))], now_s=10.5)
    assert tracker.desired(10.5)[0] == pytest.approx(positions)
    assert tracker.desired(11.0)[0] == pytest.approx((positions + 1.0) / 2)
    assert tracker.desired(99.0)[0] == pytest.approx([1.0, 1.0])
    assert tracker.desired(99.0)[1] == pytest.approx([0.0, 0.0])


@pytest.mark.parametrize(
    ("names", "points", "message"),
    [
        (["a", "c"], [Waypoint(1.0, np.zeros(2))], "joints are a, c; must be a, b"),
        (["a", "b"], [], "no points"),
        (["a", "b"], [Waypoint(1.0, np.zeros(3))], "point 0 has 3 positions; must be 2"),
        (["a", "b"], [Waypoint(1.0, np.array([0.0, np.nan]))], "point 0: positions are .*must be finite"),
        (["a", "b"], [Waypoint(1.0, np.zeros(2)), Waypoint(0.5, np.zeros(2))], "must be positive and increase"),
        (["a", "b"], [Waypoint(1.0, np.zeros(2), np.array([0.0, 0.2]))], "the last point moves at 0.2 rad/s"),
    ],
)
def test_a_malformed_trajectory_is_refused_and_the_old_one_goes_on(
    names: list[str], points: list[Waypoint], message: str
) -> None:
    tracker = TrajectoryTracker(["a", "b"], np.ones(2))
    with pytest.raises(TrajectoryRejectedError, match=message):
        tracker.follow(names, points, 0.0)
    assert tracker.desired(5.0)[0] == pytest.approx([1.0, 1.0])


def test_a_payload_weighs_on_the_sensor_and_is_no_contact() -> None:
    driver = PlugArmDriver(ROBOT, "two_pin", 1, "crisp", EXACT)
    before = run(driver, 1.0)
    driver.disturb(Disturbance(payload_kg=0.5))
    after = run(driver, 1.5)
    assert np.linalg.norm(after.wrench_ft[:3] - before.wrench_ft[:3]) == pytest.approx(0.5 * 9.81, abs=0.1)
    assert np.linalg.norm(after.contact_n) < 0.1


def test_a_push_moves_the_arm_by_its_compliance_and_is_no_contact() -> None:
    driver = PlugArmDriver(ROBOT, "two_pin", 1, "crisp", EXACT)
    before = CHAIN.forward(run(driver, 1.0).joint_positions).position
    driver.disturb(Disturbance(push_n=(0.0, 8.0, 0.0)))
    reading = run(driver, 2.0)
    moved = CHAIN.forward(reading.joint_positions).position - before
    assert moved[1] == pytest.approx(8.0 / ROBOT.impedance.stiffness_translation, rel=0.25)
    assert np.linalg.norm(reading.contact_n) < 0.1
    driver.disturb(Disturbance())
    assert CHAIN.forward(run(driver, 2.0).joint_positions).position == pytest.approx(before, abs=1e-3)


def test_a_stuck_joint_stays_where_it_is_until_it_is_freed() -> None:
    driver = PlugArmDriver(ROBOT, "two_pin", 1, "crisp", EXACT)
    start = run(driver, 0.5)
    there = CHAIN.forward(start.joint_positions)
    driver.disturb(Disturbance(stuck_joint="fr3_joint1"))
    driver.set_target(Pose(there.position + [0.0, 0.01, 0.0], there.quaternion))
    stuck = run(driver, 1.0)
    assert stuck.joint_positions[0] == pytest.approx(start.joint_positions[0], abs=5e-4)
    driver.disturb(Disturbance())
    assert abs(run(driver, 1.0).joint_positions[0] - start.joint_positions[0]) > 2e-3


def test_a_bias_is_read_and_not_felt_and_a_new_scene_keeps_it() -> None:
    driver = PlugArmDriver(ROBOT, "two_pin", 1, "crisp", EXACT)
    before = run(driver, 0.5)
    driver.disturb(Disturbance(force_bias_n=(0.0, 0.0, 20.0)))
    driver.new_scenario("two_pin", 2)
    after = run(driver, 0.5)
    assert after.wrench_ft[2] - before.wrench_ft[2] == pytest.approx(20.0, abs=0.1)
    assert np.linalg.norm(after.contact_n) < 0.2


def test_a_joint_that_is_not_there_can_not_be_stuck() -> None:
    driver = PlugArmDriver(ROBOT, "two_pin", 1, "crisp", EXACT)
    with pytest.raises(ConfigError, match="stuck_joint is 'elbow', must be empty, all or one of fr3_joint1"):
        driver.disturb(Disturbance(stuck_joint="elbow"))
    assert driver.disturbance == Disturbance()


def test_contact_is_felt_as_it_is() -> None:
    driver = PlugArmDriver(ROBOT, "two_pin", 1, "crisp", EXACT)
    # Beside the socket's mouth, down onto its panel: what the impedance pushes with is what the plug feels.
    beside = driver.socket_estimate @ Pose.of([0.012, 0.0, -0.01], [0.0, 0.0, 0.0, 1.0])
    carry(driver, beside)
    down = beside @ Pose.of([0.0, 0.0, 0.018], [0.0, 0.0, 0.0, 1.0])
    driver.set_target(down)
    reading = run(driver, 2.0)
    pushed = ROBOT.impedance.stiffness_translation * (
        down.position[2] - CHAIN.forward(reading.joint_positions).position[2]
    )
    assert np.linalg.norm(reading.contact_n) == pytest.approx(abs(pushed), rel=0.2)


def test_the_true_pose_of_the_tcp_is_that_of_the_kinematics_and_stays_what_it_was() -> None:
    driver = PlugArmDriver(ROBOT, "two_pin", 1, "crisp", EXACT)
    reading = driver.cycle()
    before = driver.tcp()
    expected = CHAIN.forward(reading.joint_positions)
    assert before.position == pytest.approx(expected.position, abs=1e-9)
    assert rotations.difference(before.quaternion, expected.quaternion) == pytest.approx(np.zeros(3), abs=1e-8)
    driver.set_target(Pose(before.position + [0.0, 0.01, 0.0], before.quaternion))
    run(driver, 0.5)
    assert before.position == pytest.approx(expected.position, abs=1e-9)
    assert driver.tcp().position[1] > before.position[1] + 5e-3
