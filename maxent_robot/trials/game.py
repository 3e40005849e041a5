"""What a game of hockey between two arms has come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

PLAYERS = ("home", "away")
"""The two sides, which are also the namespaces of their arms."""


@dataclass(frozen=True)
class GameEvent:
    """A rally that has ended: when [s of play], how, and the score then."""

    time_s: float
    text: str
    score: str


class RallyLog:
    """The rallies of a game, from what the referee says whenever it says something (topic `hockey/score`)."""

    def __init__(self) -> None:
        self._ended = 0
        self.events: list[GameEvent] = []

    def take(self, values: Mapping[str, str], score: str) -> None:
        """Note the rally that has ended since the last call, if one has.

        Args:
            values: of the message: `ended`, how many rallies have, `last`, how the last of them did, and `time_s`.
            score: in words.
        """
        ended = int(values.get("ended", 0))
        if ended > self._ended:
            self.events.append(GameEvent(float(values["time_s"]), values["last"], score))
        self._ended = ended


@dataclass(frozen=True)
class GameResult:
    """One game.

    Attributes:
        game: number, from 1.
        goals: of home and away, those for faults among them.
        faults: of each, for holding the puck.
        rallies: that were served.
        time_s: of play.
        stopped: why it did not come to its end, for example `home: JOINT_VELOCITY`; empty where it did.
        events: how the rallies ended.
        interventions: of each player's supervisor in this game, by kind.
        latency_ms: median and 95th percentile of each player's actions, from the joint state to the action.
        trace: (n, 7) time [s], puck, home mallet and away mallet [m], frame `table`.
    """

    game: int
    goals: tuple[int, int]
    faults: tuple[int, int]
    rallies: int
    time_s: float
    stopped: str
    events: Sequence[GameEvent]
    interventions: Mapping[str, Mapping[str, int]]
    latency_ms: Mapping[str, tuple[float, float]]
    trace: NDArray[np.float64] = field(repr=False)

    @property
    def winner(self) -> str:
        """`home`, `away` or `draw`; empty for a game that was stopped."""
        if self.stopped:
            return ""
        home, away = self.goals
        return "draw" if home == away else PLAYERS[0] if home > away else PLAYERS[1]

    def figures(self) -> dict[str, Any]:
        """Everything but the trace, for a JSON file."""
        return {
            "game": self.game,
            "goals": list(self.goals),
            "faults": list(self.faults),
            "winner": self.winner,
            "stopped": self.stopped,
            "rallies": self.rallies,
            "time_s": self.time_s,
            "events": [{"time_s": event.time_s, "text": event.text, "score": event.score} for event in self.events],
            "interventions": {player: dict(kinds) for player, kinds in self.interventions.items()},
            "latency_ms": {player: list(values) for player, values in self.latency_ms.items()},
            "top_speed_m_s": {player: self.top_speed_m_s(player) for player in PLAYERS},
        }

    def top_speed_m_s(self, player: str) -> float:
        """Greatest speed of a player's mallet, over three pictures of the table."""
        start, apart = 3 + 2 * PLAYERS.index(player), 3
        if len(self.trace) <= apart:
            return 0.0
        steps = self.trace[apart:, start : start + 2] - self.trace[:-apart, start : start + 2]
        elapsed = self.trace[apart:, 0] - self.trace[:-apart, 0]
        return float((np.linalg.norm(steps, axis=1) / np.maximum(elapsed, 0.04)).max())
