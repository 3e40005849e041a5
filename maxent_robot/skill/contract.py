"""Whether a skill may run on a robot: what its manifest assumes against what the robot's description says."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

from maxent_robot.control.robot import RobotConfig, load_robot
from maxent_robot.errors import ConfigError, ContractError
from maxent_robot.skill.manifest import SkillManifest

FAULT = "CONTRACT_MISMATCH"
_RELATIVE, _ABSOLUTE = 1e-6, 1e-9


def check_contract(manifest: SkillManifest, robot: RobotConfig, connector: str = "") -> None:
    """Compare a skill with the robot that is to run it.

    The robots may have different names (a rehearsal and the arm itself) but must be of one kinematic model; impedance,
    leash (the impedance's force over stiffness) and tool transform must be equal.

    Args:
        manifest: of the skill.
        robot: that is to run it.
        connector: in the gripper; empty when it isn't known.

    Raises:
        ContractError: the first difference, with both values.
    """
    for key, skill_value, robot_value in _differences(manifest, robot, connector):
        raise ContractError(
            f"{FAULT}: skill '{manifest.name}' assumes {key} {skill_value}, robot '{robot.name}' has {robot_value}"
        )


def check_allowed_force(manifest: SkillManifest, allowed_force_n: float) -> None:
    """Compare the force that a skill is to be told it may use with those it was told in training.

    Raises:
        ContractError: the force is outside of what the skill was trained for; the message gives the range.
    """
    low, high = manifest.randomisation.get("allowed_force_n", (-math.inf, math.inf))
    if not low <= allowed_force_n <= high:
        raise ContractError(
            f"{FAULT}: allowed_force_n is {allowed_force_n:g} N, skill '{manifest.name}' was trained for {low:g} to "
            f"{high:g} N"
        )


def _differences(manifest: SkillManifest, robot: RobotConfig, connector: str) -> Iterator[tuple[str, Any, Any]]:
    if manifest.robot != robot.name:
        try:
            model = load_robot(manifest.robot).model
        except ConfigError:
            model = f"of robot '{manifest.robot}', which is not known here"
        if model != robot.model:
            yield "model", model, robot.model
    for field in dataclasses.fields(robot.impedance):
        ours, theirs = getattr(manifest.impedance, field.name), getattr(robot.impedance, field.name)
        if not _equal(ours, theirs):
            yield f"impedance.{field.name}", ours, theirs
    ours_tool, theirs_tool = manifest.T_flange_tcp, robot.T_flange_tcp
    if not _equal(ours_tool.position, theirs_tool.position):
        yield "T_flange_tcp.position", ours_tool.position, theirs_tool.position
    opposite = tuple(-value for value in theirs_tool.quaternion)  # the same rotation
    if not (_equal(ours_tool.quaternion, theirs_tool.quaternion) or _equal(ours_tool.quaternion, opposite)):
        yield "T_flange_tcp.quaternion", ours_tool.quaternion, theirs_tool.quaternion
    if connector and manifest.connector != connector:
        yield "connector", manifest.connector, connector


def _equal(a: Any, b: Any) -> bool:
    first, second = (value if isinstance(value, (tuple, list)) else (value,) for value in (a, b))
    return len(first) == len(second) and all(
        math.isclose(x, y, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE) for x, y in zip(first, second, strict=True)
    )
