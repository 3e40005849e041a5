"""Numbered episodes of plug insertion, the same for every policy, and a table of what came of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sim.plug.config import PlugConfig
from sim.plug.spiral import SPIRAL, SpiralConfig, SpiralSearch
from sim.plug.task import PlugTask

Progress = Callable[[int, int], None]  # finished episodes, successes among them
Watch = Callable[[NDArray[np.bool_]], None]  # which places of the batch were within an episode when it acted


@runtime_checkable
class EpisodePolicy(Protocol):
    """A policy for a fixed number of places; ``reset`` is told which of them begin a new episode."""

    def reset(self, index: Any) -> None: ...

    def __call__(self, observation: NDArray[np.float32]) -> NDArray[np.float32]: ...


@dataclass
class EpisodeTable:
    """One row an episode, in the order of their numbers.

    Attributes:
        success: (episodes,) bool.
        time_s: (episodes,) to success, to failure or the time limit.
        peak_force_n: (episodes,) largest 10 ms mean of the contact force.
        outcome: (episodes,) 'success', 'force_stop' or 'timeout'.
        depth_m: (episodes,) at the end.
    """

    success: NDArray[np.bool_]
    time_s: NDArray[np.float64]
    peak_force_n: NDArray[np.float64]
    depth_m: NDArray[np.float64]
    outcome: list[str] = field(default_factory=list)


class StatelessPolicy:
    """A function of the observation alone, as a policy."""

    def __init__(self, act: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> None:
        self._act = act

    def reset(self, index: Any) -> None:
        """Nothing to forget."""

    def __call__(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._act(observation)


def run_episodes(
    config: PlugConfig,
    policy: EpisodePolicy | Callable[[NDArray[np.float32]], NDArray[np.float32]] | str,
    episodes: int,
    seed: int,
    progress: Progress | None = None,
    *,
    watch: Watch | None = None,
    batch: int = 64,
    threads: int = 1,
    spiral: SpiralConfig | None = None,
) -> EpisodeTable:
    """Run episodes 0 to ``episodes`` - 1 of ``seed``; episode k is the same for every policy and every ``batch``.

    Args:
        policy: a function of observations (n, 150), which may remember if it has a ``reset``, or the name
            ``"spiral"``.
        threads: of the physics; what comes out does not depend on them.
        spiral: settings of the spiral search, if not the tuned ones of the connector.
        progress: called with the number of finished episodes and of successes.
        watch: called after every action of the batch, with those of its places that were within an episode.
    """
    n = min(batch, episodes)
    task = PlugTask(config, n, threads)
    chosen: EpisodePolicy
    if isinstance(policy, str):
        if policy != "spiral":
            raise ValueError(f"no policy {policy!r}: allowed is 'spiral' or a function")
        chosen = SpiralSearch(n, config.policy_period_s, spiral or SPIRAL[config.connector])
    else:
        chosen = policy if isinstance(policy, EpisodePolicy) else StatelessPolicy(policy)
    table = EpisodeTable(
        np.zeros(episodes, bool), np.zeros(episodes), np.zeros(episodes), np.zeros(episodes), [""] * episodes
    )
    number = np.arange(n)
    for first in range(n):
        task.begin(first, (seed, first))
    started, finished = n, 0
    chosen.reset(...)
    observation = task.observe()
    active = np.ones(n, dtype=bool)
    while active.any():
        action = chosen(observation)
        if watch is not None:
            watch(active)
        outcome = task.advance(action)
        ended = np.flatnonzero(active & (outcome.success | outcome.failure | outcome.timeout))
        observation = task.observe()
        fresh = []
        depth = task.depth()
        for place in ended:
            row = number[place]
            table.success[row] = outcome.success[place]
            table.time_s[row], table.peak_force_n[row] = task.time_s[place], task.peak_force_n[place]
            table.depth_m[row] = depth[place]
            table.outcome[row] = _name(outcome.success[place], outcome.failure[place])
            finished += 1
            if started < episodes:
                number[place] = started
                task.begin(int(place), (seed, started))
                started += 1
                fresh.append(int(place))
            else:
                active[place] = False
        if fresh:
            rows = np.array(fresh)
            chosen.reset(rows)
            observation[rows] = task.observe(rows)
        if progress is not None and ended.size:
            progress(finished, int(table.success.sum()))
    return table


def _name(success: bool, failure: bool) -> str:
    return "success" if success else "force_stop" if failure else "timeout"
