"""Several opponents as one player: each episode is played by one of them, drawn as it begins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.errors import ConfigError
from maxent_robot.learning.environment import Rival
from sim.hockey.config import TableConfig
from sim.hockey.players import Blocker, Keeper, Memoryless, Player, Predictor
from sim.hockey.striker import Striker

SCRIPTED = ("none", "blocker", "keeper", "predictor", "striker")
"""Names of players written by hand; `none` does not move."""


class Still(Memoryless):
    """Does not move."""

    def __call__(self, observation: np.ndarray) -> np.ndarray:
        """See `Player`."""
        return np.zeros((len(observation), 2))


def make_player(name: str, config: TableConfig, n: int, seed: int = 0) -> Player:
    """A player written by hand, for n games.

    Raises:
        ConfigError: no player of this name; the message lists them.
    """
    if name == "none":
        return Still()
    if name == "blocker":
        return Blocker(config)
    if name == "keeper":
        return Keeper(config)
    if name == "predictor":
        return Predictor(config, n)
    if name == "striker":
        return Striker(config, n, seed)
    raise ConfigError(f"no hockey player {name!r}: must be one of {', '.join(SCRIPTED)}, or the path of a skill")


class Opponents:
    """A player that is another one in every game.

    Args:
        players: for n games each.
        n: games.
        seed: of the draws.
        shares: of the games, one for each player; equal where not given.
    """

    def __init__(self, players: Sequence[Player], n: int, seed: int = 0, shares: Sequence[float] | None = None) -> None:
        self._players, self._shares = tuple(players), shares
        self._generator = np.random.default_rng(seed)
        self.playing = self._draw(n)
        """(n,) which of the players plays in each game."""

    def _draw(self, count: int) -> NDArray[np.int64]:
        return self._generator.choice(len(self._players), size=count, p=self._shares)

    def __call__(self, observation: np.ndarray) -> np.ndarray:
        """See `Player`; all of them see all games, so that each remembers its own."""
        actions = np.stack([player(observation) for player in self._players])
        chosen: np.ndarray = actions[self.playing, np.arange(len(observation))]
        return chosen

    def reset(self, index: Any = ...) -> None:
        """Draw who plays next in the games `index`."""
        places = np.arange(len(self.playing))[index]
        self.playing[places] = self._draw(len(places))
        for player in self._players:
            player.reset(index)

    def remember(self, policy: object) -> None:
        """See `Rival`."""
        for player in self._players:
            if isinstance(player, Rival):
                player.remember(policy)

    def count(self, index: NDArray[np.intp], points: NDArray[np.float64]) -> None:
        """See `Rival`."""
        for number, player in enumerate(self._players):
            if isinstance(player, Rival):
                own = self.playing[index] == number
                player.count(index[own], points[own])

    def state_dict(self) -> dict[str, Any]:
        """Who plays where, and their memories."""
        return {
            "playing": self.playing.copy(),
            "generator": self._generator.bit_generator.state,
            "players": [player.state_dict() for player in self._players],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state_dict` gave."""
        self.playing[...] = state["playing"]
        self._generator.bit_generator.state = state["generator"]
        for player, memory in zip(self._players, state["players"], strict=True):
            player.load_state_dict(memory)


def one_of(names: Sequence[str], make: Callable[[str, int], Player], n: int) -> Player:
    """A player that is one of these in each of n games, as often as its name is there; the only one itself.

    Args:
        names: of players.
        make: the player of a name and a seed.
    """
    counts = Counter(names)
    players = [make(name, seed) for seed, name in enumerate(counts)]
    shares = [count / len(names) for count in counts.values()]
    return players[0] if len(players) == 1 else Opponents(players, n, shares=shares)
