"""Several opponents as one player: each episode is played by one of them, drawn as it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from maxent_robot.errors import ConfigError
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
    """

    def __init__(self, players: Sequence[Player], n: int, seed: int = 0) -> None:
        self._players = tuple(players)
        self._generator = np.random.default_rng(seed)
        self.playing = self._generator.integers(len(self._players), size=n)
        """(n,) which of the players plays in each game."""

    def __call__(self, observation: np.ndarray) -> np.ndarray:
        """See `Player`; all of them see all games, so that each remembers its own."""
        actions = np.stack([player(observation) for player in self._players])
        chosen: np.ndarray = actions[self.playing, np.arange(len(observation))]
        return chosen

    def reset(self, index: Any = ...) -> None:
        """Draw who plays next in the games `index`."""
        places = np.arange(len(self.playing))[index]
        self.playing[places] = self._generator.integers(len(self._players), size=len(places))
        for player in self._players:
            player.reset(index)

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


def one_of(players: Sequence[Player], n: int) -> Player:
    """A player that is one of these in each of n games; the only one itself."""
    return players[0] if len(players) == 1 else Opponents(players, n)
