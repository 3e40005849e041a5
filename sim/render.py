"""Pictures of the scene, off screen (EGL where no display is set)."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray


class SceneRenderer:
    """Renders scenes of one size; close it to free the graphics context.

    Args:
        width, height: pixels, at most 1280 x 960.
    """

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._renderer: mujoco.Renderer | None = None
        self._model: mujoco.MjModel | None = None

    def picture(self, model: mujoco.MjModel, data: mujoco.MjData, view: str = "close") -> NDArray[np.uint8]:
        """(height, width, 3) uint8; ``view`` is ``"close"`` on the plug or ``"arm"``."""
        if self._renderer is None or self._model is not model:
            self.close()
            self._renderer, self._model = mujoco.Renderer(model, self._size[1], self._size[0]), model
        mujoco.mj_forward(model, data)
        camera = mujoco.MjvCamera()
        mujoco.mjv_defaultCamera(camera)
        if view == "close":
            camera.lookat[:] = data.body("socket").xpos + [0.0, 0.0, 0.02]
            camera.distance, camera.azimuth, camera.elevation = 0.26, 130.0, -18.0
        else:
            camera.lookat[:] = [0.28, 0.0, 0.38]
            camera.distance, camera.azimuth, camera.elevation = 1.45, 125.0, -14.0
        self._renderer.update_scene(data, camera)
        # The hand's shadow would hide the holes that the close view is there to show.
        self._renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = view != "close"
        return self._renderer.render()

    def close(self) -> None:
        """Free the graphics context."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = self._model = None
