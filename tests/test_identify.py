"""An arm is identified by what it was told and how it moved: hidden parameters come back, and go into the training."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from maxent_robot.cli.main import main
from maxent_robot.config import config_from_mapping
from maxent_robot.control import rotations
from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import load_robot
from maxent_robot.errors import ConfigError
from maxent_robot.learning.run_directory import config_path
from maxent_robot.skill.observation import FRAME_SIZE, OBSERVATION_FIELDS, field_places
from maxent_robot.trials.arm_log import ArmLog
from maxent_robot.trials.identification import (
    Estimate,
    combine,
    half_width,
    left_by_tare,
    sliding_friction,
    sliding_ratios,
    wrench_bias,
    wrench_noise,
)
from maxent_robot.yaml_file import read_yaml
from sim.plug.config import PlugConfig, Randomisation
from sim.plug.identified import IdentifiedArm, identified_randomisation, identified_training
from sim.plug.replay import ArmParameters, FreeArm, Motion, fit_motion

ROBOT, PLACES = load_robot("sim"), field_places(OBSERVATION_FIELDS)
HIDDEN = ArmParameters(delay_s=0.06, stiffness_factor=0.7, damping_factor=1.2, joint_friction_nm=0.375)
DOWN = Pose.from_rotvec([0.0, 0.0, 0.0], [math.pi, 0.0, 0.0])


def told() -> tuple[NDArray[np.float64], Pose]:
    """Targets at 200 Hz: from home by smooth steps of some centimetres, and turns."""
    home = ROBOT.chain().forward(np.array(ROBOT.home))
    time_s = np.arange(0.0, 2.2, 0.005)
    steps = [((0.04, 0.0, -0.03), 0.2), ((-0.03, 0.05, 0.0), 0.9), ((0.0, -0.04, 0.04), 1.5)]
    offset, turn = np.zeros((len(time_s), 3)), np.zeros((len(time_s), 3))
    for vector, begin in steps:
        share = np.clip((time_s - begin) / 0.5, 0.0, 1.0)
        smooth = share**3 * (10 - 15 * share + 6 * share**2)
        offset += smooth[:, None] * np.array(vector)
        turn[:, 2] += 0.08 * smooth
    return time_s, Pose(home.position + offset, rotations.multiply(home.quaternion, rotations.from_rotvec(turn)))


def motion_of(parameters: ArmParameters) -> Motion:
    target_s, target = told()
    time_s = np.arange(0.0, 2.2, 0.005)
    blank = Motion(time_s, np.tile(np.array(ROBOT.home), (len(time_s), 1)), target_s, target)
    return Motion(time_s, FreeArm(ROBOT).answer(blank, parameters), target_s, target)


def test_hidden_parameters_come_back_from_a_motion() -> None:
    motion = motion_of(HIDDEN)
    found = fit_motion(ROBOT, [motion])
    assert found.delay_s == pytest.approx(HIDDEN.delay_s, rel=0.05)
    assert found.stiffness_factor == pytest.approx(HIDDEN.stiffness_factor, rel=0.05)
    assert found.damping_factor == pytest.approx(HIDDEN.damping_factor, rel=0.05)
    assert found.joint_friction_nm == pytest.approx(HIDDEN.joint_friction_nm, rel=0.1)
    arm = FreeArm(ROBOT)
    assert arm.error_rad(motion, found) < 0.05 * arm.error_rad(motion, ArmParameters(0.0, 1.0, 1.0, 0.25))


def test_an_arm_that_hears_later_answers_later_by_just_that() -> None:
    prompt, late = (motion_of(ArmParameters(delay_s, 1.0, 1.0, 0.0)).positions for delay_s in (0.0, 0.05))
    moved = np.abs(prompt - prompt[0]).max()
    assert np.abs(late[10:] - prompt[:-10]).max() < 5e-3 * moved
    assert np.abs(late - prompt).max() > 5e-2 * moved


def log_of(wrench: NDArray[np.float64], height_m: NDArray[np.float64], lateral_m: NDArray[np.float64]) -> ArmLog:
    """A tool that points down over a socket, sampled at 200 Hz; wrench (n, 6) at the TCP, in its axes."""
    time_s = np.arange(len(height_m), dtype=np.float64) / 200.0
    position = np.stack([lateral_m, np.zeros_like(height_m), height_m], axis=1)
    tcp = Pose(position, np.tile(DOWN.quaternion, (len(time_s), 1)))
    joints = np.stack([lateral_m, height_m], axis=1)
    return ArmLog(time_s, joints, tcp, time_s, tcp, time_s, wrench, DOWN)


def test_noise_and_bias_are_those_of_the_sensor_where_nothing_touches() -> None:
    generator, n = np.random.default_rng(1), 1200
    bias = np.array([0.5, -1.0, 3.0, 0.01, 0.0, -0.02])
    wrench = bias + generator.normal(0.0, math.sqrt(2.0), (n, 6)) * np.repeat([1.0, 0.03], 3)
    height = np.where(np.arange(n) < 800, 0.03, 0.0)
    wrench[800:, 2] -= 12.0
    log = log_of(wrench, height, np.zeros(n))
    np.testing.assert_allclose(wrench_bias(log)[:3], bias[:3], atol=0.15)
    np.testing.assert_allclose(wrench_noise(log), np.repeat([1.0, 0.03], 3), rtol=0.15)
    touching = log_of(wrench, np.zeros(n), np.zeros(n))
    assert np.isnan(wrench_bias(touching)).all()
    assert np.isnan(wrench_noise(touching)).all()


def test_what_a_tare_leaves_comes_back_in_spite_of_noise() -> None:
    generator, trials, steps = np.random.default_rng(4), 200, 25
    frames = np.zeros((trials, steps, FRAME_SIZE))
    left = generator.uniform(-0.5, 0.5, (trials, 1, 3))
    frames[:, :, PLACES["force"]] = left + generator.normal(0.0, 1.0, (trials, steps, 3))
    frames[:, :, PLACES["torque"]] = generator.normal(0.0, 0.03, (trials, steps, 3))
    frames[:, :, PLACES["tcp_position"]] = [0.0, 0.0, -0.02]
    touching = frames.copy()
    touching[:, 20:, PLACES["tcp_position"]] = 0.0
    touching[:, 20:, PLACES["force"]] = [0.0, 0.0, -9.0]
    for seen, mistrusted in ((frames, 0.04), (touching, 0.05)):
        means, variances = (np.array(part) for part in zip(*map(left_by_tare, seen), strict=True))
        assert variances[:, :3].mean() == pytest.approx(mistrusted, rel=0.1), "of the mean, by its scatter"
        force = half_width(means[:, :3], variances[:, :3], "N")
        assert force.value == pytest.approx(0.5, rel=0.1), "0.61 N without the noise taken out"
        assert force.low < 0.5 < force.high
        torque = half_width(means[:, 3:], variances[:, 3:], "Nm")
        assert torque.low <= torque.value < 0.005
    assert np.isnan(left_by_tare(frames[0, :7])[0]).all(), "too few to tell"
    nothing = half_width(np.full((2, 3), math.nan), np.full((2, 3), math.nan), "N")
    assert math.isnan(nothing.value)
    assert nothing.trials == 0


def test_friction_is_what_drags_a_sliding_plug() -> None:
    generator, n, friction = np.random.default_rng(2), 900, 0.6
    time_s = 0.005 * np.arange(n)
    height = np.where(time_s < 1.0, 0.03, 0.0)
    lateral = np.where(time_s < 1.0, 0.0, 0.01 * np.sin(3.0 * (time_s - 1.0)))
    velocity = np.gradient(lateral, time_s)
    wrench = generator.normal(0.0, 0.3, (n, 6))
    wrench[height == 0.0, 2] -= 6.0  # the panel pushes the tool, which points down, back up: against its own z
    base = np.zeros((n, 3))
    base[:, 0] = -friction * 6.0 * np.sign(velocity) * (height == 0.0)
    wrench[:, :3] += rotations.rotate(rotations.conjugate(DOWN.quaternion), base)
    log = log_of(wrench, height, lateral)
    found = sliding_friction([sliding_ratios(log)] * 3)
    assert found.value == pytest.approx(friction, rel=0.15)
    assert found.low <= found.value <= found.high
    assert math.isnan(sliding_friction([sliding_ratios(log_of(wrench, height + 0.1, lateral))]).value)


def test_what_could_not_be_estimated_is_left_out_of_the_median() -> None:
    found = combine([1.0, math.nan, 3.0, 2.0], "N")
    assert (found.value, found.trials) == (2.0, 3)
    assert 1.0 <= found.low <= 2.0 <= found.high <= 3.0
    assert math.isnan(combine([math.nan], "N").value)


def found(value: float, low: float = math.nan, high: float = math.nan) -> Estimate:
    return Estimate(value, low, high, 0 if math.isnan(value) else 4, "")


ARM = IdentifiedArm(
    delay_s=found(0.06),
    stiffness_factor=found(0.7, 0.69, 0.71),
    damping_factor=found(1.2, 1.1, 1.3),
    joint_friction_nm=found(0.375),
    friction=found(math.nan),
    force_noise_n=found(1.4),
    torque_noise_nm=found(0.03),
    force_after_tare_n=found(0.2, 0.1, 0.4),
    torque_after_tare_nm=found(math.nan),
)


def test_the_randomisation_has_what_was_identified_and_keeps_the_rest() -> None:
    base = Randomisation()
    trained = identified_randomisation(ARM, base, 0.05)
    assert (trained.stiffness_centre, trained.damping_centre) == (0.7, 1.2)
    assert trained.joint_friction_nm[0] < 0.375 < trained.joint_friction_nm[1]
    assert (trained.command_delay_min, trained.command_delay_max) == (1, 2)
    assert trained.force_noise_n == 1.4
    assert trained.force_bias_n == 0.4, "the upper end"
    assert trained.friction == base.friction, "not seen, so as before"
    assert trained.torque_bias_nm == base.torque_bias_nm, "nor this"
    assert trained.socket_position_m == base.socket_position_m


@pytest.mark.parametrize(
    ("low", "high", "trained"), [(0.69, 0.71, 1.05), (0.6, 0.75, 1.25), (0.4, 0.9, 1.4), (math.nan, math.nan, 1.4)]
)
def test_a_spread_is_as_wide_as_the_interval_and_no_wider_than_the_guess(
    low: float, high: float, trained: float
) -> None:
    base = Randomisation()
    assert base.stiffness_factor == 1.4
    arm = dataclasses.replace(ARM, stiffness_factor=found(0.7, low, high))
    assert identified_randomisation(arm, base, 0.05).stiffness_factor == pytest.approx(trained)


@pytest.mark.parametrize(("value", "trained"), [(0.9, (0.25, 1.25)), (1.5, (0.25, 1.95)), (0.2, (0.1538, 1.25))])
def test_a_rough_figure_of_the_plugs_friction_widens_the_guess(value: float, trained: tuple[float, float]) -> None:
    base = Randomisation()
    assert base.friction == (0.25, 1.25)
    arm = dataclasses.replace(ARM, friction=found(value))
    assert identified_randomisation(arm, base, 0.05).friction == pytest.approx(trained)


def test_the_training_configuration_can_be_trained() -> None:
    training = identified_training(ARM, read_yaml(config_path("plug_insertion")))
    for part in ("environment", "evaluation_environment"):
        config = config_from_mapping(yaml.safe_load(yaml.safe_dump(training[part])), PlugConfig, source=part)
        assert config.randomisation.stiffness_centre == 0.7
    assert training["learner"] == read_yaml(config_path("plug_insertion"))["learner"]


def test_a_delay_has_a_least_and_a_most() -> None:
    with pytest.raises(ConfigError, match="command_delay_min is 2, must be at most command_delay_max, 1"):
        Randomisation(command_delay_min=2)


def test_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "identified.yaml")
    assert main(["identify", str(tmp_path), "--output", out]) == 2
    assert "is neither a recording nor the directory of an experiment" in capsys.readouterr().err
    (tmp_path / "one.mcap").write_bytes(b"")
    assert main(["identify", str(tmp_path / "one.mcap"), "--output", out]) == 2
    assert "1 recordings, needed are at least 4" in capsys.readouterr().err
    assert main(["identify", str(tmp_path / "one.mcap"), "--output", str(tmp_path / "no" / "x.yaml")]) == 2
    assert "no directory" in capsys.readouterr().err
