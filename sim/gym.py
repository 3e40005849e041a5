"""Plug insertion as a Gymnasium environment, one episode at a time, on the same task as everything else.

``gymnasium.make("MaxentRobot/PlugInsertion-v0")`` after ``import sim``; the settings are those of ``PlugConfig``:
``gymnasium.make("MaxentRobot/PlugInsertion-v0", settings={"clearance_m": [0.0002, 0.0004]})``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from maxent_robot.config import config_from_mapping
from maxent_robot.skill import ACTION_SIZE, OBSERVATION_SIZE
from sim.plug.config import PlugConfig
from sim.plug.task import PlugTask
from sim.render import SceneRenderer


class PlugInsertionEnv(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
    """Insert a plug whose socket is not quite where it is thought to be.

    Observation: (150,) float32, stacked frames of ``maxent_robot.skill.OBSERVATION_FIELDS``, SI units.
    Action: (6,) float32 in [-1, 1], a twist in socket axes as a share of ``ACTION_MAXIMUM``.
    Reward: sum of the terms in ``info["reward_terms"]`` less ``info["force_cost"]``.
    Terminated: inserted and held, or the force limit passed. Truncated: out of time.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012 (Gymnasium's own declaration)

    def __init__(self, render_mode: str | None = None, settings: Mapping[str, Any] | None = None) -> None:
        self.config = config_from_mapping(dict(settings or {}), PlugConfig, source="settings")
        self.render_mode = render_mode
        self.observation_space = spaces.Box(-np.inf, np.inf, (OBSERVATION_SIZE,), np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (ACTION_SIZE,), np.float32)
        self.task = PlugTask(self.config, 1)
        self._renderer: SceneRenderer | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode; the same ``seed`` gives the same scenario and the same sensor noise."""
        super().reset(seed=seed)
        self.task.begin(0, tuple(int(word) for word in self.np_random.integers(2**32, size=4)))
        return self.task.observe()[0], self._info()

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """One policy period."""
        outcome = self.task.advance(np.asarray(action, dtype=np.float64)[None])
        info = self._info()
        info["reward_terms"] = {name: float(value[0]) for name, value in outcome.terms.items()}
        info["force_cost"] = float(outcome.cost[0])
        info["is_success"] = bool(outcome.success[0])
        terminated = bool(outcome.success[0] or outcome.failure[0])
        reward = float(outcome.reward[0] - outcome.cost[0])
        return self.task.observe()[0], reward, terminated, bool(outcome.timeout[0]), info

    def render(self) -> NDArray[np.uint8] | None:
        """(480, 640, 3) uint8 picture of the plug and the socket, in ``render_mode="rgb_array"``."""
        if self.render_mode is None:
            return None
        if self._renderer is None:
            self._renderer = SceneRenderer(640, 480)
        return self._renderer.picture(*self.task.physics.snapshot(0))

    def close(self) -> None:
        """Free the renderer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _info(self) -> dict[str, Any]:
        return {
            "time_s": float(self.task.time_s[0]),
            "depth_m": float(self.task.depth()[0]),
            "peak_force_n": float(self.task.peak_force_n[0]),
        }
