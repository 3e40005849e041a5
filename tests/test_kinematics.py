"""Kinematics of the arms against MuJoCo, finite differences and the makers' own convention."""

from __future__ import annotations

import math
from pathlib import Path

import mujoco
import numpy as np
import pytest

from maxent_robot.control import InverseKinematicsError, Pose, load_robot, rotations
from maxent_robot.control.robot import RobotConfig
from maxent_robot.errors import ConfigError
from maxent_robot.paths import find_robot
from maxent_robot.yaml_file import read_yaml, write_yaml
from sim.arm import xyzw
from sim.plug.scene import build_model


@pytest.fixture(params=["sim", "fr3", "ur5e"])
def robot(request: pytest.FixtureRequest) -> RobotConfig:
    return load_robot(request.param)


def random_joints(robot: RobotConfig, n: int) -> np.ndarray:
    chain, generator = robot.chain(), np.random.default_rng(1)
    middle, half = (chain.position_max + chain.position_min) / 2, (chain.position_max - chain.position_min) / 2
    return middle + 0.8 * half * generator.uniform(-1, 1, (n, len(robot.joints)))


def test_forward_kinematics_agree_with_mujoco() -> None:
    robot = load_robot("sim")
    model = build_model(robot, "two_pin", 0.0003, 0.001)
    data = mujoco.MjData(model)
    for q in random_joints(robot, 20):
        data.qpos[:7] = q
        mujoco.mj_kinematics(model, data)
        pose = robot.chain().forward(q)
        assert pose.position == pytest.approx(data.site("tcp").xpos, abs=1e-12)
        matrix = data.site("tcp").xmat.reshape(3, 3)
        assert rotations.to_matrix(pose.quaternion) == pytest.approx(matrix, abs=1e-9)
        hand = xyzw(data.body("hand").xquat)
        expected = robot.T_flange_tcp.pose().quaternion
        assert abs(rotations.multiply(hand, expected) @ pose.quaternion) == pytest.approx(1.0, abs=1e-12)


def test_ur5e_agrees_with_the_makers_standard_parameters() -> None:
    robot = load_robot("ur5e")
    a, d = (0, -0.425, -0.3922, 0, 0, 0), (0.1625, 0, 0, 0.1333, 0.0997, 0.0996)
    alpha = (math.pi / 2, 0, 0, math.pi / 2, -math.pi / 2, 0)
    for q in random_joints(robot, 5):
        T = np.eye(4)
        for ai, di, ali, qi in zip(a, d, alpha, q, strict=True):
            c, s, ca, sa = math.cos(qi), math.sin(qi), math.cos(ali), math.sin(ali)
            T = T @ [[c, -s * ca, s * sa, ai * c], [s, c * ca, -c * sa, ai * s], [0, sa, ca, di], [0, 0, 0, 1]]
        assert robot.chain().forward(q).position == pytest.approx(T[:3, 3] + 0.16 * T[:3, 2], abs=1e-9)


def test_jacobian_is_the_derivative_of_the_pose(robot: RobotConfig) -> None:
    chain, step = robot.chain(), 1e-6
    q = np.array(robot.home)
    jacobian = chain.jacobian(q)
    for i in range(len(q)):
        moved = q.copy()
        moved[i] += step
        a, b = chain.forward(moved), chain.forward(q)
        assert (a.position - b.position) / step == pytest.approx(jacobian[:3, i], abs=1e-5)
        assert rotations.difference(a.quaternion, b.quaternion) / step == pytest.approx(jacobian[3:, i], abs=1e-5)


def test_inverse_reaches_the_pose_and_stays_near_the_guess(robot: RobotConfig) -> None:
    chain, generator = robot.chain(), np.random.default_rng(2)
    home = chain.forward(robot.home)
    goal = home @ Pose.from_rotvec(generator.uniform(-0.04, 0.04, (8, 3)), generator.uniform(-0.2, 0.2, (8, 3)))
    q = chain.inverse(goal, robot.home)
    reached = chain.forward(q)
    assert reached.position == pytest.approx(goal.position, abs=2e-6)
    assert rotations.difference(reached.quaternion, goal.quaternion) == pytest.approx(np.zeros((8, 3)), abs=2e-6)
    assert np.all(np.abs(q - robot.home) < 1.0)


def test_unreachable_pose_is_one_error_with_the_residual(robot: RobotConfig) -> None:
    with pytest.raises(InverseKinematicsError, match=r"mm and .* rad remain"):
        robot.chain().inverse(Pose.of([3.0, 0.0, 0.0]), robot.home)


def test_unknown_robot_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="fr3"):
        load_robot("fr4")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joints": [], "home": []}, "joints is empty"),
        ({"joints": "doubled"}, "joints: 'fr3_joint1' is there twice, names must differ"),
        ({"T_flange_tcp": {"quaternion": [0, 0, 0, 0]}}, r"T_flange_tcp: quaternion .* has length 0, must have 1"),
        ({"joints": "still"}, r"joints\[1\]\.velocity_max: 0\.0 rad/s is too small"),
    ],
)
def test_a_description_that_would_misplace_the_tcp_is_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    mapping = read_yaml(find_robot("fr3"))
    joints = [dict(joint) for joint in mapping["joints"]]
    if change.get("joints") == "doubled":
        joints[1]["name"] = joints[0]["name"]
    if change.get("joints") == "still":
        joints[1]["velocity_max"] = 0.0
    wanted = {**mapping, **change}
    if isinstance(change.get("joints"), str):
        wanted["joints"] = joints
    path = tmp_path / "cell.yaml"
    write_yaml(path, wanted)
    with pytest.raises(ConfigError, match=message):
        load_robot(str(path))
