"""The sampler's parameters of a policy node, seen and set from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any

from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.parameter_client import AsyncParameterClient

from maxent_robot.console.view import SamplerSettings
from maxent_robot.nodes.steady_clock import steady_now_s
from maxent_robot.paths import skill_names

NAMES = ("mode", "temperature", "skill", "compose", "weights")
ANSWER_TIMEOUT_S = 2.0


class SamplerClient:
    """Follows the parameters, and sets those that are wanted, the newest value of each, one request at a time.

    Args:
        node: that asks; its executor brings the answers.
        policy: name of the policy node.
        refused: called with the reason when a value is refused.

    Attributes:
        settings: as last heard; None while no policy answers.
    """

    def __init__(self, node: Node, policy: str, refused: Callable[[str], None]) -> None:
        self._client = AsyncParameterClient(node, policy)
        self._policy, self._refused = policy, refused
        self._wanted: dict[str, Any] = {}
        self._asked_s: float | None = None
        self.settings: SamplerSettings | None = None

    @property
    def is_settled(self) -> bool:
        """Whether `settings` is what was wanted last."""
        return not self._wanted and self._asked_s is None

    def want(self, name: str, value: Any) -> None:
        """Set a parameter as soon as the last request is answered."""
        self._wanted[name] = value
        self._send()

    def poll(self) -> None:
        """Ask for the values, unless an answer is awaited."""
        if self._asked_s is not None and steady_now_s() - self._asked_s > ANSWER_TIMEOUT_S:
            self._asked_s = None  # the node has died meanwhile
        if not self._client.services_are_ready():
            self.settings, self._wanted = None, {}
        elif self.is_settled:
            self._asked_s = steady_now_s()
            self._client.get_parameters(list(NAMES), self._got)

    def _send(self) -> None:
        if not self._wanted or self._asked_s is not None:
            return
        if not self._client.services_are_ready():
            self._wanted = {}
            self._refused(f"no node {self._policy} answers")
            return
        self._asked_s, wanted, self._wanted = steady_now_s(), self._wanted, {}
        parameters = [Parameter(name, value=value) for name, value in wanted.items()]
        self._client.set_parameters(parameters, lambda future: self._set(wanted, future))

    def _got(self, future: Any) -> None:
        self._asked_s = None
        response: GetParameters.Response | None = future.result()
        if response is not None and not self._wanted and len(response.values) == len(NAMES):
            self.settings = _settings(
                {name: parameter_value_to_python(value) for name, value in zip(NAMES, response.values, strict=True)}
            )
        self._send()

    def _set(self, wanted: Mapping[str, Any], future: Any) -> None:
        self._asked_s = None
        response: SetParameters.Response | None = future.result()
        results = [] if response is None else response.results
        reasons = [
            f"{name}: {result.reason}" for name, result in zip(wanted, results, strict=False) if not result.successful
        ]
        if reasons:
            self._refused("; ".join(reasons))
        self._send()
        self.poll()


def _settings(values: Mapping[str, Any]) -> SamplerSettings:
    skills = (str(values["skill"]), *skill_names(str(values["compose"] or "")))
    weights = tuple(float(weight) for weight in values["weights"] or ())
    return SamplerSettings(
        mode=str(values["mode"]),
        temperature=float(values["temperature"]),
        skills=tuple(PurePath(skill).name for skill in skills),
        weights=weights * len(skills) if len(weights) == 1 else weights,
    )
