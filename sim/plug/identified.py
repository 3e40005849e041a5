"""From what was identified of an arm to the randomisation that a skill for it is trained with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from maxent_robot.config import to_mapping
from maxent_robot.trials.identification import Estimate
from sim.plug.config import PlugConfig, Randomisation

LEAST_SPREAD = 1.05
"""What is left uncertain at the least of stiffness and damping: they are trained with up to so many times more or less,
and with the ratio of the ends of the interval where that is more."""
FRICTION_SPREAD = 1.3
"""The same of dry friction, of the joints, which are taken to be alike, and of the plug. What is known of the plug's is
rough: it widens the guessed range and never narrows it (narrowed to this spread, skills lost 0.3 s where the plug slid
more easily)."""
_FRICTION_MAX, _JOINT_FRICTION_MAX, _NOISE_MAX, _TORQUE_MAX = 2.0, 3.0, 10.0, 1.0


@dataclass(frozen=True)
class IdentifiedArm:
    """What is known of an arm; the value is NaN where nothing is.

    Attributes:
        delay_s: from a target's stamp to the arm's heeding it.
        stiffness_factor, damping_factor: over those of the robot's description.
        joint_friction_nm: dry friction of a joint.
        friction: sliding friction of the plug on the panel.
        force_noise_n, torque_noise_nm: standard deviation of a reading filtered over 10 ms.
        force_after_tare_n, torque_after_tare_nm: left by the tare on each axis, half width of a uniform distribution.
    """

    delay_s: Estimate
    stiffness_factor: Estimate
    damping_factor: Estimate
    joint_friction_nm: Estimate
    friction: Estimate
    force_noise_n: Estimate
    torque_noise_nm: Estimate
    force_after_tare_n: Estimate
    torque_after_tare_nm: Estimate


def identified_randomisation(arm: IdentifiedArm, base: Randomisation, policy_period_s: float) -> Randomisation:
    """The randomisation `base` with what was identified in place of what was guessed, and a spread around it.

    The plug's friction is the exception: the guessed range stays, and is widened to hold what was found. What the tare
    leaves is trained at the upper end of its interval.
    """
    changes: dict[str, Any] = {}

    def centre(name: str, found: Estimate, guess: float) -> None:
        if not math.isnan(found.value):
            uncertain = guess if math.isnan(found.low) else found.high / found.low
            changes.update({f"{name}_centre": found.value, f"{name}_factor": min(guess, max(LEAST_SPREAD, uncertain))})

    def around(name: str, found: Estimate, spread: float, most: float, kept: tuple[float, ...] = ()) -> None:
        value = found.value
        if not math.isnan(value):
            changes[name] = (min(most, value / spread, *kept), max((min(most, value * spread), *kept)))

    def at_most(name: str, value: float, most: float) -> None:
        if not math.isnan(value):
            changes[name] = min(most, value)

    centre("stiffness", arm.stiffness_factor, base.stiffness_factor)
    centre("damping", arm.damping_factor, base.damping_factor)
    around("joint_friction_nm", arm.joint_friction_nm, FRICTION_SPREAD, _JOINT_FRICTION_MAX)
    around("friction", arm.friction, FRICTION_SPREAD, _FRICTION_MAX, kept=base.friction)
    at_most("force_noise_n", arm.force_noise_n.value, _NOISE_MAX)
    at_most("torque_noise_nm", arm.torque_noise_nm.value, _TORQUE_MAX)
    at_most("force_bias_n", arm.force_after_tare_n.high, _NOISE_MAX)
    at_most("torque_bias_nm", arm.torque_after_tare_nm.high, _TORQUE_MAX)
    if not math.isnan(arm.delay_s.value):
        periods = arm.delay_s.value / policy_period_s
        changes["command_delay_min"] = min(2, math.floor(periods))
        changes["command_delay_max"] = min(2, max(1, math.ceil(periods)))
    return replace(base, **{name: _rounded(value) for name, value in changes.items()})


def identified_training(arm: IdentifiedArm, training: Mapping[str, Any]) -> dict[str, Any]:
    """A training configuration, as `config/train` has them, for an identified arm: in training and in evaluation."""
    from maxent_robot.config import config_from_mapping

    found = dict(training)
    for part in ("environment", "evaluation_environment"):
        settings = dict(found.get(part, {}))
        config = config_from_mapping(settings, PlugConfig, source=part)
        settings["randomisation"] = to_mapping(
            identified_randomisation(arm, config.randomisation, config.policy_period_s)
        )
        found[part] = settings
    return found


def _rounded(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_rounded(one) for one in value)
    return float(f"{value:.4g}") if isinstance(value, float) else value
