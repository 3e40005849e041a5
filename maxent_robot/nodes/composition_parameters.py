"""The policy node's parameters of a composition: which skills, how they are weighed; weights take effect when set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from maxent_robot.errors import MaxentRobotError
from maxent_robot.inference import ComposedChooser, TemperatureControl
from maxent_robot.inference.composition import (
    OPERATORS,
    BoundedComposer,
    ComposableSkill,
    Composer,
    Composition,
    check_composable,
)
from maxent_robot.inference.composition.settings import CANDIDATES_RANGE
from maxent_robot.nodes.parameters import declare
from maxent_robot.paths import find_skill, skill_names
from maxent_robot.skill.bundle import SkillBundle, load_bundle

LIVE = ("weights", "operator", "candidates", "hold_steps", "max_divergence")
"""Parameters that may be set while the node is active."""


class CompositionParameters:
    """Declares the parameters, makes the composition of them, and keeps it as they say.

    Args:
        node: that has the parameters.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._composer: Composer | None = None
        declare(node, "compose", "", "further skills, names or paths joined by commas; empty: none")
        declare(node, "weights", [1.0], "of `skill` and of those in `compose`, or one number for all")
        declare(node, "operator", "hybrid", f"of the composition: {', '.join(OPERATORS)}")
        declare(node, "candidates", 128, "actions compared in a round", CANDIDATES_RANGE)
        declare(node, "hold_steps", 4, "policy steps for which the candidates keep their noise", (1, 1000))
        declare(node, "max_divergence", float("inf"), "of the actors [nat], above which `skill` acts alone; positive")
        declare(node, "deadline_ms", 10.0, "time for a composition, after which `skill` acts alone", (1.0, 1000.0))
        node.add_on_set_parameters_callback(self._on_set)

    @property
    def skills(self) -> tuple[str, ...]:
        """Names or paths of the further skills."""
        return skill_names(self._node.get_parameter("compose").value)

    def chooser(self, primary: SkillBundle, control: TemperatureControl, seed: int | None) -> ComposedChooser:
        """A chooser of what `primary` and the further skills agree on; live until `forget`.

        Raises:
            BundleError: a skill does not verify.
            ContractError: the skills can't be composed.
            InferenceError: a parameter that is not allowed.
        """
        bundles = [primary, *(load_bundle(find_skill(skill)) for skill in self.skills)]
        check_composable(bundles)
        composition = self._composition({}, len(bundles))
        composer = Composer([ComposableSkill.of(bundle) for bundle in bundles], composition, seed)
        bounded = BoundedComposer(composer, 1e-3 * self._node.get_parameter("deadline_ms").value)
        self._composer = composer
        return ComposedChooser(bounded, control, any(bundle.manifest.layout.sees_obstacle for bundle in bundles))

    def forget(self) -> None:
        """Parameters set from now on wait for the next `chooser`."""
        self._composer = None

    def _composition(self, changed: Mapping[str, Any], skills: int) -> Composition:
        values = {name: self._node.get_parameter(name).value for name in LIVE} | dict(changed)
        weights = tuple(float(weight) for weight in values.pop("weights"))
        return Composition(weights * skills if len(weights) == 1 else weights, **values)

    def _on_set(self, parameters: list[Parameter[Any]]) -> SetParametersResult:
        changed = {parameter.name: parameter.value for parameter in parameters if parameter.name in LIVE}
        try:
            if changed and self._composer is not None:
                self._composer.composition = self._composition(changed, len(self._composer.skills))
            elif changed:
                self._composition(changed, 1 + len(self.skills))
        except MaxentRobotError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)
