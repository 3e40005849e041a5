"""Whether an actor and its critic belong together: a maximum entropy policy is exp(Q / alpha), so log pi must follow Q.

A critic that does not explain its own actor says nothing that another skill could add to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxent_robot.errors import ContractError
from maxent_robot.inference.sampler import within_limits
from maxent_robot.inference.squashed_gaussian import squashed_log_prob

EVALUATION_KEY = "calibration"
"""Where it stands in the `evaluation` of a manifest."""

Actor = Callable[[ArrayLike], tuple[NDArray[np.floating], NDArray[np.floating]]]
Critic = Callable[[ArrayLike, ArrayLike], NDArray[np.floating]]

ACTIONS = 64
"""Drawn for each state: the first half from the policy, the second uniform in [-1, 1]."""


@dataclass(frozen=True)
class Calibration:
    """The regression of log pi(a | s) on the least head of Q(s, a), both less their means over the actions of a state.

    Attributes:
        slope: [1 / reward]; 1 / alpha of a soft optimal pair.
        r2: share of the variance of log pi that it explains, over actions half of the policy and half uniform.
        r2_policy: the same over the policy's own actions alone.
        disagreement: median distance of the least to the greatest head [reward].
        states: held out, of the skill's evaluation.
    """

    slope: float
    r2: float
    r2_policy: float
    disagreement: float
    states: int

    @staticmethod
    def of(evaluation: Mapping[str, Any]) -> Calibration | None:
        """The calibration in the `evaluation` of a manifest; None where it holds none.

        Raises:
            ContractError: it is not what `dataclasses.asdict` gives.
        """
        found = evaluation.get(EVALUATION_KEY)
        if found is None:
            return None
        try:
            calibration = Calibration(
                **{key: float(found[key]) for key in ("slope", "r2", "r2_policy", "disagreement")},
                states=int(found["states"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ContractError(f"evaluation.{EVALUATION_KEY} of the skill: {error!r}") from error
        if not all(math.isfinite(value) for value in (calibration.slope, calibration.r2)):
            raise ContractError(f"evaluation.{EVALUATION_KEY} of the skill: slope and r2 must be finite")
        return calibration


def calibrate(actor: Actor, critic: Critic, observations: NDArray[np.float32], seed: int) -> Calibration:
    """Regress log pi on Q over held-out states.

    Args:
        actor: observation (n, obs) -> pre-tanh mean and log standard deviation, each (n, A).
        critic: observation (1, obs), actions (n, A) in [-1, 1] -> soft Q of each head, (n, heads).
        observations: (n, obs), n > 0.
        seed: of the actions.
    """
    generator = np.random.default_rng(seed)
    log_probs, values, spreads = [], [], []
    for observation in observations:
        mean, log_std = (row[0] for row in within_limits(*actor(observation[None])))
        u = mean + np.exp(log_std) * generator.standard_normal((ACTIONS, mean.size))
        u[ACTIONS // 2 :] = generator.logistic(scale=0.5, size=(ACTIONS - ACTIONS // 2, mean.size))
        q = critic(observation[None], np.tanh(u)).astype(np.float64)
        log_probs.append(squashed_log_prob(u, mean, log_std))
        values.append(q.min(axis=1))
        spreads.append(q.max(axis=1) - q.min(axis=1))
    log_prob, value = np.array(log_probs), np.array(values)
    slope, r2 = _regression_within_rows(value, log_prob)
    _, r2_policy = _regression_within_rows(value[:, : ACTIONS // 2], log_prob[:, : ACTIONS // 2])
    return Calibration(slope, r2, r2_policy, float(np.median(spreads)), len(observations))


def _regression_within_rows(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Slope of y on x and its R2, each less its row's mean; both 0 where x does not vary."""
    x, y = (values - values.mean(axis=1, keepdims=True) for values in (x, y))
    covariance, variance = float((x * y).sum()), float((x * x).sum())
    if not variance:
        return 0.0, 0.0
    return covariance / variance, covariance**2 / (variance * float((y * y).sum()))
