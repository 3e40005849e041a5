"""A planar world in which skills can be composed by hand: a point that moves, a goal, and an obstacle between them.

Three skills share it. `reach_x` and `reach_y` are each rewarded for one coordinate of the goal and see only that one,
so each is a problem of one dimension whose soft values are known; `avoid` is punished inside of the obstacle and sees
only that. None of them gets to the goal unharmed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.learning.pooled.environment import FamilySpaces, FamilyStep, SkillView

Array = NDArray[np.float64]

STEP = 0.1
"""Way of a step with an action of 1."""

RADIUS, MARGIN = 0.25, 0.05
"""Of the obstacle, and of the zone around it in which `avoid` is already punished."""

REACHED = 0.1
EPISODE_STEPS = 60
HARM = 2.0
"""Punishment of a step within the zone."""

_SUBSTEPS = 4
"""Of a step, at which a collision is looked for: 0.025 apart, a tenth of the radius."""

SKILLS = (
    SkillView("reach_x", np.array([0, 2])),
    SkillView("reach_y", np.array([1, 3])),
    SkillView("avoid", np.array([0, 1, 4, 5])),
)
SUMMED = SkillView("sum", np.arange(6))
"""The skill that is rewarded with the mean of the others' rewards, for comparison."""


@dataclass(frozen=True)
class ReachState:
    """n points with their goals and obstacles.

    Attributes:
        point: (n, 2) in [-1, 1].
        goal: (n, 2).
        obstacle: (n, 2) centre.
    """

    point: Array
    goal: Array
    obstacle: Array

    def observation(self) -> NDArray[np.float32]:
        """(n, 6): the point, the goal from it, the obstacle from it."""
        parts = [self.point, self.goal - self.point, self.obstacle - self.point]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def inside(self, margin: float = 0.0) -> NDArray[np.bool_]:
        """(n,) whether the point is within the obstacle, or `margin` of it."""
        inside: NDArray[np.bool_] = np.linalg.norm(self.point - self.obstacle, axis=1) < RADIUS + margin
        return inside

    def reached(self) -> NDArray[np.bool_]:
        """(n,) whether the point is at the goal."""
        reached: NDArray[np.bool_] = np.linalg.norm(self.point - self.goal, axis=1) < REACHED
        return reached


def sample_states(generator: np.random.Generator, n: int, spread: bool = False) -> ReachState:
    """Starts at least 1 from the goal, with the obstacle about half-way.

    Args:
        spread: half of the obstacles anywhere instead, and half of the starts too, as training wants.
    """
    start, goal = np.empty((n, 2)), np.empty((n, 2))
    for row in range(n):
        while True:
            start[row], goal[row] = generator.uniform(-0.9, 0.9, (2, 2))
            if np.linalg.norm(start[row] - goal[row]) >= 1.0:
                break
    obstacle = 0.5 * (start + goal) + generator.uniform(-0.1, 0.1, (n, 2))
    if spread:
        anywhere = generator.random(n) < 0.5
        obstacle[anywhere] = generator.uniform(-0.9, 0.9, (int(anywhere.sum()), 2))
        anywhere = generator.random(n) < 0.5
        start[anywhere] = generator.uniform(-1.0, 1.0, (int(anywhere.sum()), 2))
    return ReachState(start, goal, obstacle)


def move(state: ReachState, action: NDArray[Any]) -> tuple[ReachState, NDArray[np.bool_]]:
    """One step with actions (n, 2) in [-1, 1]; also whether it went through the obstacle, (n,)."""
    point, hit = state.point, np.zeros(len(state.point), dtype=bool)
    for _ in range(_SUBSTEPS):
        point = np.clip(point + STEP / _SUBSTEPS * np.clip(action, -1.0, 1.0), -1.0, 1.0)
        hit |= ReachState(point, state.goal, state.obstacle).inside()
    return ReachState(point, state.goal, state.obstacle), hit


def rewards(state: ReachState, hit: NDArray[np.bool_]) -> Array:
    """(n, 3) of the skills, for the state that a step has led to."""
    away = -np.abs(state.point - state.goal)
    harm = -HARM * (hit | state.inside(MARGIN))
    return np.concatenate([away, harm[:, None]], axis=1)


class VectorReach:
    """`num_envs` worlds, for training; an episode has `EPISODE_STEPS` and nothing ends it before.

    Args:
        summed: instead of the three skills the one that is rewarded with the mean of their rewards.
    """

    def __init__(self, num_envs: int, summed: bool = False) -> None:
        self.num_envs, self._summed = num_envs, summed
        self.spaces = FamilySpaces(np.ones(6, dtype=np.float32), 2, (SUMMED,) if summed else SKILLS)
        self._generator = np.random.default_rng(0)
        self._state = sample_states(self._generator, num_envs, spread=True)
        self._age = np.zeros(num_envs, dtype=np.int64)
        self._action = np.zeros((num_envs, 2))

    def reset(self, seed: int) -> NDArray[np.float32]:
        """See `FamilyEnvironment`; the first episodes are of different lengths, so that they do not end together."""
        self._generator = np.random.default_rng(seed)
        self._state = sample_states(self._generator, self.num_envs, spread=True)
        self._age = self._generator.integers(EPISODE_STEPS, size=self.num_envs)
        return self._state.observation()

    def step_begin(self, action: NDArray[Any]) -> None:
        """See `FamilyEnvironment`."""
        self._action = np.array(action, dtype=np.float64)

    def step_end(self) -> FamilyStep:
        """See `FamilyEnvironment`."""
        state, hit = move(self._state, self._action)
        reward = rewards(state, hit)
        if self._summed:
            reward = reward.mean(axis=1, keepdims=True)
        self._age += 1
        ended = self._age >= EPISODE_STEPS
        final = state.observation()
        if ended.any():
            fresh = sample_states(self._generator, int(ended.sum()), spread=True)
            for old, new in ((state.point, fresh.point), (state.goal, fresh.goal), (state.obstacle, fresh.obstacle)):
                old[ended] = new
            self._age[ended] = 0
        self._state = state
        return FamilyStep(
            observation=state.observation(),
            reward=reward.astype(np.float32),
            terminated=np.zeros(reward.shape, dtype=bool),
            ended=ended,
            final_observation=final,
        )

    def state_dict(self) -> dict[str, Any]:
        """See `FamilyEnvironment`."""
        state = self._state
        return {
            "point": state.point.copy(),
            "goal": state.goal.copy(),
            "obstacle": state.obstacle.copy(),
            "age": self._age.copy(),
            "generator": self._generator.bit_generator.state,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `FamilyEnvironment`."""
        self._state = ReachState(*(np.array(state[name]) for name in ("point", "goal", "obstacle")))
        self._age = np.array(state["age"])
        self._generator.bit_generator.state = state["generator"]

    def close(self) -> None:
        """No threads to end."""
