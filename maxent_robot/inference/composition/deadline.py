"""A deadline for the composer: it works in a thread of its own, and when it is late the primary skill acts alone."""

from __future__ import annotations

import time
from concurrent import futures
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from maxent_robot.inference.composition.composer import ComposedAction, Composer, act_alone
from maxent_robot.inference.session import InferenceError

RESERVE_S = 2e-4
"""Of the budget, kept for the primary skill to act alone."""


class BoundedComposer:
    """A composer that answers within a budget. It has a thread: `close` it when it is done with.

    While the composition of an earlier state still goes on, no other is begun.

    Args:
        composer: called from a thread; set its `composition` as before.
        budget_s: from the call to the answer, more than `RESERVE_S`.

    Attributes:
        composer: as given.

    Raises:
        InferenceError: the budget is too small.
    """

    def __init__(self, composer: Composer, budget_s: float) -> None:
        if not budget_s > RESERVE_S:
            raise InferenceError(f"budget is {budget_s} s, must be more than {RESERVE_S} s")
        self.composer, self._budget_s = composer, budget_s
        self._generator = np.random.default_rng([composer.seed, 1])
        self._executor = futures.ThreadPoolExecutor(1, thread_name_prefix="composer")
        self._running: futures.Future[ComposedAction] | None = None

    def __call__(self, observation: NDArray[np.float64], temperature: float = 1.0) -> ComposedAction:
        """Choose an action, see `Composer.__call__`; with the reason in `fallback` when it was late."""
        late_s = time.monotonic() + self._budget_s - RESERVE_S
        if self._running is None or self._running.done():
            self._running = self._executor.submit(self.composer, observation, temperature)
            try:
                return self._running.result(max(0.0, late_s - time.monotonic()))
            except futures.TimeoutError:
                reason = f"no composition within {1e3 * self._budget_s:g} ms"
        else:
            reason = "the composition before is still going on"
        alone = act_alone(self.composer.primary, observation, temperature, self._generator)
        return replace(alone, fallback=reason)

    def close(self) -> None:
        """End the thread, once it has finished what it is at."""
        self._executor.shutdown()
