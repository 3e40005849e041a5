"""The arm as it stands, drawn from its kinematics alone: links from joint to joint, TCP, target and socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxent_robot.control import rotations
from maxent_robot.control.kinematics import SerialChain
from maxent_robot.control.pose import Pose

if TYPE_CHECKING:
    import viser

Array = NDArray[np.float64]

LINK_RADIUS_M, JOINT_RADIUS_M, SHORTEST_M = 0.035, 0.05, 1e-3
SOCKET_SIZE_M = (0.06, 0.06, 0.02)
LINK_COLOUR, JOINT_COLOUR, TOOL_COLOUR = (225, 228, 232), (70, 90, 120), (120, 125, 130)
SOCKET_COLOUR = (30, 110, 160)

_NARROWING = 0.55
"""Radius of the last link, as a share of the first's."""


class ArmTwin:
    """Draws one arm.

    Args:
        scene: of the server.
        chain: of the arm, to the TCP.
    """

    def __init__(self, scene: viser.SceneApi, chain: SerialChain) -> None:
        self._chain, self._scene = chain, scene
        scene.set_up_direction("+z")
        scene.configure_environment_map(hdri=None)
        scene.add_grid("/floor", width=2.0, height=2.0, cell_size=0.1, section_size=0.5)
        self._arm = scene.add_frame("/arm", show_axes=False, visible=False)
        self._frames = [scene.add_frame(f"/arm/{i}", show_axes=False) for i in range(len(chain.joint_names) + 1)]
        for name, start, end, radius in _segments(chain):
            self._rod(name, start, end, radius, TOOL_COLOUR if name.endswith("tool") else LINK_COLOUR)
        for i in range(len(chain.joint_names)):
            radius = JOINT_RADIUS_M * _narrowed(i, len(chain.joint_names))
            scene.add_icosphere(f"/arm/{i}/joint", radius=radius, color=JOINT_COLOUR)
        self._tcp = scene.add_frame("/tcp", axes_length=0.08, axes_radius=0.003, visible=False)
        self._target = scene.add_frame("/target", axes_length=0.12, axes_radius=0.0015, visible=False)
        self._socket = scene.add_box(
            "/socket", dimensions=SOCKET_SIZE_M, color=SOCKET_COLOUR, opacity=0.6, visible=False
        )

    def show_joints(self, positions: ArrayLike) -> None:
        """Joint positions (n,) [rad]."""
        transforms = self._chain.frames(positions)
        for handle, transform in zip(self._frames, transforms, strict=True):
            handle.position, handle.wxyz = transform[:3, 3], _wxyz(rotations.from_matrix(transform[:3, :3]))
        self._tcp.position, self._tcp.wxyz = self._frames[-1].position, self._frames[-1].wxyz
        self._arm.visible = self._tcp.visible = True

    def hide(self) -> None:
        """Show no arm and no target: nobody knows where they are."""
        for handle in (self._arm, self._tcp, self._target):
            if handle.visible:
                handle.visible = False

    def show_target(self, T_base_target: Pose) -> None:
        """What the arm was last sent."""
        self._target.position, self._target.wxyz = T_base_target.position, _wxyz(T_base_target.quaternion)
        self._target.visible = True

    def show_socket(self, T_base_socket: Pose) -> None:
        """The estimate; its box ends at the mouth."""
        middle = T_base_socket @ Pose.of([0.0, 0.0, 0.5 * SOCKET_SIZE_M[2]], [0.0, 0.0, 0.0, 1.0])
        self._socket.position, self._socket.wxyz = middle.position, _wxyz(middle.quaternion)
        self._socket.visible = True

    def _rod(self, name: str, start: Array, end: Array, radius: float, colour: tuple[int, int, int]) -> None:
        along = end - start
        self._scene.add_cylinder(
            name,
            radius=radius,
            height=float(np.linalg.norm(along)),
            color=colour,
            position=0.5 * (start + end),
            wxyz=_wxyz(_turn_z_to(along)),
        )


def _segments(chain: SerialChain) -> Iterator[tuple[str, Array, Array, float]]:
    """Name, ends in the frame of its link, and radius, of each rod.

    By Craig's parameters the next joint's origin is at (a, -d sin alpha, d cos alpha) of a link, whatever the angle: a
    rod along a, and one along d.
    """
    count = len(chain.joint_names)
    for i, (a, d, alpha) in enumerate(np.asarray(chain.dh, dtype=np.float64)):
        corner = np.array([a, 0.0, 0.0])
        end = corner + d * np.array([0.0, -np.sin(alpha), np.cos(alpha)])
        parent = f"/arm/{i - 1}" if i else "/arm/base"
        radius = LINK_RADIUS_M * _narrowed(i, count)
        for part, start, stop in (("a", np.zeros(3), corner), ("d", corner, end)):
            if np.linalg.norm(stop - start) > SHORTEST_M:
                yield f"{parent}/link_{part}", start, stop, radius
    tool = np.asarray(chain.T_last_tcp.position, dtype=np.float64)
    if np.linalg.norm(tool) > SHORTEST_M:
        yield f"/arm/{count - 1}/tool", np.zeros(3), tool, 0.3 * LINK_RADIUS_M


def _narrowed(index: int, count: int) -> float:
    return 1.0 - (1.0 - _NARROWING) * index / max(1, count - 1)


def _wxyz(quaternion: ArrayLike) -> Array:
    """From (x, y, z, w), which is the order of the stack, to viser's."""
    return np.roll(np.asarray(quaternion, dtype=np.float64), 1)


def _turn_z_to(direction: Array) -> Array:
    """A quaternion (x, y, z, w) that turns the z axis to a direction (3,)."""
    z = direction / np.linalg.norm(direction)
    if z[2] < -1.0 + 1e-9:
        return np.array([1.0, 0.0, 0.0, 0.0])
    half = np.array([-z[1], z[0], 0.0, 1.0 + z[2]])
    return half / np.linalg.norm(half)
