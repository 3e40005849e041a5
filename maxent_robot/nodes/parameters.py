"""Parameters with a description and a range, in one line each."""

from __future__ import annotations

from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node


def declare(node: Node, name: str, default: Any, text: str, span: tuple[float, float] | None = None) -> None:
    """Declare a parameter of `node`.

    Args:
        text: what it is, for `ros2 param describe`.
        span: least and greatest value; whole numbers where the default is one.
    """
    descriptor = ParameterDescriptor(description=text)
    if span is not None and isinstance(default, int):
        descriptor.integer_range = [IntegerRange(from_value=int(span[0]), to_value=int(span[1]), step=1)]
    elif span is not None:
        descriptor.floating_point_range = [FloatingPointRange(from_value=span[0], to_value=span[1])]
    node.declare_parameter(name, default, descriptor)
