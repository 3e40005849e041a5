"""The parameters `disturbance.*` of the simulated arm: physical faults that take effect when they are set."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from maxent_robot.config import config_from_mapping
from maxent_robot.config_table import describe
from maxent_robot.errors import MaxentRobotError

if TYPE_CHECKING:
    from sim.disturbance import Disturbance

PREFIX = "disturbance."


class DisturbanceParameters:
    """Declares the fields of `sim.disturbance.Disturbance` as parameters of a node.

    Args:
        apply: called with the disturbance when a parameter of it is set; what it raises refuses the change.
    """

    def __init__(self, node: Node, apply: Callable[[Disturbance], None]) -> None:
        from sim.disturbance import Disturbance

        self._node, self._apply = node, apply
        for row in describe(Disturbance):
            value = getattr(Disturbance(), row.key)
            node.declare_parameter(
                PREFIX + row.key,
                list(value) if isinstance(value, tuple) else value,
                ParameterDescriptor(description=f"{row.doc} [{row.range or row.unit or row.type}]"),
            )
        node.add_on_set_parameters_callback(self._on_set)

    def read(self, changed: Mapping[str, Any] | None = None) -> Disturbance:
        """The disturbance of the parameters, with some of them changed.

        Raises:
            ConfigError: a value that is not allowed.
        """
        from sim.disturbance import Disturbance

        present = self._node.get_parameters_by_prefix(PREFIX.rstrip("."))
        values = {name: parameter.value for name, parameter in present.items()} | dict(changed or {})
        plain = {name: list(value) if isinstance(value, array) else value for name, value in values.items()}
        return config_from_mapping(plain, Disturbance, source="disturbance")

    def _on_set(self, parameters: list[Parameter[Any]]) -> SetParametersResult:
        changed = {p.name.removeprefix(PREFIX): p.value for p in parameters if p.name.startswith(PREFIX)}
        try:
            if changed:
                self._apply(self.read(changed))
        except MaxentRobotError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)
