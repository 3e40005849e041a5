"""Whether log pi follows Q: what is found of pairs that do, do in part, and do not; and what a manifest may say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import ArrayLike

from maxent_robot.errors import ContractError
from maxent_robot.inference.calibration import Calibration, calibrate
from maxent_robot.inference.squashed_gaussian import squashed_log_prob

ALPHA = 0.05
STATES = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)


def actor(observation: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    x = np.asarray(observation)
    return 0.5 * x[:, :2], -1.0 + 0.3 * x[:, 2:]


class Critic:
    """alpha log pi + a value of the state + noise; the second head is higher by `apart`."""

    def __init__(self, noise: float = 0.0, apart: float = 0.0) -> None:
        self._noise, self._apart, self._generator = noise, apart, np.random.default_rng(1)

    def __call__(self, observation: ArrayLike, action: ArrayLike) -> np.ndarray:
        x, a = np.asarray(observation, dtype=np.float64), np.asarray(action, dtype=np.float64)
        log_prob = squashed_log_prob(np.arctanh(np.clip(a, -1 + 1e-12, 1 - 1e-12)), *actor(x))
        q = ALPHA * log_prob + 7.0 * x[:, 0] + self._noise * self._generator.standard_normal(len(a))
        return np.stack([q, q + self._apart], axis=1)


def test_a_soft_optimal_pair_has_the_slope_of_one_over_alpha_and_is_explained_whole() -> None:
    found = calibrate(actor, Critic(apart=0.3), STATES, seed=2)
    assert found.slope * ALPHA == pytest.approx(1.0, abs=1e-6)
    assert found.r2 == pytest.approx(1.0, abs=1e-6)
    assert found.r2_policy == pytest.approx(1.0, abs=1e-6)
    assert found.disagreement == pytest.approx(0.3)
    assert found.states == len(STATES)


def test_noise_of_the_critic_takes_its_share_of_what_is_explained() -> None:
    clean = calibrate(actor, Critic(), STATES, seed=2)
    log_probs = [
        squashed_log_prob(
            np.arctanh(np.random.default_rng(3).uniform(-1, 1, (64, 2))), *(p[[0]] for p in actor(STATES))
        )
    ]
    assert np.std(log_probs) > 0.5  # so that the noise below is not the whole of it
    noisy = calibrate(actor, Critic(noise=0.05), STATES, seed=2)
    assert 0.05 < noisy.r2_policy < noisy.r2 < clean.r2
    signal = noisy.r2 / (noisy.slope * ALPHA)  # covariance / variance of log pi, which noise of Q leaves alone
    assert signal == pytest.approx(1.0, abs=0.05)


def test_a_critic_that_is_flat_explains_nothing() -> None:
    def flat(observation: ArrayLike, action: ArrayLike) -> np.ndarray:
        return np.zeros((len(np.asarray(action)), 2))

    found = calibrate(actor, flat, STATES[:5], seed=2)
    assert (found.slope, found.r2, found.r2_policy) == (0.0, 0.0, 0.0)


def test_a_manifest_gives_back_what_was_written_and_nothing_else() -> None:
    written = Calibration(slope=20.0, r2=0.7, r2_policy=0.5, disagreement=0.1, states=300)
    assert Calibration.of({"calibration": dataclasses.asdict(written)}) == written
    assert Calibration.of({}) is None
    for broken in ({"slope": 1.0}, [1, 2], dataclasses.asdict(written) | {"r2": "high"}):
        with pytest.raises(ContractError, match=r"evaluation\.calibration of the skill"):
            Calibration.of({"calibration": broken})
    with pytest.raises(ContractError, match="slope and r2 must be finite"):
        Calibration.of({"calibration": dataclasses.asdict(written) | {"slope": float("nan")}})
