"""Players written by hand. Each acts on what a skill would see, (n, 75) in its own frame, for n games at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from maxent_robot.learning.environment import Script
from maxent_robot.skill.hockey import HOCKEY_MAXIMUM, hockey_field
from sim.hockey.config import TableConfig
from sim.hockey.paths import Crossing, crossing
from sim.hockey.state import Array

COMING_M_S = 0.3
"""Speed towards the own goal above which a puck is a shot."""

Player: TypeAlias = Script
"""Plays n games at once: observations (n, 75) to actions (n, 2), both in the player's frame."""


@dataclass(frozen=True)
class Sight:
    """What a player makes of n observations, in its own frame.

    Attributes:
        mallet: (n, 2) own mallet [m].
        moves: (n, 2) velocity of it [m/s].
        target: (n, 2) its target [m].
        opponent: (n, 2) the other mallet [m].
        puck: (n, 2) where the puck is by now [m].
        velocity: (n, 2) of it [m/s].
    """

    mallet: Array
    moves: Array
    target: Array
    opponent: Array
    puck: Array
    velocity: Array

    def of(self, games: NDArray[np.bool_]) -> Sight:
        """Some of the games."""
        return Sight(*(getattr(self, field.name)[games] for field in fields(self)))


def see(observation: NDArray[np.float32], period_s: float) -> Sight:
    """The state of the game from the stacked frames: velocity from two sights of the puck, and where it is by now.

    Sights two periods apart are taken, or one where they tell of a bounce in between.
    """
    puck = [hockey_field(observation, "puck_position", age).astype(float) for age in (0, 1, 2)]
    seen_s = [-period_s * age - hockey_field(observation, "puck_age", age)[:, 0].astype(float) for age in (0, 1, 2)]
    long, short = (_velocity(puck[0], puck[age], seen_s[0] - seen_s[age]) for age in (2, 1))
    bounced = np.linalg.norm(long - short, axis=1, keepdims=True) > 0.5
    usable = (seen_s[0] - seen_s[1] > 0.5 * period_s)[:, None]
    velocity = np.where(bounced & usable, short, long)
    mallet = hockey_field(observation, "mallet_position").astype(float)
    return Sight(
        mallet=mallet,
        moves=hockey_field(observation, "mallet_velocity").astype(float),
        target=mallet + hockey_field(observation, "target_offset"),
        opponent=hockey_field(observation, "opponent_position").astype(float),
        puck=puck[0] - velocity * seen_s[0][:, None],
        velocity=velocity,
    )


def _velocity(now: Array, before: Array, apart_s: Array) -> Array:
    return np.where(apart_s[:, None] > 1e-6, (now - before) / np.maximum(apart_s, 1e-6)[:, None], 0.0)


def steer(target: Array, place: Array, period_s: float) -> Array:
    """Actions (n, 2) that bring the target to `place`, half of what is left each period: a command may come late."""
    return np.clip(0.5 * (place - target) / (period_s * HOCKEY_MAXIMUM), -1.0, 1.0)


class Memoryless:
    """What a player without a memory has of `Player`."""

    def reset(self, index: Any = ...) -> None:
        """Begin again in the games `index`; without a memory there is nothing to do."""

    def state_dict(self) -> dict[str, Any]:
        """Its memory."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""


class Keeper(Memoryless):
    """Stays on a line before its goal, at the height of the puck, within the goal's width: the scripted tracker.

    Args:
        config: of the table.
        line_x: where it stands [m], in its own frame.
    """

    def __init__(self, config: TableConfig, line_x: float | None = None) -> None:
        self.config = config
        self.line_x = config.mallet.zone_x_m[0] if line_x is None else line_x

    def __call__(self, observation: NDArray[np.float32]) -> Array:
        """See `Player`."""
        sight = see(observation, self.config.control_period_s)
        return self.guard(sight, sight.puck[:, 1])

    def guard(self, sight: Sight, y: Array) -> Array:
        """Actions that bring the mallet before where a puck would cross its line, within what the goal needs."""
        reach = 0.5 * self.config.goal_width_m
        place = np.stack([np.full(len(y), self.line_x), np.clip(y, -reach, reach)], axis=1)
        return steer(sight.target, place, self.config.control_period_s)


class Blocker(Keeper):
    """Stays in the middle of its goal, whatever comes: the still keeper."""

    def __call__(self, observation: NDArray[np.float32]) -> Array:
        """See `Player`."""
        sight = see(observation, self.config.control_period_s)
        return self.guard(sight, np.zeros(len(observation)))


class Predictor(Keeper):
    """Looks ahead, off the rims too, to where a shot will cross its line; waits where shots have come before.

    Args:
        config: of the table.
        n: games.
        line_x: where it stands [m].
        memory: weight of the latest shot in the mean of those before it; 0 for one that always waits in the middle.
    """

    def __init__(self, config: TableConfig, n: int, line_x: float | None = None, memory: float = 0.2) -> None:
        super().__init__(config, line_x)
        self._memory = memory
        self._usual_y, self._under_way = np.zeros(n), np.zeros(n, dtype=bool)

    def reset(self, index: Any = ...) -> None:
        """Forget the opponent of the games `index`."""
        self._usual_y[index], self._under_way[index] = 0.0, False

    def state_dict(self) -> dict[str, Any]:
        """See `Memoryless`."""
        return {"usual_y": self._usual_y.copy(), "under_way": self._under_way.copy()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Memoryless`."""
        self._usual_y, self._under_way = np.array(state["usual_y"]), np.array(state["under_way"])

    def __call__(self, observation: NDArray[np.float32]) -> Array:
        """See `Player`."""
        return self.defend(see(observation, self.config.control_period_s))

    def defend(self, sight: Sight) -> Array:
        """Actions that bring the mallet to where the puck will come, or wait for it."""
        path = self.look_ahead(sight)
        shot = np.isfinite(path.time_s)
        y = np.where(shot, np.nan_to_num(path.y), 0.3 * np.clip(sight.puck[:, 1], -0.3, 0.3) + self._usual_y)
        begins = shot & ~self._under_way
        self._usual_y = np.where(begins, self._usual_y + self._memory * (y - self._usual_y), self._usual_y)
        self._under_way = shot
        return self.guard(sight, y)

    def look_ahead(self, sight: Sight) -> Crossing:
        """Where the puck will cross the line; nowhere for one that does not come."""
        coming = sight.velocity[:, 0] < -COMING_M_S
        velocity = np.where(coming[:, None], sight.velocity, 0.0)
        return crossing(sight.puck, velocity, np.zeros(len(coming)), self.line_x, self.config)
