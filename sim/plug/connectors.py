"""Connector geometry: what goes in, what it goes into, and how clearance enters.

All lengths in m. Plug shapes are given in the plug's frame (origin at the tip, z forward, as the TCP), socket walls
in the socket's frame (origin at the mouth, z inward). ``clearance`` is the gap on each side.

The two-pin plug is the Europlug of EN 50075: round pins of 4 mm diameter, 19 mm long, 19 mm apart, with rounded
ends. The USB-A plug is the rectangular shell of the USB 2.0 specification, 12.0 x 4.5 mm, of which 11.75 mm enter.
"""

from __future__ import annotations

from dataclasses import dataclass

Vector3 = tuple[float, float, float]

FACE_HALF = 0.06  # half width of the panel that the socket sits in
BLOCK_DEPTH = 0.024


@dataclass(frozen=True)
class Shape:
    """One primitive: a box (half sizes) or a capsule along z (radius, half length of the straight part)."""

    kind: str
    position: Vector3
    size: Vector3


@dataclass(frozen=True)
class Connector:
    """One kind of plug with its socket.

    Attributes:
        name: key in configuration and manifests.
        depth: how far the tip is inside the mouth when seated.
        half_width: half extent (x, y) of what enters each hole.
        hole_centers: centre of each hole on the mouth plane.
        plug_shapes: collision shapes of the plug in its frame, the housing last.
    """

    name: str
    depth: float
    half_width: tuple[float, float]
    hole_centers: tuple[tuple[float, float], ...]
    plug_shapes: tuple[Shape, ...]

    def walls(self, clearance: float) -> tuple[Shape, ...]:
        """Boxes of the socket around holes that are ``clearance`` wider on each side.

        Holes stand in a row along x, so the block falls into a slab above, a slab below and one between neighbours.
        """
        hx, hy = self.half_width[0] + clearance, self.half_width[1] + clearance
        middle, half_depth = BLOCK_DEPTH / 2, BLOCK_DEPTH / 2
        thick = (FACE_HALF - hy) / 2
        boxes = [
            Shape("box", (0.0, side * (hy + thick), middle), (FACE_HALF, thick, half_depth)) for side in (-1.0, 1.0)
        ]
        edges = [-FACE_HALF]
        for x, _ in self.hole_centers:
            edges += [x - hx, x + hx]
        edges.append(FACE_HALF)
        for left, right in zip(edges[0::2], edges[1::2], strict=True):
            boxes.append(Shape("box", ((left + right) / 2, 0.0, middle), ((right - left) / 2, hy, half_depth)))
        return tuple(boxes)


def _two_pin() -> Connector:
    radius, length, spacing = 0.002, 0.019, 0.019
    pin = (radius, (length - radius) / 2, 0.0)
    # The straight part ends a radius before the tip; the capsule's rear end hides in the housing.
    pins = tuple(Shape("capsule", (side * spacing / 2, 0.0, -radius - pin[1]), pin) for side in (-1.0, 1.0))
    housing = Shape("box", (0.0, 0.0, -length - 0.010), (0.0175, 0.007, 0.010))
    return Connector("two_pin", length, (radius, radius), ((-spacing / 2, 0.0), (spacing / 2, 0.0)), (*pins, housing))


def _usb_a() -> Connector:
    half, length = (0.006, 0.00225), 0.01175
    shell = Shape("box", (0.0, 0.0, -length / 2), (*half, length / 2))
    housing = Shape("box", (0.0, 0.0, -length - 0.012), (0.008, 0.004, 0.012))
    return Connector("usb_a", length, half, ((0.0, 0.0),), (shell, housing))


CONNECTORS: dict[str, Connector] = {connector.name: connector for connector in (_two_pin(), _usb_a())}
CONNECTOR_NAMES = tuple(CONNECTORS)
