"""What the supervisor knows of the skill that it is told to expect, read from the bundle by itself."""

from __future__ import annotations

import math

from maxent_robot.control.robot import RobotConfig
from maxent_robot.errors import ContractError
from maxent_robot.paths import find_skill
from maxent_robot.safety.policy_report import ExpectedPolicy


def expected_policy(robot: RobotConfig, period_s: float, skill: str = "") -> ExpectedPolicy:
    """What is known of the policy that is to run on a robot.

    Args:
        period_s: of the policy [s].
        skill: name or path of the bundle that alone may run; empty: any skill may.

    Raises:
        BundleError: no such bundle, or it does not verify.
        ContractError: it is not for this robot, has another period, or does not say properly what it has met.
    """
    if not skill:
        return ExpectedPolicy(robot.fingerprint(), period_s)
    # A verified bundle needs ONNX Runtime, which a supervisor of any skill does not load.
    from maxent_robot.skill.bundle import ACTOR_FILE, load_bundle
    from maxent_robot.skill.contract import FAULT, check_contract
    from maxent_robot.skill.experience import Experience

    manifest = load_bundle(find_skill(skill)).manifest
    check_contract(manifest, robot)
    if not math.isclose(manifest.policy_period_s, period_s, rel_tol=1e-3):
        raise ContractError(
            f"{FAULT}: skill '{manifest.name}' has a period of {manifest.policy_period_s:g} s, policy_period_s is "
            f"{period_s:g} s"
        )
    experience = Experience.of(manifest.evaluation)
    return ExpectedPolicy(
        robot.fingerprint(),
        period_s,
        actor_sha256=manifest.files[ACTOR_FILE],
        entropy=None if experience is None else experience.entropy,
    )
