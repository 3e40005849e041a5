"""What the mean of soft Qs promises too much: the divergence correction K, learned from the pool.

Q*_C = sum_i w_i Q_i - K exactly, with

    K(s, a) <- -alpha gamma E log int prod_i pi_i(a'|s')^w_i exp(-K(s', a') / alpha) da'

(Hunt et al., 2019). The product of squashed Gaussians is a squashed Gaussian of mass exp(-D), so the integral is that
mass times a mean over actions of the product.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from maxent_robot.learning.networks import CriticEnsemble, SquashedGaussianActor
from maxent_robot.learning.optimised_network import AveragedNetwork
from maxent_robot.learning.pooled.replay import PooledReplay
from maxent_robot.learning.progress import ScalarMeans


class DivergenceCorrection:
    """K / alpha of a family of skills at fixed weights, as a network of observation and action.

    Args:
        actors: of the skills; they stay as they are.
        columns: what each sees of an observation.
        weights: of the skills, scaled to a sum of 1.
        discount: gamma.
        observation_scale: (observation_size,); the network divides by it.
        hidden_sizes: of the network.
        seed: of its weights and of all noise.
        samples: actions of the product for each next state.
    """

    def __init__(
        self,
        actors: Sequence[SquashedGaussianActor],
        columns: Sequence[np.ndarray],
        weights: Sequence[float],
        discount: float,
        observation_scale: np.ndarray,
        hidden_sizes: Sequence[int] = (128, 128),
        seed: int = 0,
        samples: int = 16,
    ) -> None:
        self._actors = list(actors)
        self._columns = [torch.from_numpy(np.ascontiguousarray(part)) for part in columns]
        shares = np.array(weights, dtype=np.float64)
        self._weights = torch.tensor(shares / shares.sum(), dtype=torch.float32)
        self._discount, self._samples = discount, samples
        self._generator = torch.Generator().manual_seed(seed)
        self._indices = np.random.default_rng(seed)
        scales = [observation_scale, np.ones(self._actors[0].action_size, np.float32)]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._network = AveragedNetwork(
                lambda: CriticEnsemble(scales, tuple(hidden_sizes), heads=1, layer_norm=True), 3e-4, 0.005
            )

    @property
    def network(self) -> CriticEnsemble:
        """K / alpha(observation, action), (batch, 1)."""
        return self._network.online

    @torch.no_grad()
    def target(self, following: Tensor) -> Tensor:
        """D(s') - log mean exp(-K(s', a') / alpha) over actions a' of the product, (batch,).

        Args:
            following: (batch, observation_size), the s'.
        """
        means, log_stds = zip(
            *(actor(following.index_select(1, seen)) for actor, seen in zip(self._actors, self._columns, strict=True)),
            strict=True,
        )
        mean, log_std = torch.stack(means), torch.stack(log_stds)
        middle, spread, apart = _product(mean, log_std, self._weights)
        noise = torch.randn(self._samples, *middle.shape, generator=self._generator)
        actions = torch.tanh(middle + spread.exp() * noise).reshape(-1, middle.shape[1])
        repeated = following.repeat(self._samples, 1)
        k = self._network.average(repeated, actions)[:, 0].reshape(self._samples, -1)
        return apart - (torch.logsumexp(-k, dim=0) - math.log(self._samples))

    def train(self, replay: PooledReplay, updates: int, batch_size: int, advance: Callable[[int], None]) -> float:
        """Fit K to its own equation for `updates` minibatches of the pool; the mean loss of their last tenth.

        A state that terminates one skill ends the composition, so the least discount of the skills counts.
        """
        means = ScalarMeans()
        for number in range(updates):
            observation, action, following, discount = replay.sample_joint(batch_size, self._indices)
            target = discount * self.target(following)
            loss = 0.5 * (self._network.online(observation, action)[:, 0] - target).square().mean()
            value = self._network.minimise(loss)
            self._network.follow()
            if number >= updates - max(1, updates // 10):
                means.add({"loss": value})
            advance(1)
        return means.read()["loss"]


def _product(mean: Tensor, log_std: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and log standard deviation (batch, A) of the weighted product of Gaussians (N, batch, A), and D (batch,).

    D = -log of the mass that the product has lost, in closed form, axis by axis.
    """
    w = weights[:, None, None]
    precision = w * torch.exp(-2.0 * log_std)
    total = precision.sum(dim=0)
    middle = (precision * mean).sum(dim=0) / total
    spread = -0.5 * torch.log(total)
    quadratic = (precision * (mean - middle).square()).sum(dim=0)
    apart = 0.5 * quadratic + (w * log_std).sum(dim=0) - spread
    return middle, spread, apart.sum(dim=-1)
