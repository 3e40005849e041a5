"""The court: n tables with all that is between them and the players - cameras, delays, histories - for both sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.skill.hockey import (
    HOCKEY_AGES,
    HOCKEY_FRAME_SIZE,
    HOCKEY_OBSERVATION_SIZE,
    HockeyMeasurement,
    hockey_frame,
    hockey_velocity,
)
from maxent_robot.skill.observation import ObservationHistory
from sim.hockey.config import Sensing
from sim.hockey.sensing import Camera
from sim.hockey.state import AWAY, HOME, SIDES, Array, Happened, Table, TableState


class Court:
    """Both players of n tables see and act through it.

    Args:
        table: n tables.
        sensing: how they are seen.
        seed: of noise, delays and drop-outs.
    """

    def __init__(self, table: Table, sensing: Sensing, seed: int) -> None:
        self.table, self.sensing = table, sensing
        self.n = len(table.state.puck)
        self._camera = Camera(sensing, self.n, table.config.control_period_s)
        self._history = ObservationHistory(self.n, 2, frame_size=HOCKEY_FRAME_SIZE, ages=HOCKEY_AGES)
        self._previous = np.zeros((self.n, 2, 2))
        self._commands = np.zeros((self.n, sensing.command_delay_periods[1] + 1, 2, 2))  # newest first
        self._command_delay = np.zeros((self.n, 2), dtype=np.int64)
        self._observation = np.zeros((self.n, 2, HOCKEY_OBSERVATION_SIZE), dtype=np.float32)
        self._generator = np.random.default_rng(seed)

    def seed(self, seed: int) -> None:
        """Begin the noise again."""
        self._generator = np.random.default_rng(seed)

    @property
    def observation(self) -> NDArray[np.float32]:
        """(n, 2, 75) of the home and of the away player, each in its own frame."""
        return self._observation

    @property
    def previous_action(self) -> Array:
        """(n, 2, 2) of both players, in [-1, 1]; 0 at the beginning of an episode."""
        return self._previous

    def begin(self, state: TableState, index: NDArray[np.intp]) -> None:
        """Put the tables `index` into a new state, `len(index)` of them, and forget what came before it."""
        self.table.place(state, index)
        low, high = self.sensing.command_delay_periods
        self._command_delay[index] = self._generator.integers(low, high + 1, size=(len(index), 2))
        self._previous[index], self._commands[index] = 0.0, 0.0
        self._camera.begin(self.table.state, index, self._generator)
        self._history.reset(index)
        self._observation[index] = self._history.push(self._frame()[index], index)

    def step(self, action: NDArray[Any]) -> Happened:
        """One control period with actions (n, 2, 2) in [-1, 1], each in its player's frame."""
        self._previous = np.clip(np.asarray(action, dtype=np.float64), -1.0, 1.0)
        self._commands[:, 1:] = self._commands[:, :-1]
        self._commands[:, 0] = self._previous
        rows = np.arange(self.n)
        late = np.stack(
            [self._commands[rows, self._command_delay[:, player], player] for player in (HOME, AWAY)], axis=1
        )
        happened = self.table.step(hockey_velocity(late, SIDES))
        self._camera.look(self.table.state, self._generator)
        self._observation = self._history.push(self._frame())
        return happened

    def _frame(self) -> Array:
        state, camera = self.table.state, self._camera
        measurement = HockeyMeasurement(
            mallet=state.mallets,
            mallet_velocity=state.mallet_velocities,
            target=state.targets,
            puck=np.repeat(camera.puck[:, None], 2, axis=1),
            puck_age_s=np.repeat(camera.puck_age_s[:, None], 2, axis=1),
            opponent=camera.mallets[:, ::-1],
            previous_action=self._previous,
        )
        return hockey_frame(measurement, SIDES)

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on bit for bit."""
        return {
            "table": self.table.state.as_dict(),
            "camera": self._camera.state_dict(),
            "history": self._history.state(),
            "previous": self._previous.copy(),
            "commands": self._commands.copy(),
            "command_delay": self._command_delay.copy(),
            "observation": self._observation.copy(),
            "generator": self._generator.bit_generator.state,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state_dict` gave."""
        self.table.place(TableState.from_dict(state["table"]))
        self._camera.load_state_dict(state["camera"])
        self._history.restore(state["history"])
        self._previous, self._commands = np.array(state["previous"]), np.array(state["commands"])
        self._command_delay = np.array(state["command_delay"])
        self._observation = np.array(state["observation"])
        self._generator.bit_generator.state = state["generator"]
