"""Floor, sky and light: what every scene with an arm stands in."""

from __future__ import annotations

import mujoco


def add_surroundings(spec: mujoco.MjSpec) -> None:
    """Floor, sky and light."""
    spec.visual.global_.offwidth, spec.visual.global_.offheight = 1280, 960
    spec.visual.headlight.ambient = [0.45, 0.45, 0.45]
    spec.visual.headlight.diffuse = [0.45, 0.45, 0.45]
    spec.visual.map.znear = 0.005
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.98, 0.98, 1.0],
        rgb2=[0.78, 0.83, 0.90],
        width=64,
        height=384,
    )
    spec.worldbody.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[1.5, 1.5, 0.05],
        rgba=[0.82, 0.84, 0.87, 1.0],
        contype=0,
        conaffinity=0,
        group=1,
    )
    spec.worldbody.add_light(pos=[0.8, -0.8, 1.8], dir=[-0.3, 0.5, -1.0], diffuse=[0.5, 0.5, 0.5])
