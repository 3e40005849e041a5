"""Elo ratings: known answers, invariances, and intervals that cover."""

from __future__ import annotations

import numpy as np
import pytest

from maxent_robot.trials.ratings import RatingError, elo_ratings


def results(ratings: np.ndarray, games: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    n = len(ratings)
    wins, played = np.zeros((n, n)), games * (1.0 - np.eye(n))
    for i in range(n):
        for j in range(i + 1, n):
            chance = 1.0 / (1.0 + 10.0 ** ((ratings[j] - ratings[i]) / 400.0))
            wins[i, j] = generator.binomial(games, chance)
            wins[j, i] = games - wins[i, j]
    return wins, played


def test_two_players_differ_by_the_logit_of_their_score() -> None:
    wins = np.array([[0.0, 7500.0], [2500.0, 0.0]])
    found = elo_ratings(wins, wins + wins.T, resamples=0)
    assert found.elo[0] - found.elo[1] == pytest.approx(400.0 * np.log10(3.0), abs=0.1)
    assert found.elo.sum() == pytest.approx(0.0, abs=1e-6)


def test_intervals_hold_the_true_ratings_about_as_often_as_they_say() -> None:
    true = np.array([-150.0, -30.0, 40.0, 140.0])
    generator = np.random.default_rng(1)
    inside = []
    for seed in range(40):
        found = elo_ratings(*results(true, 60, generator), resamples=200, seed=seed)
        inside.append((found.low <= true) & (true <= found.high))
    assert 0.88 < np.mean(inside) <= 1.0


def test_who_never_lost_has_a_finite_rating_above_the_others() -> None:
    wins = np.array([[0.0, 10.0, 10.0], [0.0, 0.0, 5.0], [0.0, 5.0, 0.0]])
    found = elo_ratings(wins, wins + wins.T)
    assert np.isfinite(found.elo).all()
    assert found.elo[0] > found.elo[1] + 200.0
    assert found.elo[1] == pytest.approx(found.elo[2])


def test_results_from_which_nothing_follows_are_refused() -> None:
    games = np.array([[0.0, 2.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    with pytest.raises(RatingError, match=r"players \[2\] have met none"):
        elo_ratings(0.5 * games, games)
    with pytest.raises(RatingError, match="add up to games"):
        elo_ratings(np.ones((2, 2)), np.ones((2, 2)))
    with pytest.raises(RatingError, match="has shape"):
        elo_ratings(np.ones((2, 3)), np.ones((2, 3)))
