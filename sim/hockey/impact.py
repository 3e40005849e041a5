"""The impact of a disk: Newton's restitution along the normal, Coulomb's friction along the tangent.

The tangential impulse is what stops the sliding of the edge, if friction can give so much: both tables have this law.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Impulse:
    """Of the surface on the puck, per mass of the puck.

    Attributes:
        velocity: (n, 2) change of the puck's velocity [m/s].
        spin: (n,) change of its spin [rad/s].
    """

    velocity: Array
    spin: Array


def disk_impulse(
    velocity: Array,
    spin: Array,
    surface_velocity: Array,
    normal: Array,
    radius_m: float,
    mass_ratio: Array,
    restitution: Array,
    friction: float,
) -> Impulse:
    """The impulse on uniform disks that meet a surface.

    Args:
        velocity: (n, 2) of the disks [m/s].
        spin: (n,) [rad/s].
        surface_velocity: (n, 2) [m/s].
        normal: (n, 2) unit vector from the surface to the centre of the disk.
        radius_m: of the disks.
        mass_ratio: (n,) mass of a disk over that of what it meets; 0 for a wall.
        restitution: (n,) of the normal velocity.
        friction: Coulomb's coefficient.
    """
    relative = velocity - surface_velocity
    tangent = np.stack([-normal[:, 1], normal[:, 0]], axis=1)
    approach = np.einsum("ij,ij->i", relative, normal)
    slide = np.einsum("ij,ij->i", relative, tangent) - spin * radius_m
    along_normal = np.maximum(-(1.0 + restitution) * approach / (1.0 + mass_ratio), 0.0)
    # A uniform disk has m r^2 / I = 2.
    bound = friction * along_normal
    along_tangent = np.clip(-slide / (3.0 + mass_ratio), -bound, bound)
    return Impulse(along_normal[:, None] * normal + along_tangent[:, None] * tangent, -2.0 * along_tangent / radius_m)
