"""A skill that can be composed, and whether several may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxent_robot.errors import ContractError
from maxent_robot.inference.actor import OnnxActor
from maxent_robot.inference.critic import OnnxCritic
from maxent_robot.inference.sampler import within_limits
from maxent_robot.skill.bundle import SkillBundle

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ComposableSkill:
    """Actor and critics of one skill.

    Attributes:
        name: of the skill.
        alpha: temperature, in units of its reward, that its soft Q belongs to; positive.
        actor: observation (n, obs) -> pre-tanh mean and log standard deviation, each (n, A).
        critic: observation (n, obs), action (n, A) in [-1, 1] -> soft Q of each head, (n, heads).
    """

    name: str
    alpha: float
    actor: Callable[[ArrayLike], tuple[NDArray[np.floating], NDArray[np.floating]]]
    critic: Callable[[ArrayLike, ArrayLike], NDArray[np.floating]]

    @classmethod
    def of(cls, bundle: SkillBundle) -> ComposableSkill:
        """From a verified bundle.

        Raises:
            ContractError: its temperature is 0, so that its Q is not a soft one.
        """
        manifest = bundle.manifest
        if not manifest.alpha > 0.0:
            raise ContractError(f"skill {manifest.name}: alpha is {manifest.alpha:g}, must be positive to be composed")
        return cls(manifest.name, manifest.alpha, OnnxActor(bundle), OnnxCritic(bundle))

    def gaussian(self, observation: Array) -> tuple[Array, Array]:
        """Pre-tanh mean and log standard deviation (A,) at one observation (obs,), within the sampler's limits."""
        mean, log_std = within_limits(*self.actor(observation[None]))
        return mean[0], log_std[0]

    def values(self, observation: Array, actions: Array) -> Array:
        """min over the heads of Q(s, a_k) / alpha, (K,), for actions (K, A) at one observation (obs,)."""
        q = self.critic(np.broadcast_to(observation, (len(actions), observation.size)), actions)
        result: Array = np.asarray(q, dtype=np.float64).min(axis=1) / self.alpha
        return result


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
