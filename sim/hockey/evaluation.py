"""Numbered episodes of hockey, the same beginnings for every player, and a table of what came of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sim.hockey.config import HockeyConfig
from sim.hockey.players import Player
from sim.hockey.state import Array
from sim.hockey.tasks import make_task

Progress = Callable[[int, int], None]
"""Called with the number of finished episodes and of the successes among them."""


@dataclass
class RallyTable:
    """One row an episode, in the order of their numbers.

    Attributes:
        success: (episodes,) bool.
        time_s: (episodes,) of each.
        outcome: (episodes,) 'success', 'failure' or 'timeout'.
    """

    success: NDArray[np.bool_]
    time_s: Array
    outcome: list[str] = field(default_factory=list)


def run_rallies(
    config: HockeyConfig,
    player: Player,
    episodes: int,
    seed: int,
    progress: Progress | None = None,
    *,
    opponent: Player | None = None,
    batch: int = 256,
) -> RallyTable:
    """Run episodes 0 to `episodes` - 1 of `seed`; each begins the same for every player, the noise is drawn anew.

    Args:
        player: at home.
        opponent: the away player; made by the names in `config` where not given.
        batch: episodes at a time, as many as either player plays.
    """
    n = min(batch, episodes)
    task = make_task(config, n, opponent)
    task.seed(seed)
    number = np.arange(n)
    task.begin(number, [(seed, int(one)) for one in number])
    player.reset()
    table = RallyTable(np.zeros(episodes, dtype=bool), np.zeros(episodes), [""] * episodes)
    started, finished = n, 0
    active = np.ones(n, dtype=bool)
    while active.any():
        outcome = task.advance(player(task.observe()))
        ended = np.flatnonzero(active & (outcome.success | outcome.failure | outcome.timeout))
        for place in ended:
            row = number[place]
            table.success[row], table.time_s[row] = outcome.success[place], task.time_s[place]
            table.outcome[row] = (
                "success" if outcome.success[place] else "failure" if outcome.failure[place] else "timeout"
            )
        finished += len(ended)
        fresh = ended[: episodes - started]
        active[ended[len(fresh) :]] = False
        if fresh.size:
            number[fresh] = np.arange(started, started + len(fresh))
            started += len(fresh)
            task.begin(fresh, [(seed, int(one)) for one in number[fresh]])
            player.reset(fresh)
        if progress is not None and ended.size:
            progress(finished, int(table.success.sum()))
    return table
