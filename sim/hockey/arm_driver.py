"""The simulated arm with an air-hockey mallet, at the end of the table that it defends.

The puck is not in its physics: 10 g that come at 5 m/s give the arm, which weighs 6 kg or more at the mallet, 2 cm/s.
Whoever moves the puck takes the mallet from the joint states (`maxent_robot.nodes.hockey_table`).
"""

from __future__ import annotations

import mujoco
import numpy as np

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from sim.arm import DARK, LIGHT, SHOW, add_arm, disable_impedance
from sim.arm_driver import ArmDriver, SensorErrors
from sim.hockey.config import TableConfig
from sim.surroundings import add_surroundings

TIMESTEP_S = 0.001
T_BASE_PLAYER = Pose.of([1.10, 0.0, 0.30], [0.0, 0.0, 0.0, 1.0])
"""The middle of the table's surface in the base frame of the arm that plays at its end, x towards the other goal."""

_NOISE = np.repeat([0.3, 0.02], 3)
"""Of the force-torque sensor [N, Nm], as in a filtered reading."""


class MalletArmDriver(ArmDriver):
    """An FR3 with a mallet; see `ArmDriver`.

    Args:
        robot: an FR3 description whose TCP is the middle of the mallet's foot.
        seed: of the sensor's noise.
        controller: one of CONTROLLERS.

    Raises:
        ConfigError: unknown controller, or a control rate that is no whole number of physics steps.
    """

    def __init__(self, robot: RobotConfig, seed: int, controller: str = "crisp") -> None:
        home = np.array(robot.home)
        task = robot.chain().forward(home)
        super().__init__(robot, controller, task, TIMESTEP_S)
        model = build_model(robot, task)
        if controller == "jtc":
            disable_impedance(model)
        data = mujoco.MjData(model)
        data.qpos[: len(home)] = home
        mujoco.mj_forward(model, data)
        hand = model.body("hand")
        center = robot.T_flange_ft.pose().inverse().transform(hand.ipos)
        errors = SensorErrors(np.zeros(6), _NOISE)
        self._install(model, data, (float(hand.mass[0]), center), errors, np.random.default_rng(seed))
        self.hold()


def build_model(robot: RobotConfig, task: Pose) -> mujoco.MjModel:
    """The arm with its mallet, and the table to look at."""
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    spec.option.timestep = TIMESTEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    add_surroundings(spec)
    arm = add_arm(spec, robot, task)
    table, tcp = TableConfig(), robot.T_flange_tcp.pose()
    foot, top = tcp.transform([0.0, 0.0, 0.0]), tcp.transform([0.0, 0.0, -0.03])
    radius = table.mallet.radius_m
    for start, end, size, colour in (([0.0, 0.0, 0.05], top, 0.012, LIGHT), (top, foot, radius, DARK)):
        arm.hand.add_geom(
            type=mujoco.mjtGeom.mjGEOM_CYLINDER, fromto=[*start, *end], size=[size, 0.0, 0.0], rgba=colour, **SHOW
        )
    spec.worldbody.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=T_BASE_PLAYER.position - [0.0, 0.0, 0.02],
        size=[0.5 * table.length_m, 0.5 * table.width_m, 0.02],
        rgba=LIGHT,
        **SHOW,
    )
    return spec.compile()
