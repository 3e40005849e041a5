"""Pictures of the table from above, off screen."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from sim.hockey.config import TableConfig
from sim.hockey.scene import build_model
from sim.hockey.state import TableState

WIDTH, HEIGHT = 640, 345


class TablePicture:
    """Renders one table of a state; close it to free the graphics context.

    Args:
        config: of the table.
    """

    def __init__(self, config: TableConfig) -> None:
        self._config = config
        self._model: mujoco.MjModel | None = None
        self._renderer: mujoco.Renderer | None = None

    def __call__(self, state: TableState, index: int) -> NDArray[np.uint8]:
        """(345, 640, 3) uint8 of table `index`."""
        if self._renderer is None or self._model is None:
            self._model = build_model(self._config, 0.001)
            self._renderer = mujoco.Renderer(self._model, HEIGHT, WIDTH)
        data = mujoco.MjData(self._model)
        data.qpos[:2], data.qpos[3:7] = state.puck[index], state.mallets[index].ravel()
        mujoco.mj_forward(self._model, data)
        camera = mujoco.MjvCamera()
        mujoco.mjv_defaultCamera(camera)
        camera.distance, camera.azimuth, camera.elevation = 1.45 * self._config.width_m, 90.0, -90.0
        self._renderer.update_scene(data, camera)
        return self._renderer.render()

    def close(self) -> None:
        """Free the graphics context."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None
