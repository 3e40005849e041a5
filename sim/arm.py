"""The FR3 as an MjSpec: published kinematics and inertias, primitive shapes, Cartesian impedance by site actuators.

Inertias: franka_description, robots/fr3/inertials.yaml and the hand's. Reflected rotor inertia and friction: MuJoCo
Menagerie, franka_fr3, of whose Coulomb friction the arm's own compensation leaves a part (``joint_friction``).

The impedance law runs in C. Six actuators pull the site ``tcp`` towards a pose given relative to the fixed site
``task``: force = K (x_target - x) - D x_dot on each axis of ``task``, clipped to ``forcerange``, which is the force
ceiling. Rotations enter as a rotation vector relative to ``task``, so ``task`` is aligned with the tool's working
orientation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import ImpedanceSetting, RobotConfig

Array = NDArray[np.float64]

IMPEDANCE_ACTUATORS = tuple(f"impedance_{axis}" for axis in ("x", "y", "z", "rx", "ry", "rz"))
TORQUE_ACTUATORS = tuple(f"torque_{joint}" for joint in range(1, 8))
POSTURE_STIFFNESS = 1.0  # Nm/rad, keeps the elbow's self-motion from drifting
POSTURE_DAMPING = 2.0  # Nms/rad on each joint
MASS_AT_TCP = 4.0  # kg, the arm's apparent mass at the TCP near home, for the damping of the impedance
INERTIA_AT_TCP = 0.25  # kg m^2, likewise about the TCP

# Looks, for shapes that only show: nothing of the arm collides.
LIGHT, DARK = [0.93, 0.94, 0.95, 1.0], [0.36, 0.40, 0.46, 1.0]
SHOW = {"contype": 0, "conaffinity": 0, "mass": 0.0, "group": 1}

_LINKS: tuple[tuple[float, tuple[float, ...], tuple[float, ...]], ...] = (
    # mass [kg], centre of mass [m], inertia xx yy zz xy xz yz [kg m^2] about it, in the link's own frame
    (2.9274653454, (4.128e-07, -0.0181251324, -0.038603597),
     (0.0239273, 0.0224822, 0.0063501, 1.33179e-05, -0.000114048, -0.00199503)),
    (2.9355370338, (0.0031828864, -0.0743221644, 0.0088146084),
     (0.0419389, 0.0251451, 0.0617021, 0.000202573, 0.00407778, -0.00422522)),
    (2.2449013699, (0.0407015686, -0.0048200565, -0.0289730823),
     (0.0241014, 0.0197405, 0.0190445, 0.00240469, -0.00285627, -0.00210421)),
    (2.6155955791, (-0.0459100965, 0.063049296, -0.0085187868),
     (0.03453, 0.0288816, 0.0412547, 0.0132255, 0.0101515, -0.000976283)),
    (2.3271207594, (-0.0016039605, 0.0292536262, -0.097296599),
     (0.0516103, 0.0478773, 0.0164236, -0.0057152, -0.00356732, 0.010674)),
    (1.8170376524, (0.0597131221, -0.0410294666, -0.0101692726),
     (0.00541233, 0.0140583, 0.0160808, 0.00619346, 0.00142193, -0.00131407)),
    (0.6271432862, (0.0045225817, 0.0086261921, -0.0161633251),
     (0.000210924, 0.000177186, 5.99319e-05, -2.4333e-05, 4.56448e-05, 8.74407e-05)),
)  # fmt: skip
_ARMATURE = (0.195, 0.195, 0.195, 0.195, 0.074, 0.074, 0.074)  # kg m^2
_CAPSULES: tuple[tuple[tuple[float, ...], float], ...] = (
    # visual shape of each link: segment in its own frame [m], radius [m]
    ((0, 0, -0.20, 0, 0, -0.03), 0.062),
    ((0, -0.12, 0, 0, 0.0, 0), 0.062),
    ((0, 0, -0.16, 0.06, 0, 0), 0.058),
    ((0, 0.02, 0, -0.0825, 0.09, 0), 0.056),
    ((0, 0, -0.22, 0, 0.05, -0.02), 0.052),
    ((0, 0, 0, 0.07, 0.0, 0), 0.048),
    ((0, 0, -0.02, 0, 0, 0.085), 0.042),
)


@dataclass(frozen=True)
class ArmSpec:
    """What the builders hang things on: the whole spec, the hand's body and the robot's description."""

    spec: mujoco.MjSpec
    hand: mujoco.MjsBody
    robot: RobotConfig


def add_arm(spec: mujoco.MjSpec, robot: RobotConfig, task: Pose, held_kg: float = 0.0) -> ArmSpec:
    """Add the arm, its hand, the sites ``tcp``, ``ft`` and ``task``, actuators and the force-torque sensor to ``spec``.

    Args:
        spec: model under construction; its base frame is the world.
        robot: an FR3 description (``model: fr3``).
        task: T_base_task, the fixed frame of the impedance targets, near the tool's working orientation.
        held_kg: mass of what hangs on the hand as a body of its own, which is a part of the tool's.
    """
    spec.compiler.degree = False
    world = spec.worldbody
    world.add_geom(
        type=mujoco.mjtGeom.mjGEOM_CYLINDER, fromto=[0, 0, 0, 0, 0, 0.14], size=[0.075, 0, 0], rgba=LIGHT, **SHOW
    )
    world.add_site(name="task", pos=task.position, quat=wxyz(task.quaternion), rgba=[0, 0, 0, 0])
    parent = world
    for index, (joint, link, capsule) in enumerate(zip(robot.joints, _LINKS, _CAPSULES, strict=True)):
        turn = Pose.from_rotvec([0, 0, 0], [joint.alpha, 0, 0])
        pose = turn @ Pose.of([joint.a, 0, joint.d])
        position = np.array([joint.a, *(turn.rotate([0.0, 0.0, joint.d])[1:])])
        body = parent.add_body(name=f"link{index + 1}", pos=position, quat=wxyz(pose.quaternion), gravcomp=1.0)
        mass, center, inertia = link
        body.mass, body.ipos, body.fullinertia, body.explicitinertial = mass, center, inertia, True
        body.add_joint(
            name=joint.name,
            axis=[0, 0, 1],
            range=[joint.position_min, joint.position_max],
            limited=True,
            armature=_ARMATURE[index],
            damping=[POSTURE_DAMPING, 0, 0],
            stiffness=[POSTURE_STIFFNESS, 0, 0],
            springref=robot.home[index],
            actfrclimited=True,
            actfrcrange=[-joint.effort_max, joint.effort_max],
        )
        shape = LIGHT if index % 2 == 0 else DARK
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_CAPSULE, fromto=capsule[0], size=[capsule[1], 0, 0], rgba=shape, **SHOW
        )
        parent = body
    hand = _add_hand(parent, robot, held_kg)
    _add_impedance(spec, robot)
    _add_torques(spec, robot)
    spec.add_sensor(name="ft_force", type=mujoco.mjtSensor.mjSENS_FORCE, objtype=mujoco.mjtObj.mjOBJ_SITE, objname="ft")
    spec.add_sensor(
        name="ft_torque", type=mujoco.mjtSensor.mjSENS_TORQUE, objtype=mujoco.mjtObj.mjOBJ_SITE, objname="ft"
    )
    return ArmSpec(spec, hand, robot)


def set_impedance(
    model: mujoco.MjModel, impedance: ImpedanceSetting, stiffness_factor: float, damping_factor: float
) -> None:
    """Write gains and force ceilings into a compiled model; the factors are the controller's deviation from them."""
    for axis, name in enumerate(IMPEDANCE_ACTUATORS):
        actuator = model.actuator(name).id
        stiffness, damping = _gains(impedance, axis)
        stiffness, damping = stiffness * stiffness_factor, damping * damping_factor * math.sqrt(stiffness_factor)
        model.actuator_gainprm[actuator, 0] = stiffness
        model.actuator_biasprm[actuator, :3] = 0.0, -stiffness, -damping
        ceiling = _ceiling(impedance, axis) * stiffness_factor
        model.actuator_forcerange[actuator] = -ceiling, ceiling


def disable_impedance(model: mujoco.MjModel) -> None:
    """Take the impedance out, so that the joint torques alone drive the arm."""
    for name in IMPEDANCE_ACTUATORS:
        actuator = model.actuator(name).id
        model.actuator_gainprm[actuator, 0] = 0.0
        model.actuator_biasprm[actuator, :3] = 0.0


def impedance_control(target: Pose, task: Pose) -> Array:
    """Controls (..., 6) of the impedance actuators that ask for T_base_target, given T_base_task."""
    relative = task.inverse() @ target
    return np.concatenate([relative.position, relative.rotvec()], axis=-1)


def wxyz(quaternion: Array) -> Array:
    """MuJoCo's quaternion order."""
    return np.roll(np.asarray(quaternion, dtype=np.float64), 1, axis=-1)


def xyzw(quaternion: Array) -> Array:
    """ROS's quaternion order."""
    return np.roll(np.asarray(quaternion, dtype=np.float64), -1, axis=-1)


def _add_hand(link7: mujoco.MjsBody, robot: RobotConfig, held_kg: float) -> mujoco.MjsBody:
    flange, tcp, ft = robot.T_last_flange.pose(), robot.T_flange_tcp.pose(), robot.T_flange_ft.pose()
    hand = link7.add_body(name="hand", pos=flange.position, quat=wxyz(flange.quaternion), gravcomp=1.0)
    hand.mass = robot.tool.mass - held_kg
    hand.ipos, hand.inertia, hand.explicitinertial = [0.0, 0.0, 0.05], [0.0019, 0.0018, 0.0005], True
    hand.add_site(name="ft", pos=ft.position, quat=wxyz(ft.quaternion), rgba=[0, 0, 0, 0])
    hand.add_site(name="tcp", pos=tcp.position, quat=wxyz(tcp.quaternion), rgba=[0, 0, 0, 0])
    turned = wxyz(tcp.quaternion)
    hand.add_geom(
        type=mujoco.mjtGeom.mjGEOM_CYLINDER, fromto=[0, 0, 0, 0, 0, 0.02], size=[0.035, 0, 0], rgba=DARK, **SHOW
    )
    hand.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX, pos=[0, 0, 0.045], quat=turned, size=[0.03, 0.09, 0.028], rgba=LIGHT, **SHOW
    )
    return hand


def _gains(impedance: ImpedanceSetting, axis: int) -> tuple[float, float]:
    stiffness = impedance.stiffness_translation if axis < 3 else impedance.stiffness_rotation
    inertia = MASS_AT_TCP if axis < 3 else INERTIA_AT_TCP
    return stiffness, 2.0 * impedance.damping_ratio * math.sqrt(stiffness * inertia)


def _ceiling(impedance: ImpedanceSetting, axis: int) -> float:
    return impedance.force_max[axis] if axis < 3 else impedance.torque_max[axis - 3]


def _add_impedance(spec: mujoco.MjSpec, robot: RobotConfig) -> None:
    for axis, name in enumerate(IMPEDANCE_ACTUATORS):
        stiffness, damping = _gains(robot.impedance, axis)
        ceiling = _ceiling(robot.impedance, axis)
        spec.add_actuator(
            name=name,
            trntype=mujoco.mjtTrn.mjTRN_SITE,
            target="tcp",
            refsite="task",
            gear=np.eye(6)[axis],
            gaintype=mujoco.mjtGain.mjGAIN_FIXED,
            gainprm=[stiffness] + [0.0] * 9,
            biastype=mujoco.mjtBias.mjBIAS_AFFINE,
            biasprm=[0.0, -stiffness, -damping] + [0.0] * 7,
            forcelimited=True,
            forcerange=[-ceiling, ceiling],
        )


def _add_torques(spec: mujoco.MjSpec, robot: RobotConfig) -> None:
    for name, joint in zip(TORQUE_ACTUATORS, robot.joints, strict=True):
        spec.add_actuator(
            name=name,
            trntype=mujoco.mjtTrn.mjTRN_JOINT,
            target=joint.name,
            gaintype=mujoco.mjtGain.mjGAIN_FIXED,
            gainprm=[1.0] + [0.0] * 9,
            biastype=mujoco.mjtBias.mjBIAS_NONE,
            forcelimited=True,
            forcerange=[-joint.effort_max, joint.effort_max],
        )
