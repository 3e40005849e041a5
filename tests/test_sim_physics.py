"""The physics: what the impedance does, what the sensor reads, and what neither step size nor contacts decide."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from maxent_robot.config import config_from_mapping
from maxent_robot.control import Pose, load_robot
from sim.arm import IMPEDANCE_ACTUATORS, impedance_control
from sim.evaluation import run_episodes
from sim.plug.config import PlugConfig
from sim.plug.connectors import CONNECTOR_NAMES, CONNECTORS
from sim.plug.scene import T_BASE_TASK, build_model
from sim.plug.spiral import SPIRAL, SpiralSearch
from sim.plug.task import PlugTask

EXACT = {
    "randomisation": {
        "socket_position_m": 0.0, "socket_rotation_deg": 0.0, "plug_in_hand_m": 0.0, "stiffness_factor": 1.0,
        "damping_factor": 1.0, "tool_mass_factor": 1.0, "force_bias_n": 0.0, "torque_bias_nm": 0.0, "force_noise_n":
        0.0, "torque_noise_nm": 0.0, "force_dead_zone_n": 0.0, "observation_delay_max": 0, "command_delay_max": 0,
        "friction": [0.5, 0.5], "joint_friction_nm": [0.0, 0.0],
    },
}  # fmt: skip


def plug_config(connector: str, **changes: object) -> PlugConfig:
    return config_from_mapping({"connector": connector, **changes}, PlugConfig)


def held_at(connector: str, pose: Pose, seconds: float) -> tuple[mujoco.MjModel, mujoco.MjData]:
    robot = load_robot("sim")
    model = build_model(robot, connector, 0.0003, 0.001)
    data = mujoco.MjData(model)
    data.qpos[:7] = robot.home
    data.ctrl[:6] = impedance_control(pose, T_BASE_TASK)
    for _ in range(round(seconds / 0.001)):
        mujoco.mj_step(model, data)
    return model, data


def test_impedance_reaches_a_free_pose_and_yields_by_force_over_stiffness() -> None:
    robot = load_robot("sim")
    goal = Pose.of([0.49, 0.02, 0.30], [1, 0, 0, 0])
    model, data = held_at("two_pin", goal, 2.0)
    free = data.site("tcp").xpos.copy()
    assert free == pytest.approx(goal.position, abs=1e-3)  # the posture springs pull a little
    data.xfrc_applied[model.body("hand").id, :3] = [0.0, 4.0, 0.0]
    for _ in range(2000):
        mujoco.mj_step(model, data)
    moved = data.site("tcp").xpos - free
    assert moved[1] == pytest.approx(4.0 / robot.impedance.stiffness_translation, rel=0.15)


def test_impedance_force_never_passes_its_ceiling() -> None:
    robot = load_robot("sim")
    _, data = held_at("two_pin", Pose.of([0.49, 0.0, 0.20], [1, 0, 0, 0]), 2.0)  # 5 cm inside the block
    forces = [data.actuator(name).force[0] for name in IMPEDANCE_ACTUATORS[:3]]
    assert np.all(np.abs(forces) <= np.array(robot.impedance.force_max) + 1e-9)
    assert abs(forces[2]) == pytest.approx(robot.impedance.force_max[2])


@pytest.mark.parametrize("connector", CONNECTOR_NAMES)
def test_pressing_on_the_face_reads_as_a_force_out_of_the_socket(connector: str) -> None:
    model, data = held_at(connector, Pose.of([0.49, 0.02, 0.24], [1, 0, 0, 0]), 1.5)
    weight = 9.81 * (model.body("hand").mass[0] + model.body("plug").mass[0])
    contact_force_z = -data.sensor("ft_force").data[2] - weight  # F/T axes: z out of the flange, that is down
    on_plug = np.zeros(6)
    total = 0.0
    for i in range(data.ncon):
        mujoco.mj_contactForce(model, data, i, on_plug)
        total += on_plug[0]
    assert contact_force_z == pytest.approx(-total, abs=0.2)
    assert contact_force_z < -5.0


def spiral_run(connector: str, timestep_s: float, episodes: int) -> tuple[np.ndarray, np.ndarray]:
    table = run_episodes(plug_config(connector, timestep_s=timestep_s, **EXACT), "spiral", episodes, 11)
    return table.success, table.peak_force_n


@pytest.mark.parametrize("connector", CONNECTOR_NAMES)
def test_halving_the_time_step_changes_neither_outcome_nor_peak_force(connector: str) -> None:
    """Without sensor noise, which would make the paths chaotic. Bound: outcomes equal, mean peak force within 10 %."""
    success, force = spiral_run(connector, 0.001, 12)
    finer_success, finer_force = spiral_run(connector, 0.0005, 12)
    assert success.tolist() == finer_success.tolist()
    assert force.mean() == pytest.approx(finer_force.mean(), rel=0.10)


@pytest.mark.parametrize("connector", CONNECTOR_NAMES)
@pytest.mark.parametrize("timestep_s", [0.001, 0.002])
def test_penetration_stays_under_a_fifth_of_the_clearance(connector: str, timestep_s: float) -> None:
    clearance, n = 0.0003, 8
    task = PlugTask(plug_config(connector, timestep_s=timestep_s, clearance_m=[clearance, clearance]), n)
    for place in range(n):
        task.begin(place, (5, place))
    policy = SpiralSearch(n, task.config.policy_period_s, SPIRAL[connector])
    observation = task.observe()
    deepest = []
    for _ in range(120):
        task.advance(policy(observation))
        observation = task.observe()
        for place in range(n):
            _, data = task.physics.snapshot(place)
            deepest += [-contact.dist for contact in data.contact[: data.ncon]]
    assert len(deepest) > 500
    assert np.percentile(deepest, 99) < clearance / 5


@pytest.mark.parametrize("connector", CONNECTOR_NAMES)
@pytest.mark.parametrize("clearance", [0.0001, 0.0003, 0.0005])
def test_clearance_is_the_play_that_the_plug_has(connector: str, clearance: float) -> None:
    """Slide the seated plug sideways geometrically: it touches just beyond the clearance, on both axes."""
    robot = load_robot("sim")
    task = PlugTask(plug_config(connector, clearance_m=[clearance, clearance], **EXACT), 1)
    task.begin(0, (0, 0))
    model, data = task.physics.snapshot(0)
    chain, socket = robot.chain(), task.socket[0]
    half_depth = CONNECTORS[connector].depth / 2
    for axis in (0, 1):
        for play, touches in ((0.9 * clearance, False), (1.1 * clearance, True)):
            offset = np.zeros(3)
            offset[axis], offset[2] = play, half_depth
            data.qpos[:] = 0.0
            data.qpos[:7] = chain.inverse(socket @ Pose.of(offset), robot.home)
            mujoco.mj_forward(model, data)
            assert (data.ncon > 0 and min(c.dist for c in data.contact[: data.ncon]) < 0) == touches
