"""How the last episodes of training went: what the cost ramp and the progress bar read."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from maxent_robot.learning.environment import EpisodeSummary


class RecentEpisodes:
    """Success and return of the last episodes, and the reward terms of those since they were read.

    Args:
        window: episodes that count. Those from an assisted start never do, but for their reward terms.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._successes: deque[bool] = deque(maxlen=window)
        self._returns: deque[float] = deque(maxlen=window)
        self._terms: dict[str, list[float]] = {}

    def add(self, episodes: Iterable[EpisodeSummary]) -> None:
        """Take episodes that have ended, the oldest first."""
        for episode in episodes:
            if not episode.easy:
                if episode.success is not None:
                    self._successes.append(episode.success)
                self._returns.append(float(episode.episode_return))
            for name, value in episode.reward_terms.items():
                self._terms.setdefault(name, []).append(float(value))

    @property
    def success(self) -> float:
        """Share of successes; 0 until half of the window is filled."""
        if 2 * len(self._successes) < self._window:
            return 0.0
        return sum(self._successes) / len(self._successes)

    def figures(self) -> dict[str, float]:
        """`success` and the mean `return`, where there are any."""
        figures = {"success": self.success} if self._successes else {}
        return {**figures, "return": float(np.mean(self._returns))} if self._returns else figures

    def read_reward_terms(self) -> dict[str, float]:
        """Mean of each reward term since the last read."""
        means = {name: float(np.mean(values)) for name, values in self._terms.items()}
        self._terms.clear()
        return means

    def state_dict(self) -> dict[str, Any]:
        """The window; reward terms are for the eye alone."""
        return {"successes": list(self._successes), "returns": list(self._returns)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        self._successes.extend(state["successes"])
        self._returns.extend(state["returns"])
