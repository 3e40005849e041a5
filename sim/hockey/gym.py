"""Hockey for one side as a Gymnasium environment, and for both as a parallel one of PettingZoo.

After ``import sim``: ``gymnasium.make("MaxentRobot/HockeyDefend-v0")``, ``HockeyHit-v0`` and ``HockeyDuel-v0``, with
``settings`` of ``HockeyConfig``; ``HockeyParallelEnv()`` for both players.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pettingzoo.utils.env import ParallelEnv

from maxent_robot.config import config_from_mapping
from maxent_robot.skill.hockey import HOCKEY_AXES, HOCKEY_OBSERVATION_SIZE
from sim.hockey.config import HockeyConfig
from sim.hockey.picture import TablePicture
from sim.hockey.state import AWAY, HOME
from sim.hockey.task import HockeyTask
from sim.hockey.tasks import Task, make_task

Observation = NDArray[np.float32]
Action = NDArray[np.float32]
AGENTS = ("home", "away")


class HockeyEnv(gymnasium.Env[Observation, Action]):
    """Play at home against the opponent that the settings name.

    Observation: (75,) float32, stacked frames of ``maxent_robot.skill.hockey.HOCKEY_FIELDS``, SI units.
    Action: (2,) float32 in [-1, 1], velocity of the mallet's target as a share of ``HOCKEY_MAXIMUM``.
    Reward: sum of the terms in ``info["reward_terms"]``.
    Terminated: a goal or a fault, the task is done, or nobody can play the puck. Truncated: out of time.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012 (Gymnasium's own declaration)

    def __init__(self, render_mode: str | None = None, settings: Mapping[str, Any] | None = None) -> None:
        self.config = config_from_mapping(dict(settings or {}), HockeyConfig, source="settings")
        self.render_mode = render_mode
        self.observation_space = spaces.Box(-np.inf, np.inf, (HOCKEY_OBSERVATION_SIZE,), np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (len(HOCKEY_AXES),), np.float32)
        self.task = make_task(self.config, 1)
        self._picture = TablePicture(self.config.table)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode; the same ``seed`` gives the same start and the same noise."""
        super().reset(seed=seed)
        _begin(self.task, self.np_random)
        return self.task.observe()[0], {}

    def step(self, action: Action) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """One control period."""
        outcome = self.task.advance(np.asarray(action, dtype=np.float64)[None])
        info = {
            "reward_terms": {name: float(value[0]) for name, value in outcome.terms.items()},
            "is_success": bool(outcome.success[0]),
        }
        terminated = bool(outcome.success[0] or outcome.failure[0] or outcome.drawn[0])
        truncated = bool(outcome.timeout[0] and not outcome.drawn[0])
        return self.task.observe()[0], float(outcome.reward[0]), terminated, truncated, info

    def render(self) -> NDArray[np.uint8] | None:
        """(345, 640, 3) uint8 picture from above, in ``render_mode="rgb_array"``."""
        return None if self.render_mode is None else self._picture(self.task.state, 0)

    def close(self) -> None:
        """Free the renderer."""
        self._picture.close()


class HockeyParallelEnv(ParallelEnv[str, Observation, Action]):
    """Both sides of a rally: agents ``home`` and ``away``, each with its own view, in its own frame.

    Spaces and ends as of :class:`HockeyEnv`, but a puck that nobody can play truncates; a goal gives 1 to the one and
    -1 to the other, a fault takes ``fault`` of the settings from the one and gives it to the other.
    """

    metadata = {"name": "maxent_robot_hockey_v0", "render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None, settings: Mapping[str, Any] | None = None) -> None:
        given = {"task": "duel", "time_limit_s": 20.0, **dict(settings or {})}
        self.config = config_from_mapping(given, HockeyConfig, source="settings")
        self.render_mode = render_mode
        self.possible_agents = list(AGENTS)
        self.agents: list[str] = []
        seen = spaces.Box(-np.inf, np.inf, (HOCKEY_OBSERVATION_SIZE,), np.float32)
        done = spaces.Box(-1.0, 1.0, (len(HOCKEY_AXES),), np.float32)
        self._spaces = {agent: (copy.copy(seen), copy.copy(done)) for agent in AGENTS}
        self.task = HockeyTask(self.config, 1)
        self._picture = TablePicture(self.config.table)
        self._generator = np.random.default_rng()

    def observation_space(self, agent: str) -> spaces.Box:
        """The same for both, and the same object at each call."""
        return self._spaces[agent][0]

    def action_space(self, agent: str) -> spaces.Box:
        """The same for both, and the same object at each call."""
        return self._spaces[agent][1]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        """Begin a rally; the same ``seed`` gives the same start and the same noise."""
        if seed is not None:
            self._generator = np.random.default_rng(seed)
        self.agents = list(AGENTS)
        _begin(self.task, self._generator)
        return self._observations(), {agent: {} for agent in AGENTS}

    def step(
        self, actions: dict[str, Action]
    ) -> tuple[dict[str, Observation], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """One control period."""
        both = np.stack([np.asarray(actions[agent], dtype=np.float64) for agent in AGENTS])[None]
        points, ended, cut = self.task.advance_both(both)
        rewards = {"home": float(points[0]), "away": -float(points[0])}
        terminations = dict.fromkeys(AGENTS, bool(ended[0]))
        truncations = dict.fromkeys(AGENTS, bool(cut[0]))
        if ended[0] or cut[0]:
            self.agents = []
        return self._observations(), rewards, terminations, truncations, {agent: {} for agent in AGENTS}

    def _observations(self) -> dict[str, Observation]:
        seen = self.task.court.observation[0]
        return {"home": seen[HOME].copy(), "away": seen[AWAY].copy()}

    def render(self) -> NDArray[np.uint8] | None:
        """See :meth:`HockeyEnv.render`."""
        return None if self.render_mode is None else self._picture(self.task.state, 0)

    def close(self) -> None:
        """Free the renderer."""
        self._picture.close()


def _begin(task: Task, generator: np.random.Generator) -> None:
    words = [int(word) for word in generator.integers(2**32, size=5)]
    task.seed(words[0])
    task.begin(np.arange(1), [tuple(words[1:])])
