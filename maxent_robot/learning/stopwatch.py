"""Time spent in one kind of work, over many short stretches and over a run's interruptions."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any


class Stopwatch:
    """Runs inside `with`; adds up stretches, wall-clock time and the processor time of this process."""

    def __init__(self) -> None:
        self.count = 0
        self.wall_s = 0.0
        self.cpu_s = 0.0
        self._began = (0.0, 0.0)

    def __enter__(self) -> Stopwatch:
        self._began = time.monotonic(), time.process_time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        wall, cpu = self._began
        self.count += 1
        self.wall_s += time.monotonic() - wall
        self.cpu_s += time.process_time() - cpu

    def state_dict(self) -> dict[str, Any]:
        """The sums."""
        return {"count": self.count, "wall_s": self.wall_s, "cpu_s": self.cpu_s}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from sums given by `state_dict`."""
        self.count = int(state["count"])
        self.wall_s, self.cpu_s = float(state["wall_s"]), float(state["cpu_s"])
