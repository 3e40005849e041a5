"""A skill that can be composed, and whether several may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maxent_robot.errors import ContractError
from maxent_robot.inference.actor import OnnxActor
from maxent_robot.inference.calibration import EVALUATION_KEY as CALIBRATION_KEY
from maxent_robot.inference.calibration import Actor, Calibration, Critic
from maxent_robot.inference.critic import OnnxCritic
from maxent_robot.inference.sampler import within_limits
from maxent_robot.skill.bundle import SkillBundle
from maxent_robot.skill.manifest import SkillManifest

Array = NDArray[np.float64]

LEAST_R2 = 0.6
"""Share of log pi that the Q of a skill must explain before it may be added to another's."""

SLOPE_RANGE = (0.25, 4.0)
"""Of log pi on Q, times alpha; it is 1 in theory, and less where exp(Q / alpha) is not of a Gaussian's shape."""


@dataclass(frozen=True)
class ComposableSkill:
    """Actor and critics of one skill.

    Attributes:
        name: of the skill.
        alpha: temperature, in units of its reward, that its soft Q belongs to; positive.
        actor: what it sees of an observation, (n, seen) -> pre-tanh mean and log standard deviation, each (n, A).
        critic: what it sees of one state (1, seen), actions (n, A) in [-1, 1] -> soft Q of each head, (n, heads).
        columns: (seen,) places of an observation (obs,) that it sees; None: all.
        uncalibrated: why its Q may not be used; empty where it may.
    """

    name: str
    alpha: float
    actor: Actor
    critic: Critic
    columns: NDArray[np.int64] | None = None
    uncalibrated: str = ""

    @classmethod
    def of(cls, bundle: SkillBundle) -> ComposableSkill:
        """From a verified bundle.

        Raises:
            ContractError: its temperature is 0, so that its Q is not a soft one, or its calibration can't be read.
        """
        manifest = bundle.manifest
        if not manifest.alpha > 0.0:
            raise ContractError(f"skill {manifest.name}: alpha is {manifest.alpha:g}, must be positive to be composed")
        return cls(
            manifest.name,
            manifest.alpha,
            OnnxActor(bundle),
            OnnxCritic(bundle),
            manifest.layout.columns,
            _uncalibrated(manifest),
        )

    def gaussian(self, observation: Array) -> tuple[Array, Array]:
        """Pre-tanh mean and log standard deviation (A,) at one observation (obs,), within the sampler's limits."""
        mean, log_std = within_limits(*self.actor(self._seen(observation)[None]))
        return mean[0], log_std[0]

    def values(self, observation: Array, actions: Array) -> Array:
        """min over the heads of Q(s, a_k) / alpha, (K,), for actions (K, A) at one observation (obs,)."""
        q = self.critic(self._seen(observation)[None], actions)
        result: Array = np.asarray(q, dtype=np.float64).min(axis=1) / self.alpha
        return result

    def _seen(self, observation: Array) -> Array:
        return observation if self.columns is None else observation[self.columns]


@dataclass(frozen=True)
class Correction:
    """What the weighted mean of soft Qs promises too much (Hunt et al., 2019), learned for fixed weights.

    Attributes:
        weights: of the skills, in their order; only ratios matter.
        network: observation (1, obs), actions (n, A) in [-1, 1] -> K / alpha, (n, 1).
    """

    weights: tuple[float, ...]
    network: Critic

    def values(self, observation: Array, actions: Array) -> Array:
        """K / alpha (K,) for actions (K, A) at one observation (obs,)."""
        found = self.network(observation[None], actions)
        return np.asarray(found, dtype=np.float64)[:, 0]

    def fits(self, shares: Array) -> bool:
        """Whether it belongs to weights (N,) that sum to 1."""
        own = np.array(self.weights) / np.sum(self.weights)
        return own.shape == shares.shape and bool(np.allclose(own, shares, rtol=1e-3, atol=1e-6))


def _uncalibrated(manifest: SkillManifest) -> str:
    calibration = Calibration.of(manifest.evaluation)
    if calibration is None:
        return f"skill {manifest.name} does not say whether log pi follows its Q (evaluation.{CALIBRATION_KEY})"
    if calibration.r2 < LEAST_R2:
        return (
            f"the Q of skill {manifest.name} explains {100.0 * calibration.r2:.0f} % of its log pi, "
            f"must be at least {100.0 * LEAST_R2:.0f} %"
        )
    factor = calibration.slope * manifest.alpha
    low, high = SLOPE_RANGE
    if not low <= factor <= high:
        return (
            f"the slope of log pi on the Q of skill {manifest.name} is {factor:.2g} of 1 / alpha, "
            f"must be {low:g} to {high:g}"
        )
    return ""


def check_composable(bundles: Sequence[SkillBundle]) -> None:
    """Refuse skills whose Qs do not add up: all need one discount, period, action space and way to observe.

    Raises:
        ContractError: names the two skills, what differs, and both values.
    """
    first = bundles[0].manifest
    for bundle in bundles[1:]:
        other = bundle.manifest
        for what, ours, theirs in (
            ("gamma", first.gamma, other.gamma),
            ("policy_period_s", first.policy_period_s, other.policy_period_s),
            ("action", first.action, other.action),
            ("impedance", first.impedance, other.impedance),
            ("T_flange_tcp", first.T_flange_tcp, other.T_flange_tcp),
        ):
            if ours != theirs:
                raise ContractError(
                    f"skills {first.name} and {other.name} can't be composed: {what} is {ours} and {theirs}, must agree"
                )
    names = [bundle.manifest.name for bundle in bundles]
    if len(set(names)) < len(names):
        raise ContractError(f"skills {', '.join(names)}: each may be there once")
