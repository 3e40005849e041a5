"""The table as a MuJoCo model: a puck that slides and turns in a plane, four pieces of rim, two mallets on springs.

An impact has no spring in it: with a contact reference of damping (1 + e) / dt alone, the solver turns an approach at v
into a departure at e v within one step, at any speed; the same with 1 / dt stops the sliding of the edge. So the model
has the law of `sim.hockey.impact` where the edge does not slide, and a restitution that does not depend on speed. (With
less friction MuJoCo's convex cone adds a part of the sliding velocity to the departure.)
"""

from __future__ import annotations

import mujoco
import numpy as np

from sim.hockey.config import TableConfig
from sim.hockey.mallets import rim_limits
from sim.hockey.state import SIDES

RIM_DEPTH_M = 0.05
_HEIGHT_M = 0.02
_RECOVERY = 1e-3
"""Share of what is left of an overlap by which a contact pushes, each step."""

_MEANT_M_S = 1.25
"""A contact begins so early that it is neither late nor early at twice this speed: MuJoCo sees it half a step late."""

_IMPEDANCE = (0.9999, 0.9999, 0.001, 0.5, 2.0)
_RIM, _PUCK, _MALLETS = (0.45, 0.45, 0.5, 1.0), (0.85, 0.2, 0.15, 1.0), ((0.2, 0.4, 0.8, 1.0), (0.9, 0.6, 0.1, 1.0))


def build_model(config: TableConfig, timestep_s: float) -> mujoco.MjModel:
    """Compile the table; joints are puck x, y, turn, then x and y of the home and of the away player's mallet."""
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    spec.option.timestep = timestep_s
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.gravity = [0.0, 0.0, 0.0]
    spec.worldbody.add_light(pos=[0.0, 0.0, 3.0], dir=[0.0, 0.0, -1.0])
    half_length, half_width, mouth = 0.5 * config.length_m, 0.5 * config.width_m, 0.5 * config.goal_width_m
    spec.worldbody.add_geom(
        name="surface",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=[0.0, 0.0, -_HEIGHT_M],
        size=[half_length, half_width, 0.001],
        rgba=[0.95, 0.95, 0.95, 1.0],
        contype=0,
        conaffinity=0,
    )
    rim = []
    for side in (-1.0, 1.0):
        rim.append(_add_rim(spec, [0.0, side * (half_width + RIM_DEPTH_M)], [half_length, RIM_DEPTH_M]))
        for end in (-1.0, 1.0):
            place = [end * (half_length + RIM_DEPTH_M), 0.5 * side * (mouth + half_width)]
            rim.append(_add_rim(spec, place, [RIM_DEPTH_M, 0.5 * (half_width - mouth)]))
    _add_puck(spec, config)
    for player in ("home", "away"):
        _add_mallet(spec, config, player, timestep_s)
        _add_pair(spec, config, f"mallet_{player}", config.restitution_mallet, timestep_s)
    for name in rim:
        _add_pair(spec, config, name, config.restitution_rim, timestep_s)
    return spec.compile()


def _add_rim(spec: mujoco.MjSpec, place: list[float], size: list[float]) -> str:
    name = f"rim_{len(spec.worldbody.geoms)}"
    spec.worldbody.add_geom(
        name=name,
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=[*place, 0.0],
        size=[*size, _HEIGHT_M],
        rgba=_RIM,
        contype=0,
        conaffinity=0,
    )
    return name


def _add_puck(spec: mujoco.MjSpec, config: TableConfig) -> None:
    puck = config.puck
    body = spec.worldbody.add_body(name="puck")
    inertia = 0.5 * puck.mass_kg * puck.radius_m**2
    body.mass, body.explicitinertial, body.inertia = puck.mass_kg, True, [inertia] * 3
    for name, axis in (("puck_x", [1.0, 0.0, 0.0]), ("puck_y", [0.0, 1.0, 0.0])):
        damping = puck.drag_1_s * puck.mass_kg
        body.add_joint(name=name, type=mujoco.mjtJoint.mjJNT_SLIDE, axis=axis, damping=[damping, 0.0, 0.0])
    body.add_joint(name="puck_turn", axis=[0.0, 0.0, 1.0], damping=[puck.spin_drag_1_s * inertia, 0.0, 0.0])
    body.add_geom(
        name="puck",
        type=mujoco.mjtGeom.mjGEOM_SPHERE,
        size=[puck.radius_m, 0.0, 0.0],
        rgba=_PUCK,
        contype=0,
        conaffinity=0,
    )


def _add_mallet(spec: mujoco.MjSpec, config: TableConfig, player: str, timestep_s: float) -> None:
    mallet = config.mallet
    body = spec.worldbody.add_body(name=f"mallet_{player}")
    body.mass, body.explicitinertial, body.inertia = mallet.mass_kg, True, [0.01] * 3
    for name, axis, limit in zip("xy", np.eye(3)[:2], rim_limits(config), strict=True):
        joint = body.add_joint(
            name=f"mallet_{player}_{name}",
            type=mujoco.mjtJoint.mjJNT_SLIDE,
            axis=axis,
            limited=True,
            range=[-limit, limit],
            solref_limit=_one_step(0.0, timestep_s),
            solimp_limit=_IMPEDANCE,
        )
        spec.add_actuator(
            name=joint.name,
            target=joint.name,
            trntype=mujoco.mjtTrn.mjTRN_JOINT,
            gaintype=mujoco.mjtGain.mjGAIN_FIXED,
            gainprm=[mallet.stiffness_n_m, *[0.0] * 9],
            biastype=mujoco.mjtBias.mjBIAS_AFFINE,
            biasprm=[0.0, -mallet.stiffness_n_m, -mallet.damping_n_s_m, *[0.0] * 7],
        )
    body.add_geom(
        name=body.name,
        type=mujoco.mjtGeom.mjGEOM_SPHERE,
        size=[mallet.radius_m, 0.0, 0.0],
        rgba=_MALLETS[player == "away"],
        contype=0,
        conaffinity=0,
    )
    body.add_site(name=body.name, size=[2.0 * mallet.radius_m, 0.0, 0.0], rgba=[0.0, 0.0, 0.0, 0.0])
    # What weighs more along the line to the base than across it.
    side = float(SIDES[int(player == "away")])
    base = spec.worldbody.add_site(name=f"base_{player}", pos=[-side * mallet.base_m, 0.0, 0.0])
    line = spec.add_tendon(name=f"arm_{player}")
    line.armature, line.damping = mallet.mass_along_kg, [mallet.damping_along_n_s_m, 0.0, 0.0]
    line.rgba = [0.0, 0.0, 0.0, 0.0]
    line.wrap_site(base.name)
    line.wrap_site(body.name)
    spec.add_sensor(
        name=body.name, type=mujoco.mjtSensor.mjSENS_TOUCH, objtype=mujoco.mjtObj.mjOBJ_SITE, objname=body.name
    )


def _add_pair(spec: mujoco.MjSpec, config: TableConfig, name: str, restitution: float, timestep_s: float) -> None:
    spec.add_pair(
        geomname1="puck",
        geomname2=name,
        condim=3,
        friction=[config.friction, config.friction, 0.0, 0.0, 0.0],
        solref=_one_step(restitution, timestep_s),
        solreffriction=[0.0, -1.0 / timestep_s],
        solimp=_IMPEDANCE,
        margin=_MEANT_M_S * timestep_s,
    )


def _one_step(restitution: float, timestep_s: float) -> list[float]:
    """MuJoCo's direct reference (-stiffness, -damping) that turns v into -restitution v in one step."""
    return [-_RECOVERY / timestep_s**2, -(1.0 + restitution) / timestep_s]
