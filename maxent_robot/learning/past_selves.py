"""Self-play: policies that the learner had before, as one opponent; those that it does not beat come more often.

Prioritised fictitious self-play: a past self that the learner beats with probability p is drawn with weight (1 - p)^2
(O. Vinyals et al., "Grandmaster level in StarCraft II using multi-agent reinforcement learning", 2019, f_hard).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.errors import ConfigError
from maxent_robot.learning.networks import SquashedGaussianActor
from maxent_robot.learning.numpy_actor import NumpyActor, split_gaussian
from maxent_robot.skill.hockey import HOCKEY_AXES

CAPACITY = 8
_MEMORY = 0.98
"""Share of a result's weight that is left when the next one of the same past self comes."""
_NEW_GAMES = 2.0
"""Drawn games that a past self begins with."""


@dataclass
class PastSelf:
    """One earlier policy.

    Attributes:
        actor: of it.
        log_std_minimum, log_std_half_range: of the actor's Gaussian.
        points: of the learner against it, lately: 1 a win, 0.5 a draw.
        games: lately.
    """

    actor: NumpyActor
    log_std_minimum: float
    log_std_half_range: float
    points: float = 0.5 * _NEW_GAMES
    games: float = _NEW_GAMES

    @property
    def beaten(self) -> float:
        """The learner's share of the points."""
        return self.points / self.games

    def act(self, observation: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """A sample of the policy, (n, action_size)."""
        mean, log_std = split_gaussian(self.actor(observation), self.log_std_minimum, self.log_std_half_range)
        return np.tanh(mean + np.exp(log_std) * noise)


class PastSelves:
    """Plays n games (see `maxent_robot.learning.environment.Rival`), each as one of the policies remembered.

    Where there are `CAPACITY` of them, the one that is beaten most is forgotten for a new one.

    Args:
        n: games.
        seed: of who plays, and of the actions.
    """

    def __init__(self, n: int, seed: int) -> None:
        self._generator = np.random.default_rng(seed)
        self.members: list[PastSelf] = []
        self.playing = np.zeros(n, dtype=np.int64)
        """(n,) which of the members plays in each game."""

    def remember(self, policy: object) -> None:
        """Add a copy of an actor.

        Raises:
            ConfigError: of an algorithm that has no stochastic one.
        """
        if not isinstance(policy, SquashedGaussianActor):
            raise ConfigError(f"opponents: past_selves are policies of sac or crossq, not a {type(policy).__name__}")
        if len(self.members) == CAPACITY:
            easiest = int(np.argmax([member.beaten for member in self.members]))
            del self.members[easiest]
            self.playing[self.playing > easiest] -= 1  # who played as it goes on as its successor
            self.playing = np.minimum(self.playing, CAPACITY - 2)
        actor = NumpyActor.of(policy).copy()
        self.members.append(PastSelf(actor, policy.log_std_minimum, policy.log_std_half_range))

    def count(self, index: NDArray[np.intp], points: NDArray[np.float64]) -> None:
        """Take note of the points (k,) that the learner has made in the games `index` (k,)."""
        for number, gained in zip(self.playing[index], points, strict=True):
            member = self.members[number]
            member.points = _MEMORY * member.points + float(gained)
            member.games = _MEMORY * member.games + 1.0

    def reset(self, index: Any = ...) -> None:
        """Draw who plays next in the games `index`."""
        places = np.arange(len(self.playing))[index]
        if self.members:
            weights = np.array([(1.0 - member.beaten) ** 2 for member in self.members]) + 1e-3
            self.playing[places] = self._generator.choice(
                len(self.members), size=len(places), p=weights / weights.sum()
            )

    def __call__(self, observation: np.ndarray) -> np.ndarray:
        """See `Rival`."""
        action = np.zeros((len(observation), len(HOCKEY_AXES)))
        noise = self._generator.standard_normal(action.shape)
        for number, member in enumerate(self.members):
            games = self.playing == number
            if games.any():
                action[games] = member.act(observation[games], noise[games])
        return action

    def state_dict(self) -> dict[str, Any]:
        """Everything."""
        return {
            "generator": self._generator.bit_generator.state,
            "playing": self.playing.copy(),
            "members": [{**vars(member), "actor": member.actor.state_dict()} for member in self.members],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state_dict` gave."""
        self._generator.bit_generator.state = state["generator"]
        self.playing = np.array(state["playing"])
        self.members = [
            PastSelf(**{**member, "actor": NumpyActor.from_state(member["actor"])}) for member in state["members"]
        ]
