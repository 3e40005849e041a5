"""Elo ratings from the results of a round robin, by maximum likelihood, with bootstrap intervals.

The model is that of Bradley and Terry (1952): player i beats j with probability 1 / (1 + 10^((R_j - R_i) / 400)).
Ratings have a mean of zero. A draw is half a win for each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maxent_robot.errors import MaxentRobotError

Array = NDArray[np.float64]

_SCALE = 400.0 / np.log(10.0)
_PRIOR_GAMES = 1.0
"""Drawn games of each pair that has met, added so that a player who never lost has a finite rating."""


class RatingError(MaxentRobotError):
    """Results from which no ratings follow."""


@dataclass(frozen=True)
class Ratings:
    """Of n players.

    Attributes:
        elo: (n,) ratings.
        low: (n,) lower ends of their 95 % intervals.
        high: (n,) upper ends.
    """

    elo: Array
    low: Array
    high: Array


def elo_ratings(wins: Array, games: Array, resamples: int = 1000, seed: int = 0) -> Ratings:
    """Ratings of n players.

    Args:
        wins: (n, n) games that the row player won against the column player, draws counted half.
        games: (n, n) games between them, symmetric.
        resamples: of the bootstrap, pair by pair.
        seed: of it.

    Raises:
        RatingError: tables that do not fit each other, or players that no chain of games connects.
    """
    wins, games = np.asarray(wins, dtype=np.float64), np.asarray(games, dtype=np.float64)
    _check(wins, games)
    elo = _fit(wins, games)
    generator = np.random.default_rng(seed)
    upper = np.triu_indices(len(games), 1)
    played = games[upper].astype(np.int64)
    share = np.divide(wins[upper], games[upper], out=np.full(len(played), 0.5), where=played > 0)
    draws = []
    for _ in range(resamples):
        drawn = np.zeros_like(wins)
        drawn[upper] = generator.binomial(played, share)
        draws.append(_fit(drawn + np.triu(games - drawn, 1).T, games))
    low, high = np.percentile(draws, [2.5, 97.5], axis=0) if draws else (elo, elo)
    return Ratings(elo, low, high)


def _check(wins: Array, games: Array) -> None:
    from scipy.sparse.csgraph import connected_components

    n = len(games)
    if wins.shape != (n, n) or games.shape != (n, n):
        raise RatingError(f"wins has shape {wins.shape} and games {games.shape}, must both be (n, n)")
    if not np.array_equal(games, games.T) or (wins < 0.0).any() or not np.allclose(wins + wins.T, games):
        raise RatingError("wins and their transpose must add up to games, which must be symmetric")
    _, group = connected_components(games, directed=False)
    apart = np.flatnonzero(group != group[0])
    if apart.size:
        raise RatingError(f"players {apart.tolist()} have met none of the others")


def _fit(wins: Array, games: Array) -> Array:
    """By the minorisation of D. Hunter, "MM algorithms for generalized Bradley-Terry models", 2004, eq. 3."""
    met = games > 0.0
    wins, games = wins + 0.5 * _PRIOR_GAMES * met, games + _PRIOR_GAMES * met
    strength = np.ones(len(games))
    for _ in range(10_000):
        new = wins.sum(axis=1) / (games / (strength[:, None] + strength)).sum(axis=1)
        new /= np.exp(np.log(new).mean())
        if np.abs(np.log(new / strength)).max() < 1e-10:
            break
        strength = new
    return np.asarray(_SCALE * np.log(new))
