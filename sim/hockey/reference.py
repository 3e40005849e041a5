"""Air hockey in MuJoCo, in the plane: what the NumPy table is checked against."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from mujoco import rollout

from sim.hockey.config import TableConfig
from sim.hockey.mallets import move_targets
from sim.hockey.scene import build_model
from sim.hockey.state import Array, Happened, Table, TableState
from sim.periods import whole_steps

_STATE = mujoco.mjtState.mjSTATE_FULLPHYSICS
_PUCK, _TURN, _MALLETS = slice(0, 2), 2, slice(3, 7)


class MujocoTable(Table):
    """n tables; see `Table`.

    Args:
        config: of all of them.
        n: how many.
        timestep_s: of the physics; a period of the targets is a multiple of it.

    Raises:
        ConfigError: it is not.
    """

    def __init__(self, config: TableConfig, n: int, timestep_s: float = 0.001) -> None:
        super().__init__(config, n)
        self.model = build_model(config, timestep_s)
        must_be = "with physics mujoco it must be a whole number of physics steps of"
        self._substeps = whole_steps(
            config.target_period_s, timestep_s, f"target_period_s is {config.target_period_s:g} s; {must_be}"
        )
        self._data = mujoco.MjData(self.model)
        self._rollout = rollout.Rollout(nthread=0)
        self._physics = np.zeros((n, mujoco.mj_stateSize(self.model, _STATE)))
        self._position = slice(1, 1 + self.model.nq)
        self._velocity = slice(1 + self.model.nq, 1 + self.model.nq + self.model.nv)
        self.place(self.state)

    def place(self, state: TableState, index: Any = ...) -> None:
        """See `Table`."""
        super().place(state, index)
        self._write()

    def _piece(self, velocity: Array, happened: Happened) -> None:
        """See `Table`."""
        state = self.state
        move_targets(state, velocity, self.config)
        control = np.repeat(state.targets.reshape(self.n, 1, 4), self._substeps, axis=1)
        states, sensors = self._rollout.rollout(self.model, self._data, self._physics, control)
        self._physics = states[:, -1].copy()
        happened.touched[...] |= (sensors > 0.0).any(axis=1)
        self._read()
        beyond = 0.5 * self.config.length_m
        scored = np.flatnonzero(
            (np.abs(states[:, :, 1]) > beyond).any(axis=1) & (np.abs(state.puck_velocity) > 0.0).any(axis=1)
        )
        if scored.size:
            self._score(scored, happened)
            self._write()

    def _read(self) -> None:
        position, velocity = self._physics[:, self._position], self._physics[:, self._velocity]
        state = self.state
        state.puck[...], state.puck_velocity[...] = position[:, _PUCK], velocity[:, _PUCK]
        state.spin[...] = velocity[:, _TURN]
        state.mallets[...] = position[:, _MALLETS].reshape(self.n, 2, 2)
        state.mallet_velocities[...] = velocity[:, _MALLETS].reshape(self.n, 2, 2)

    def _write(self) -> None:
        position, velocity = self._physics[:, self._position], self._physics[:, self._velocity]
        state = self.state
        position[:, _PUCK], velocity[:, _PUCK] = state.puck, state.puck_velocity
        position[:, _TURN], velocity[:, _TURN] = 0.0, state.spin
        position[:, _MALLETS] = state.mallets.reshape(self.n, 4)
        velocity[:, _MALLETS] = state.mallet_velocities.reshape(self.n, 4)
