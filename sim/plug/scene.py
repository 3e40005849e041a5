"""The scene: arm, plug on a compliant grasp, socket on a table.

The grasp is a spring along the tool and three torsion springs about the point between the fingertips, and not soft
contacts: contacts stay hard, so that penetration stays a small part of the clearance. The spring along the tool
stands for the pads, the fingers and the elasticity of the arm's joints together. The springs' armature keeps their
frequency within the time step's reach. Sideways the grasp is rigid: its compliance is small beside the impedance's,
whose stiffness is randomised.
"""

from __future__ import annotations

import math

import mujoco
import numpy as np

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from sim.arm import DARK, SHOW, add_arm, wxyz
from sim.plug.connectors import BLOCK_DEPTH, CONNECTORS, FACE_HALF, Shape
from sim.surroundings import add_surroundings

# Tool pointing down over the middle of the work place; also the nominal pose of the socket.
T_BASE_TASK = Pose.of([0.49, 0.0, 0.25], [1.0, 0.0, 0.0, 0.0])
PLUG_MASS = 0.06  # kg, of the tool's mass
PLUG_PLACE = -0.035  # m, grasp centre behind the tip along the TCP's z
GRASP_STIFFNESS = 15.0  # Nm/rad, about each axis
GRASP_ARMATURE = 2e-3  # kg m^2
GRASP_AXIAL_STIFFNESS = 8000.0  # N/m, along the tool
GRASP_AXIAL_ARMATURE = 0.5  # kg
CONTACT_SOLREF_STEPS = 2.0  # contact time constant in time steps; MuJoCo's own lower bound for stability
CONTACT_SOLIMP = (0.95, 0.99, 0.0001)
_PLUG_BIT, _SOCKET_BIT = 1, 2


def wall_name(index: int) -> str:
    """Name of the socket's wall number ``index``."""
    return f"wall{index}"


def build_model(robot: RobotConfig, connector: str, clearance_m: float, timestep_s: float) -> mujoco.MjModel:
    """Compile the scene for a connector; scenario values are written afterwards by ``apply_scenario``."""
    spec = build_spec(robot, connector, clearance_m, timestep_s)
    return spec.compile()


def build_spec(robot: RobotConfig, connector: str, clearance_m: float, timestep_s: float) -> mujoco.MjSpec:
    """The scene before compilation."""
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    spec.option.timestep = timestep_s
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10.0
    # Walls move with the clearance after compilation, which the static bounding volumes would not follow.
    spec.option.disableflags = mujoco.mjtDisableBit.mjDSBL_MIDPHASE
    add_surroundings(spec)
    arm = add_arm(spec, robot, T_BASE_TASK, PLUG_MASS)
    _add_plug(arm.hand, robot, connector, timestep_s)
    _add_socket(spec, connector, clearance_m, timestep_s)
    for name, kind in (
        ("plug_position", mujoco.mjtSensor.mjSENS_FRAMEPOS),
        ("plug_quaternion", mujoco.mjtSensor.mjSENS_FRAMEQUAT),
    ):
        spec.add_sensor(name=name, type=kind, objtype=mujoco.mjtObj.mjOBJ_SITE, objname="plug_tip")
    return spec


def _add_plug(hand: mujoco.MjsBody, robot: RobotConfig, connector: str, timestep_s: float) -> None:
    tcp = robot.T_flange_tcp.pose()
    plug = hand.add_body(
        name="plug", pos=tcp.transform([0.0, 0.0, PLUG_PLACE]), quat=wxyz(tcp.quaternion), gravcomp=1.0
    )
    plug.mass, plug.ipos, plug.explicitinertial = PLUG_MASS, [0.0, 0.0, 0.0], True
    plug.inertia = [1e-5, 1e-5, 5e-6]
    damping = 2.0 * math.sqrt(GRASP_STIFFNESS * GRASP_ARMATURE)
    axial = 2.0 * math.sqrt(GRASP_AXIAL_STIFFNESS * GRASP_AXIAL_ARMATURE)
    plug.add_joint(
        name="grasp_axial",
        type=mujoco.mjtJoint.mjJNT_SLIDE,
        axis=[0.0, 0.0, 1.0],
        stiffness=[GRASP_AXIAL_STIFFNESS, 0, 0],
        damping=[axial, 0, 0],
        armature=GRASP_AXIAL_ARMATURE,
    )
    for name, axis in zip(("grasp_x", "grasp_y", "grasp_z"), np.eye(3), strict=True):
        plug.add_joint(
            name=name, axis=axis, stiffness=[GRASP_STIFFNESS, 0, 0], damping=[damping, 0, 0], armature=GRASP_ARMATURE
        )
    plug.add_site(name="plug_tip", pos=[0.0, 0.0, -PLUG_PLACE], rgba=[0, 0, 0, 0])
    shapes = CONNECTORS[connector].plug_shapes
    for side in (-1.0, 1.0):
        place = tcp.transform([0.0, side * (shapes[-1].size[1] + 0.006), -0.062])
        hand.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX,
            pos=place,
            quat=wxyz(tcp.quaternion),
            size=[0.009, 0.006, 0.030],
            rgba=DARK,
            **SHOW,
        )
    for index, shape in enumerate(shapes):
        colour = _BRASS if index < len(shapes) - 1 else _HOUSING
        _add_shape(plug, f"plug{index}", shape, np.array([0.0, 0.0, -PLUG_PLACE]), colour, _PLUG_BIT, timestep_s)


def _add_socket(spec: mujoco.MjSpec, connector: str, clearance_m: float, timestep_s: float) -> None:
    socket = spec.worldbody.add_body(name="socket", pos=T_BASE_TASK.position, quat=wxyz(T_BASE_TASK.quaternion))
    for index, wall in enumerate(CONNECTORS[connector].walls(clearance_m)):
        _add_shape(socket, wall_name(index), wall, np.zeros(3), _SOCKET, _SOCKET_BIT, timestep_s)
    socket.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=[0.0, 0.0, BLOCK_DEPTH + 0.1],
        size=[FACE_HALF * 0.8, FACE_HALF * 0.8, 0.1],
        rgba=_PEDESTAL,
        contype=0,
        conaffinity=0,
        group=1,
    )


def _add_shape(
    body: mujoco.MjsBody, name: str, shape: Shape, shift: np.ndarray, colour: list[float], bit: int, timestep_s: float
) -> None:
    body.add_geom(
        name=name,
        type=mujoco.mjtGeom.mjGEOM_BOX if shape.kind == "box" else mujoco.mjtGeom.mjGEOM_CAPSULE,
        pos=np.array(shape.position) + shift,
        size=shape.size,
        rgba=colour,
        contype=bit,
        conaffinity=_PLUG_BIT | _SOCKET_BIT ^ bit,
        condim=4,
        friction=[0.6, 0.0005, 0.0001],
        solref=[CONTACT_SOLREF_STEPS * timestep_s, 1.0],
        solimp=[*CONTACT_SOLIMP, 0.5, 2.0],
        mass=0.0,
        group=0,
    )


_BRASS, _HOUSING, _SOCKET = [0.83, 0.69, 0.32, 1.0], [0.15, 0.17, 0.22, 1.0], [0.90, 0.91, 0.93, 1.0]
_PEDESTAL = [0.55, 0.58, 0.63, 1.0]
