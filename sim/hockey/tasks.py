"""Which task the settings name."""

from __future__ import annotations

from typing import TypeAlias

from sim.hockey.config import HockeyConfig
from sim.hockey.players import Player
from sim.hockey.shootout import PenaltyTask
from sim.hockey.task import HockeyTask

Task: TypeAlias = HockeyTask | PenaltyTask


def make_task(config: HockeyConfig, n: int, opponent: Player | None = None) -> Task:
    """n episodes of it; arguments and errors as `HockeyTask`. A keeper of penalties is nobody's to give."""
    return PenaltyTask(config, n) if config.task == "penalty" else HockeyTask(config, n, opponent)
